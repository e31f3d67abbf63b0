"""How a long training tells where it stands: a line on a terminal, lines in a log."""

import logging
import time
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from objloc.learning.progress import Tick

LINE_EVERY = 20.0
"""Seconds between two lines where there is no terminal; pipelines see life in them."""


class TrainingProgress:
    """A live bar on a terminal, else a line every 20 seconds; both into the log file.

    Args:
        log: the log file, appended to.
        console: where to print.
    """

    def __init__(self, log: Path, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False)
        self._live = self._console.is_terminal
        log.parent.mkdir(parents=True, exist_ok=True)
        self._log = logging.Logger("objloc.train", logging.INFO)
        handler = logging.FileHandler(log, encoding="utf-8")
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
        self._log.addHandler(handler)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:3.0f}%"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[state]}"),
            console=self._console,
        )
        self._task: TaskID | None = None
        self._gain = float("nan")
        self._start()

    def _start(self) -> None:
        self._began = self._spoke = time.monotonic()
        self._from: Tick | None = None

    def __enter__(self) -> "TrainingProgress":
        if self._live:
            self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._live:
            self._bar.stop()
        for handler in self._log.handlers:
            handler.close()

    def phase(self, name: str) -> None:
        """A new phase begins."""
        self._start()
        self._gain = float("nan")
        if self._task is not None:
            self._bar.remove_task(self._task)
        self._task = self._bar.add_task(name, total=1.0, state="")
        self.say(f"phase {name}")

    def say(self, line: str) -> None:
        """Print a line and log it."""
        self._console.print(line, markup=False, soft_wrap=True)
        self._log.info(line)

    def update(self, tick: Tick) -> None:
        """Tell where training stands, if it is time to."""
        now = time.monotonic()
        if self._from is None:
            self._from = tick
        if tick.report is not None:
            self._gain = tick.report.metrics["val_gain"]
        due = tick.report is not None or now - self._spoke >= LINE_EVERY
        if not (due or self._live):
            return
        state = self._state(tick, now)
        if self._live and self._task is not None:
            self._bar.update(self._task, completed=tick.progress, state=state)
        if due:
            self._spoke = now
            line = f"{tick.progress:4.0%} {state}, {self._left(tick, now)} left"
            if tick.report is not None:
                self.say(f"{line}, success {tick.report.metrics['score']:.3f} on val")
            elif self._live:
                self._log.info(line)
            else:
                self.say(line)

    def rates(self, tick: Tick) -> dict[str, float]:
        """Speed since the phase began: steps and updates a second."""
        first = self._from or tick
        seconds = max(1e-9, time.monotonic() - self._began)
        return {
            "steps_per_second": (tick.steps - first.steps) / seconds,
            "updates_per_second": (tick.updates - first.updates) / seconds,
        }

    def _state(self, tick: Tick, now: float) -> str:
        rate = (tick.steps - (self._from or tick).steps) / max(1e-9, now - self._began)
        return (
            f"loss {tick.loss:.3f}, epsilon {tick.epsilon:.2f}, reward {tick.reward:+.1f}, "
            f"success minus best fixed box {self._gain:+.3f}, {rate:.0f} steps/s"
        )

    def _left(self, tick: Tick, now: float) -> str:
        done = tick.progress - (self._from or tick).progress
        if done <= 0:
            return "?"
        seconds = int((now - self._began) * (1 - tick.progress) / done)
        return f"{seconds // 60}:{seconds % 60:02d}"
