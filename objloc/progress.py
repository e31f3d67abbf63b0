"""Display the progress of long work: a bar on a terminal, a line now and then in a log."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

LINE_EVERY = 15.0
"""Seconds between two lines where there is no terminal (in a log, or under DVC)."""

Unit = Literal["bytes", "images"]


class Pace:
    """Measure the speed of work from now on, and decide when the next line is due."""

    def __init__(self) -> None:
        self._began = self._last_line = time.monotonic()

    def line_due(self) -> bool:
        """Whether ``LINE_EVERY`` seconds have passed since the last line."""
        return time.monotonic() - self._last_line >= LINE_EVERY

    def line_shown(self) -> None:
        """Start waiting for the next line."""
        self._last_line = time.monotonic()

    def rate(self, done: float) -> float:
        """Speed, in units per second, if ``done`` units were done since the start."""
        return done / max(1e-3, time.monotonic() - self._began)

    def left(self, done: float, rest: float) -> str:
        """Estimated time for the rest as ``minutes:seconds``; ``?`` while nothing is done."""
        rate = self.rate(done)
        if rate <= 0:
            return "?"
        seconds = round(rest / rate)
        return f"{seconds // 60}:{seconds % 60:02d}"


@contextmanager
def progress(label: str, total: int, unit: Unit, start: int = 0) -> Iterator[Callable[[int], None]]:
    """Show progress on standard error while the block runs.

    Args:
        label: name of the work.
        total: amount of work, in units.
        unit: unit of ``total``.
        start: amount done before; it counts as done but not towards the speed.

    Yields:
        A function to call with the number of units just done.
    """
    console = Console(file=sys.stderr)
    if console.is_terminal:
        columns: list[ProgressColumn | str] = [TextColumn("{task.description}"), BarColumn()]
        columns += (
            [DownloadColumn(), TransferSpeedColumn()] if unit == "bytes" else [MofNCompleteColumn()]
        )
        columns.append(TimeRemainingColumn())
        with Progress(*columns, console=console, transient=True) as bar:
            task = bar.add_task(label, total=total, completed=start)
            yield lambda amount: bar.advance(task, amount)
        return
    lines = _Lines(label, total, unit, start)
    yield lines.advance
    lines.show()


class _Lines:
    """Progress as lines of text, for logs."""

    def __init__(self, label: str, total: int, unit: Unit, start: int) -> None:
        self._label, self._total, self._unit = label, total, unit
        self._start = self._done = start
        self._pace = Pace()

    def advance(self, amount: int) -> None:
        self._done += amount
        if self._pace.line_due():
            self.show()

    def show(self) -> None:
        self._pace.line_shown()
        scale, unit, digits = (1e6, "MB", 1) if self._unit == "bytes" else (1.0, "images", 0)
        new, rest = self._done - self._start, self._total - self._done
        percent = 100 * self._done / self._total if self._total else 100.0
        line = (
            f"{self._label}: {self._done / scale:.{digits}f} of {self._total / scale:.{digits}f} "
            f"{unit} ({percent:.0f} %), {self._pace.rate(new) / scale:.{digits}f} {unit}/s"
        )
        if rest > 0 and new > 0:
            line += f", {self._pace.left(new, rest)} left"
        print(line, file=sys.stderr, flush=True)
