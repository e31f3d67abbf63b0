import itertools
import stat
from pathlib import Path
from types import SimpleNamespace

import pytest

from benchmarks import speed
from benchmarks.speed import Row, replay, speed_table
from objloc.errors import ObjlocError

_DVC = """#!/bin/sh
echo "Running stage 'shard':"
echo "Running stage 'train':"
exit {status}
"""


def test_figures_stand_beside_goal_and_floor() -> None:
    rows = [
        Row("an update", 174.4, "ms", None, 53.0, "its products"),
        Row("images", 1.5, "images/s", 15, more_is_better=True),
        Row("help", 0.25, "s", 0.4),
    ]
    lines = speed_table({"parts": {"some": [row._asdict() for row in rows]}}).splitlines()
    assert lines[2:] == [
        "| an update | **174 ms** |  | 53 ms | its products |",
        "| images | **1.5 images/s** | ≥ 15 images/s |  |  |",
        "| help | **0.25 s** | ≤ 0.4 s |  |  |",
    ]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    return tmp_path


def with_dvc(clone: Path, status: int) -> None:
    program = clone / ".venv" / "bin" / "dvc"
    program.write_text(_DVC.format(status=status))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)


def test_a_stage_lasts_until_the_next_one_begins(
    clone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_dvc(clone, 0)
    seconds = itertools.accumulate([10, 3, 5])
    monkeypatch.setattr(speed, "time", SimpleNamespace(monotonic=lambda: next(seconds)))
    assert speed.seconds_by_stage(clone) == {"shard": 3, "train": 5}


def test_a_pipeline_that_fails_has_no_time(clone: Path) -> None:
    with_dvc(clone, 3)
    with pytest.raises(ObjlocError, match="Running stage 'train'"):
        speed.seconds_by_stage(clone)


def test_the_replay_memory_of_every_agent_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "_REPLAYED", ("scenes",))
    (row,) = replay()
    # Image, category, two windows, an action, a reward, and whether it ended: no pixels.
    assert 40 <= row.now <= 128
