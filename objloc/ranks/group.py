"""Communication of the processes of a run: PyTorch's collective operations, and one error.

A process alone is a ``Ranks`` too, whose operations give back what they are given: code that
several processes can run has no case for one.
"""

import hashlib
import itertools
import json
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.distributed_c10d import PrefixStore, Store
from torch.distributed.rendezvous import rendezvous

import objloc
from objloc.errors import ObjlocError
from objloc.ranks.launch import number_of_ranks, rank_on_this_machine

_TIME_LIMIT = timedelta(minutes=10)
"""For one operation. A process that ends is noticed at once, one that hangs after this."""
_SECONDS_BETWEEN_LOOKS = 0.02

_JOINED = itertools.count()

T = TypeVar("T")


class Ranks:
    """A process alone.

    Attributes:
        number: number of processes.
        rank: number of this one, from 0.
    """

    number = 1
    rank = 0

    @property
    def first(self) -> bool:
        """Whether this is the process that writes and shows progress."""
        return self.rank == 0

    def part(self, length: int) -> slice:
        """This process's part of ``length`` rows; parts differ by one row at most."""
        each, more = divmod(length, self.number)
        start = self.rank * each + min(self.rank, more)
        return slice(start, start + each + (self.rank < more))

    def total(self, values: Tensor) -> Tensor:
        """Sum over all processes, the same on each; ``values`` may be overwritten."""
        return values

    def rows(self, mine: Tensor) -> Tensor:
        """Rows of all processes in order, ``[n, ...]`` of this one."""
        return mine

    def to_first(self, value: T) -> list[T]:
        """Values of all processes in order; empty on all but the first."""
        return [value]

    def from_first(self, make: Callable[[], T]) -> T:
        """Result of a function that the first process alone calls."""
        return make()

    def any(self, *flags: bool) -> tuple[bool, ...]:
        """For each flag, whether it is set on any process."""
        return flags

    def take(self, jobs: Sequence[Callable[[], T]]) -> dict[int, T]:
        """Do jobs until all are taken, each by one process; the results of this one, by place.

        A process takes the next job whenever it is done with one, so put long ones first. No
        result may depend on which process does the job.
        """
        return {place: job() for place, job in enumerate(jobs)}

    def collect(self, mine: dict[int, T]) -> list[T]:
        """Results of all jobs of a ``take``, in order, on the first process; it waits for them."""
        return list(mine.values())

    def require_same(self, facts: Mapping[str, Any]) -> None:
        """Compare what all processes must agree on.

        Args:
            facts: values for JSON by name; nested ones are named ``outer.inner``.

        Raises:
            ObjlocError: they differ; the message names the first difference.
        """

    def require_enough(self, available: int, what: str) -> None:
        """Refuse more processes than there is something to do for.

        Raises:
            ObjlocError: some of them would have nothing.
        """
        if available < self.number:
            raise ObjlocError(
                f"torchrun: expected at most {available} processes, one for each of {what}; "
                f"found {self.number}"
            )


ALONE = Ranks()
"""A process without others."""


class _Joined(Ranks):
    """One of several processes.

    Args:
        store: key-value store that all reach.
        rank, number: see ``Ranks``.
    """

    def __init__(self, store: Store, rank: int, number: int) -> None:
        self._store = PrefixStore("objloc", store)
        self.rank, self.number = rank, number
        self._lists = self._collected = 0

    def total(self, values: Tensor) -> Tensor:
        with _all_there():
            dist.all_reduce(values)
        return values

    def rows(self, mine: Tensor) -> Tensor:
        size = torch.tensor([len(mine)])
        sizes = [torch.empty_like(size) for _ in range(self.number)]
        with _all_there():
            dist.all_gather(sizes, size)
            lengths = [int(each) for each in sizes]
            # All pieces must be of one size; gloo knows no booleans.
            kind = torch.uint8 if mine.dtype == torch.bool else mine.dtype
            padded = mine.new_zeros((max(lengths), *mine.shape[1:]), dtype=kind)
            padded[: len(mine)] = mine
            pieces = [torch.empty_like(padded) for _ in range(self.number)]
            dist.all_gather(pieces, padded)
        return torch.cat(
            [piece[:length] for piece, length in zip(pieces, lengths, strict=True)]
        ).to(mine.dtype)

    def to_first(self, value: T) -> list[T]:
        found: list[Any] = [None] * self.number
        with _all_there():
            dist.gather_object(value, found if self.first else None)
        return found if self.first else []

    def from_first(self, make: Callable[[], T]) -> T:
        held = [make() if self.first else None]
        with _all_there():
            dist.broadcast_object_list(held)
        return held[0]  # type: ignore[return-value]

    def any(self, *flags: bool) -> tuple[bool, ...]:
        return tuple(self.total(torch.tensor(flags, dtype=torch.int64)).bool().tolist())

    def take(self, jobs: Sequence[Callable[[], T]]) -> dict[int, T]:
        self._lists += 1
        name = f"jobs {self._lists}"
        mine: dict[int, T] = {}
        while (place := self._count(name) - 1) < len(jobs):
            mine[place] = jobs[place]()
        return mine

    def collect(self, mine: dict[int, T]) -> list[T]:
        # Not by a collective operation alone: a job may take longer than the limit of one.
        self._collected += 1
        name = f"collected {self._collected}"
        self._count(name)
        while self._count(name, 0) < self.number:
            time.sleep(_SECONDS_BETWEEN_LOOKS)
        together = {place: value for each in self.to_first(mine) for place, value in each.items()}
        return [together[place] for place in sorted(together)]

    def _count(self, name: str, more: int = 1) -> int:
        """Add to a counter of all processes; its value."""
        with _all_there():
            return int(self._store.add(name, more))

    def require_same(self, facts: Mapping[str, Any]) -> None:
        mine = _flat(facts)
        everyone: list[Any] = [None] * self.number
        with _all_there():
            dist.all_gather_object(everyone, mine)
        for rank, other in enumerate(everyone):
            for name in sorted({**everyone[0], **other}):
                one, two = everyone[0].get(name), other.get(name)
                if one != two:
                    raise ObjlocError(
                        f"torchrun: expected the same {name} on all processes; found {one} on "
                        f"process 0 and {two} on process {rank}"
                    )


@contextmanager
def joined_ranks(device: torch.device) -> Iterator[Ranks]:
    """Join the processes that torchrun started together; without torchrun, one alone.

    On GPUs each process on a machine takes the GPU of its number there.

    Args:
        device: what networks compute on.

    Raises:
        ObjlocError: a machine has fewer GPUs than processes; in the block, another process
            ended or does not answer.
    """
    if number_of_ranks() == 1:
        yield ALONE
        return
    backend = "gloo"
    if device.type == "cuda":
        mine, here = rank_on_this_machine()
        if torch.cuda.device_count() < here:
            raise ObjlocError(
                f"torchrun: expected at most {torch.cuda.device_count()} processes on this "
                f"machine, one for each GPU; found {here} (--nproc-per-node)"
            )
        torch.cuda.set_device(mine)
        backend = "cpu:gloo,cuda:nccl"
    with _stopped_in_words():
        with _all_there():
            found, rank, number = next(rendezvous("env://", timeout=_TIME_LIMIT))
            # A process that joins twice must not read what it wrote the first time.
            store = PrefixStore(f"joined {next(_JOINED)}", found)
            dist.init_process_group(
                backend, store=store, rank=rank, world_size=number, timeout=_TIME_LIMIT
            )
        yield _Joined(store, rank, number)
    # Not after an error: the others would notice before this process has told its own.
    dist.destroy_process_group()


@contextmanager
def _all_there() -> Iterator[None]:
    """Report a process that has ended in one line."""
    try:
        yield
    except RuntimeError as error:
        reason = str(error).splitlines()[0][:200]
        raise ObjlocError(
            "torchrun: expected all processes to go on; found that one has ended, or does not "
            f"answer: the same command starts them again, a training from its last saved state "
            f"({reason})"
        ) from None


@contextmanager
def _stopped_in_words() -> Iterator[None]:
    """Say why this process ends when torchrun stops it, because another one ended.

    After an error it ignores SIGTERM, and is meant to end.
    """

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise ObjlocError(
            "torchrun: stopped, or another process ended: the same command starts them again, "
            "a training from its last saved state"
        )

    before = None
    with suppress(ValueError):  # not the main thread: leave signals alone
        before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    except BaseException:
        # torchrun stops all as soon as one ends, and this process has yet to say why it does.
        if before is not None:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise
    if before is not None:
        signal.signal(signal.SIGTERM, before)


def processes(ranks: Ranks) -> dict[str, str]:
    """The number of processes, where there are several, as a fact about a run's machine."""
    return {"processes": str(ranks.number)} if ranks.number > 1 else {}


def code_hash() -> str:
    """Hash of this program's code, which all processes must share."""
    folder = Path(objloc.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(f"{path.relative_to(folder)}\n".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def _flat(facts: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Facts as JSON by their full names."""
    found: dict[str, str] = {}
    for name, value in facts.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{prefix}{name}.")
        else:
            found[prefix + name] = json.dumps(value)
    return found
