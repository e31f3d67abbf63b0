"""Try inputs in a process of its own, limited in memory and processor time."""

import multiprocessing
import os
import resource
import signal
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Literal

from objloc.errors import ObjlocError

MIB = 2**20
HELD = ("read", "refused")

Attempt = Callable[[int], None]
"""Reads the input of a number; a function of a module, or a ``functools.partial`` of one."""


@dataclass(frozen=True)
class Limits:
    """Limits of one input.

    Attributes:
        memory: bytes of address space beyond what the process has before the first input.
        processor: seconds of processor time, which a busy machine does not shorten.
        silence: seconds after which a process that waits for something is ended.
    """

    memory: int
    processor: float = 60.0
    silence: float = 900.0


@dataclass(frozen=True)
class Outcome:
    """What became of an input.

    Attributes:
        number: the input's.
        kind: ``read``; ``refused`` by the program's own error; ``failed`` by any other
            exception or warning; ``hung``; ``died``, the process with it.
        detail: the error.
        peak: resident memory in bytes beyond that before the input; 0 where it is not known.
    """

    number: int
    kind: Literal["read", "refused", "failed", "hung", "died"]
    detail: str = ""
    peak: int = 0


def outcomes(attempt: Attempt, numbers: Iterable[int], limits: Limits) -> Iterator[Outcome]:
    """Try inputs one after another; a process that an input ends is replaced.

    Raises:
        RuntimeError: a process ended before its first input.
    """
    # Each process is a copy of one that has loaded what takes long.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["torch"])
    waiting = list(numbers)
    while waiting:
        receiver, sender = context.Pipe(duplex=False)
        process = context.Process(target=_try_all, args=(sender, attempt, waiting, limits))
        process.start()
        sender.close()
        if _received(receiver, limits.silence) != "ready":
            raise RuntimeError("the process that tries the inputs could not start")
        done = 0
        while done < len(waiting) and isinstance(
            found := _received(receiver, limits.silence), Outcome
        ):
            done += 1
            yield found
        if silent := done < len(waiting) and found == "silent":
            process.kill()
        process.join()
        if done < len(waiting):
            hung = silent or process.exitcode == -signal.SIGPROF
            ended = f"the process ended with status {process.exitcode}"
            yield Outcome(waiting[done], "hung" if hung else "died", ended)
            done += 1
        waiting = waiting[done:]


def summary(found: Iterable[Outcome]) -> tuple[int, int, str, list[Outcome]]:
    """Number of inputs, number of those that were read or refused, a remark, and the others."""
    found = list(found)
    counts = Counter(each.kind for each in found)
    note = f"read {counts['read']:,}; refused {counts['refused']:,}"
    if peak := max((each.peak for each in found), default=0):
        note += f"; at most {peak / MIB:.0f} MiB of memory for one"
    bad = [each for each in found if each.kind not in HELD]
    return len(found), len(found) - len(bad), note, bad


def _received(receiver: Connection, silence: float) -> object:
    """The next message; ``ended`` or ``silent`` if there is none."""
    if not receiver.poll(silence):
        return "silent"
    try:
        return receiver.recv()
    except EOFError:
        return "ended"


def _try_all(sender: Connection, attempt: Attempt, numbers: list[int], limits: Limits) -> None:
    # A warning is two lines about the program's own code, which help nobody.
    warnings.simplefilter("error")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):  # Notes, and what libraries print.
        os.dup2(nowhere, stream)
    limit = _status("VmSize") + limits.memory
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sender.send("ready")
    for number in numbers:
        signal.setitimer(signal.ITIMER_PROF, limits.processor)
        before = _reset_peak()
        outcome = _tried(attempt, number)
        peak = max(_status("VmHWM") - before, 0)
        signal.setitimer(signal.ITIMER_PROF, 0)
        sender.send(Outcome(number, *outcome, peak))


def _tried(attempt: Attempt, number: int) -> tuple[Literal["read", "refused", "failed"], str]:
    try:
        attempt(number)
    except ObjlocError as error:
        return "refused", str(error)
    except Exception as error:
        frames = traceback.extract_tb(error.__traceback__)
        ours = [each for each in frames if "objloc" in Path(each.filename).parts] or frames
        place = f"{Path(ours[-1].filename).name}:{ours[-1].lineno}"
        return "failed", f"{place}: {type(error).__name__}: {str(error)[:200]}"
    return "read", ""


def _reset_peak() -> int:
    """Reset the peak of resident memory, where Linux can; the memory now, in bytes."""
    path = Path("/proc/self/clear_refs")
    if path.exists():
        path.write_text("5", "ascii")
    return _status("VmRSS")


def _status(name: str) -> int:
    """A size of ``/proc/self/status`` in bytes; 0 without it."""
    path = Path("/proc/self/status")
    lines = path.read_text("ascii").splitlines() if path.exists() else []
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))
