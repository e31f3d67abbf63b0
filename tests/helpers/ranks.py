"""Commands run as several processes by torchrun, and processes played by threads."""

import os
import subprocess
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any, TypeVar

import torch
from torch import Tensor

from objloc.ranks.group import Ranks
from tests.helpers.imports import ROOT

ENDED = "found that one has ended|stopped, or another process ended"
"""What a process says whose neighbour was killed: it notices itself, or torchrun is quicker."""

T = TypeVar("T")
U = TypeVar("U")


def run_ranks(
    python: Path, number: int, *command: str | Path, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run ``python COMMAND`` as several processes, in the working folder.

    Args:
        python: the program, such as that of the fixture ``warm``.
        number: number of processes.
        command: its arguments.
        environment: further variables.
    """
    torchrun = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(number))
    return subprocess.run(
        [python, *torchrun, "--no-python", python, *command],
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)} | environment,
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def told(done: subprocess.CompletedProcess[str]) -> str:
    """The one line in which processes that failed say why."""
    assert done.returncode != 0, done.stderr
    (line,) = (each for each in done.stderr.splitlines() if each.startswith("error: "))
    return line.removeprefix("error: ")


class Threads(Ranks):
    """Processes played by threads, which tell each other through a list.

    Args:
        rank, number: see ``Ranks``.
        barrier, told: shared by all.
    """

    def __init__(self, rank: int, number: int, barrier: Barrier, told: list[Any]) -> None:
        self.rank, self.number = rank, number
        self._barrier, self._told = barrier, told

    def _all(self, value: Any) -> list[Any]:
        self._told[self.rank] = value
        self._barrier.wait()
        found = list(self._told)
        self._barrier.wait()
        return found

    def total(self, values: Tensor) -> Tensor:
        return torch.stack(self._all(values)).sum(dim=0)

    def rows(self, mine: Tensor) -> Tensor:
        return torch.cat(self._all(mine))

    def to_first(self, value: Any) -> list[Any]:
        found = self._all(value)
        return found if self.first else []

    def from_first(self, make: Callable[[], T]) -> T:
        found: T = self._all(make() if self.first else None)[0]
        return found

    def any(self, *flags: bool) -> tuple[bool, ...]:
        return tuple(map(any, zip(*self._all(flags), strict=True)))


def in_threads(number: int, make: Callable[[Ranks], T], work: Callable[[T], U]) -> list[U]:
    """What each of several threads that play processes comes to.

    Args:
        number: number of threads.
        make: makes what a process works with; for one after another, since networks are built
            with PyTorch's one generator.
        work: what all do at the same time.
    """
    barrier, told = Barrier(number, timeout=600), [None] * number

    def stop(done: Future[U]) -> None:
        # Those that wait for one that failed must not wait for long.
        if done.exception():
            barrier.abort()

    made = [make(Threads(rank, number, barrier, told)) for rank in range(number)]
    with ThreadPoolExecutor(number) as pool:
        begun = [pool.submit(work, each) for each in made]
        for each in begun:
            each.add_done_callback(stop)
        return [each.result() for each in begun]
