"""Set-up of a process that runs a command, and the report of a user's mistakes."""

import atexit
import ctypes
import errno
import gc
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

import typer
from typer.core import TyperArgument, TyperCommand

from objloc.errors import ObjlocError

# Set before PyTorch is loaded, which happens inside a command: threads that wait for
# each other sleep instead of spinning. Spinning threads make training several times
# slower as soon as another process needs a processor (`python -m benchmarks.threads`).
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# Python looks once more for unused cycles among all objects when it ends: half a second with
# PyTorch loaded, for memory that the system takes back anyway.
atexit.register(gc.freeze)

# Parameters of glibc's mallopt.
_TRIM_THRESHOLD = -1
_MMAP_THRESHOLD = -3
_MMAP_MAX = -4
_ARENA_MAX = -8
_HUGE_PAGES = "THP_MEM_ALLOC_ENABLE"
"""Variable that PyTorch's allocator reads at its first tensor."""

_DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Numbers of errors: no space on the disk, a quota or the limit of a file's size reached."""

Log = Callable[[str], None]
"""Function that takes a line of progress."""

HELP_OPTIONS = {"help_option_names": ["-h", "--help"]}
"""Settings of a command's context: the options that show its help."""


class PlainCommand(TyperCommand):
    """A command whose usage line has arguments' names as manuals do: ``FOLDER [RUN]``.

    Typer itself has ``{folder} [RUN]``.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for each in self.params:
            if isinstance(each, TyperArgument) and each.metavar is None:
                each.metavar = str(each.name).upper()

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """The usage line's words; several arguments under one name do not repeat."""
        plain = [re.sub(r"^\{(.*)\}", r"\1", each) for each in super().collect_usage_pieces(ctx)]
        return [each.removesuffix("...") if " " in each else each for each in plain]


@contextmanager
def mistakes_reported() -> Iterator[None]:
    """Report a user's mistake in the block as one line on standard error, not a traceback.

    A full disk is one too.

    Raises:
        typer.Exit: status 1 for a mistake, 130 for an interrupt.
    """
    try:
        yield
    except ObjlocError as error:
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(1) from None
    except OSError as error:
        if error.errno not in _DISK_FULL:
            raise
        place = error.filename or "a file"
        print(f"error: {place}: cannot be written: {error.strerror}", file=sys.stderr)
        raise typer.Exit(1) from None
    except KeyboardInterrupt as error:
        print(": ".join(["interrupted", *map(str, error.args)]), file=sys.stderr)
        raise typer.Exit(130) from None


@contextmanager
def interrupts() -> Iterator[list[int]]:
    """Collect SIGINT and SIGTERM in a list instead of stopping in the middle of a step."""
    caught: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        if caught:  # a second one means it
            raise KeyboardInterrupt
        caught.append(number)

    before = {}
    with suppress(ValueError):  # not the main thread: leave signals alone
        for number in (signal.SIGINT, signal.SIGTERM):
            before[number] = signal.signal(number, note)
    try:
        yield caught
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def keep_freed_memory() -> bool:
    """Make the C library keep freed memory for the next tensors of this process.

    Every update allocates and frees hundreds of megabytes. By default glibc returns them
    to the system, which clears each page before it is used again. With large tensors on a
    virtual machine that can take as long as the arithmetic (``python -m
    benchmarks.memory``). Where the system offers huge pages on request, PyTorch requests
    them, so that there are fewer pages to clear. No result changes. Call it once, at the
    start of a process and before its first tensor.

    Returns:
        Whether the settings were made; only glibc has them.
    """
    mallopt = _mallopt()
    if mallopt is None:
        return False
    os.environ.setdefault(_HUGE_PAGES, "1")
    return bool(mallopt(_MMAP_MAX, 0)) and bool(mallopt(_TRIM_THRESHOLD, 2**31 - 1))


def return_freed_memory() -> bool:
    """Make the C library return large pieces of freed memory to the system at once.

    By default glibc keeps them, with a heap for each of many threads: a process that answers
    requests for days in changing threads then grows, though nothing of it is in use. Call it
    once, at the start of such a process.

    Returns:
        Whether the settings were made; only glibc has them.
    """
    mallopt = _mallopt()
    return mallopt is not None and bool(mallopt(_MMAP_THRESHOLD, 2**20) and mallopt(_ARENA_MAX, 2))


def _mallopt() -> Callable[[int, int], int] | None:
    """The function of glibc that changes how it allocates; None: another C library."""
    if not sys.platform.startswith("linux"):
        return None
    try:
        mallopt: Callable[[int, int], int] = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return None
    return mallopt
