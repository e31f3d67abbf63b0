"""The display of a training: lines in a log, a bar on a terminal."""

import dataclasses
import io
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from objloc import progress as progress_module
from objloc.learning.status import TrainingStatus, ValidationReport
from objloc.progress import LINE_EVERY
from objloc.view.training_progress import TrainingProgress
from tests.test_progress import Clock

STATUS = TrainingStatus(
    progress=0.0, updates=10, steps=100, episodes=1, loss=0.5, epsilon=0.9, reward=-2.0
)
NONE = np.zeros(0, np.float32)
REPORT = ValidationReport({"val_gain": 0.25, "score": 0.5}, NONE, NONE, best=True)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(progress_module, "time", clock)
    return clock


def at(progress: float, steps: int, report: ValidationReport | None = None) -> TrainingStatus:
    return dataclasses.replace(STATUS, progress=progress, steps=steps, report=report)


def lines(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines()]


def test_elsewhere_a_line_comes_now_and_then_and_with_each_report(
    clock: Clock, tmp_path: Path
) -> None:
    shown, log = io.StringIO(), tmp_path / "logs" / "train.log"
    with TrainingProgress(log, Console(file=shown)) as progress:
        progress.phase("1 of 1: cat")
        progress.update(at(0.1, 100))
        clock.now += LINE_EVERY - 1
        progress.update(at(0.2, 200))
        assert lines(shown.getvalue()) == ["phase 1 of 1: cat"]
        clock.now += 1
        progress.update(at(0.4, 100 + 30 * int(LINE_EVERY)))  # not validated yet
        clock.now += LINE_EVERY
        progress.update(at(0.7, 100 + 30 * int(LINE_EVERY), REPORT))
        progress.log("[bold] cut")
        assert progress.rates(at(0.7, 400)) == {
            "steps_per_second": 300 / (2 * LINE_EVERY), "updates_per_second": 0.0,
        }  # fmt: skip
    state = "loss 0.500, epsilon 0.90, reward -2.0"
    assert lines(shown.getvalue()) == [
        "phase 1 of 1: cat",
        f"40% {state}, 30 steps/s, 0:30 left",
        f"70% {state}, success minus best fixed box +0.250, 15 steps/s, 0:15 left, "
        "success 0.500 on val",
        "[bold] cut",
    ]
    assert [line.split(maxsplit=2)[2] for line in lines(log.read_text())] == lines(shown.getvalue())


def test_on_a_terminal_a_bar_is_live_and_the_log_has_the_lines(
    clock: Clock, tmp_path: Path
) -> None:
    shown, log = io.StringIO(), tmp_path / "train.log"
    with TrainingProgress(log, Console(file=shown, force_terminal=True, width=200)) as progress:
        progress.phase("1 of 2: cat")
        clock.now += LINE_EVERY
        progress.update(at(0.5, 300))
        progress.phase("2 of 2: dog")
    assert "30 steps/s" not in shown.getvalue().splitlines()[0]
    assert "━" in shown.getvalue()
    assert "0 steps/s, ? left" in log.read_text()
    assert "phase 2 of 2: dog" in log.read_text()
