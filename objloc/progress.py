"""How far a long piece of work is: a bar on a terminal, a line now and then elsewhere."""

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
"""Seconds between two lines where there is no terminal (a log, or under DVC)."""

Unit = Literal["bytes", "images"]


@contextmanager
def progress(label: str, total: int, unit: Unit, start: int = 0) -> Iterator[Callable[[int], None]]:
    """Show progress on standard error while the block runs.

    Args:
        label: what is being done.
        total: when it is done, in units.
        unit: of ``total``.
        start: what was there already; it counts as done, not as speed.

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
    """The same as lines of text, for logs."""

    def __init__(self, label: str, total: int, unit: Unit, start: int) -> None:
        self._label, self._total, self._unit = label, total, unit
        self._start = self._done = start
        self._begun = self._shown = time.monotonic()

    def advance(self, amount: int) -> None:
        self._done += amount
        if time.monotonic() - self._shown >= LINE_EVERY:
            self.show()

    def show(self) -> None:
        self._shown = time.monotonic()
        rate = (self._done - self._start) / max(self._shown - self._begun, 1e-3)
        left = (self._total - self._done) / rate if rate > 0 else float("inf")
        scale, unit = (1e6, "MB") if self._unit == "bytes" else (1.0, "images")
        share = 100 * self._done / self._total if self._total else 100.0
        digits = 1 if self._unit == "bytes" else 0
        line = (
            f"{self._label}: {self._done / scale:.{digits}f} of {self._total / scale:.{digits}f} "
            f"{unit} ({share:.0f} %), {rate / scale:.{digits}f} {unit}/s"
        )
        if self._done < self._total and left < float("inf"):
            line += f", {left // 60:.0f}:{left % 60:02.0f} left"
        print(line, file=sys.stderr, flush=True)
