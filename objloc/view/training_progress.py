"""Display the progress of a training on the terminal, and write it to a log file."""

import logging
import math
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from objloc.learning.status import TrainingStatus
from objloc.progress import Pace


class TrainingProgress:
    """A live bar on a terminal, a line now and then elsewhere; both go into the log file.

    It is the ``Progress`` of ``objloc.learning.experiment``.

    Args:
        log_file: file that lines are appended to.
        console: where to print; None: standard output.
    """

    def __init__(self, log_file: Path, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False)
        self._live = self._console.is_terminal
        log_file.parent.mkdir(parents=True, exist_ok=True)
        self._logger = logging.Logger("objloc.train", logging.INFO)
        handler = logging.FileHandler(log_file, encoding="utf-8")
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
        self._logger.addHandler(handler)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:3.0f}%"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[state]}"),
            console=self._console,
        )
        self._task: TaskID | None = None
        self._start()

    def _start(self) -> None:
        self._pace = Pace()
        self._first: TrainingStatus | None = None
        self._gain = float("nan")

    def __enter__(self) -> "TrainingProgress":
        if self._live:
            self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._live:
            self._bar.stop()
        for handler in self._logger.handlers:
            handler.close()

    def phase(self, name: str) -> None:
        """Begin a phase: a bar of its own, speeds counted from here."""
        self._start()
        if self._task is not None:
            self._bar.remove_task(self._task)
        self._task = self._bar.add_task(name, total=1.0, state="")
        self.log(f"phase {name}")

    def log(self, line: str) -> None:
        """Print a line and append it to the log file."""
        self._console.print(line, markup=False, soft_wrap=True)
        self._logger.info(line)

    def update(self, status: TrainingStatus) -> None:
        """Show where training stands, if a line is due or the bar is live."""
        if self._first is None:
            self._first = status
        if status.report is not None:
            self._gain = status.report.metrics["val_gain"]
        due = status.report is not None or self._pace.line_due()
        if not (due or self._live):
            return
        state = self._state(status)
        if self._live and self._task is not None:
            self._bar.update(self._task, completed=status.progress, state=state)
        if not due:
            return
        self._pace.line_shown()
        line = f"{status.progress:4.0%} {state}, {self._left(status)} left"
        if status.report is not None:
            self.log(f"{line}, success {status.report.metrics['score']:.3f} on val")
        elif self._live:
            self._logger.info(line)
        else:
            self.log(line)

    def rates(self, status: TrainingStatus) -> dict[str, float]:
        """Steps and updates per second since the phase began."""
        first = self._first or status
        return {
            "steps_per_second": self._pace.rate(status.steps - first.steps),
            "updates_per_second": self._pace.rate(status.updates - first.updates),
        }

    def _state(self, status: TrainingStatus) -> str:
        """Figures that are known so far: some are not before the first update or validation."""
        parts = (
            (status.loss, f"loss {status.loss:.3f}"),
            (status.epsilon, f"epsilon {status.epsilon:.2f}"),
            (status.reward, f"reward {status.reward:+.1f}"),
            (self._gain, f"success minus best fixed box {self._gain:+.3f}"),
        )
        known = [text for value, text in parts if not math.isnan(value)]
        return ", ".join([*known, f"{self.rates(status)['steps_per_second']:.0f} steps/s"])

    def _left(self, status: TrainingStatus) -> str:
        done = status.progress - (self._first or status).progress
        return self._pace.left(done, 1 - status.progress)
