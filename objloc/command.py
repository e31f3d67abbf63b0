"""What all commands share: how threads wait, and mistakes told in one line."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer

from objloc.errors import ObjlocError

# Before PyTorch is loaded, which is inside a command: threads that wait for each
# other sleep instead of spinning. Spinning threads slow training down several times
# as soon as anything else wants a processor (`python -m benchmarks.threads`).
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

Log = Callable[[str], None]
"""Takes a line of progress."""


@contextmanager
def mistakes_told() -> Iterator[None]:
    """Run a command: a user's mistake is one line on standard error, not a traceback.

    Raises:
        typer.Exit: status 1 for a mistake, 130 for an interrupt.
    """
    try:
        yield
    except ObjlocError as error:
        print(f"error: {error}", file=sys.stderr)  # a command's own face
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        raise typer.Exit(130) from None
