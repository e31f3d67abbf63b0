"""Facts that ``torchrun`` gives a process that it starts, and one voice for all processes.

Loads no PyTorch: a command asks before it loads anything.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from datetime import timedelta
from pathlib import Path

_STARTED = "TORCHELASTIC_RUN_ID"
"""Only torchrun sets this variable; other programs set ``RANK`` and ``WORLD_SIZE`` too."""
_SECONDS_TO_REACH_THE_STORE = 20


def number_of_ranks() -> int:
    """Number of processes of this run; 1 without torchrun."""
    return int(os.environ["WORLD_SIZE"]) if _STARTED in os.environ else 1


def own_rank() -> int:
    """Number of this process among them, from 0; the first one writes and shows progress."""
    return int(os.environ["RANK"]) if _STARTED in os.environ else 0


def rank_on_this_machine() -> tuple[int, int]:
    """Number of this process among those on this machine, and how many those are."""
    if _STARTED not in os.environ:
        return 0, 1
    return int(os.environ["LOCAL_RANK"]), int(os.environ["LOCAL_WORLD_SIZE"])


def cores() -> int:
    """Number of processor cores for each process on this machine."""
    return max(1, (os.cpu_count() or 1) // rank_on_this_machine()[1])


@contextmanager
def one_voice() -> Iterator[None]:
    """Let one of several processes speak: the first shows progress, and one reports what failed.

    What ends one process ends all, and each would report it, or that it has lost the others.
    Only the first that something happens to does.

    Raises:
        typer.Exit: something ended this process, and another one has reported why.
    """
    if number_of_ranks() == 1:
        yield
        return
    import typer  # noqa: PLC0415  # not in a served model

    try:
        with (
            Path(os.devnull).open("w", encoding="utf-8") as nowhere,
            redirect_stdout(nowhere if own_rank() else sys.stdout),
        ):
            yield
    except KeyboardInterrupt:
        if not _first_to_tell():
            raise typer.Exit(130) from None
        raise
    except Exception:
        if not _first_to_tell():
            raise typer.Exit(1) from None
        raise


def _first_to_tell() -> bool:
    """Whether no other process of this run has ended before this one."""
    from torch.distributed import (  # type: ignore[attr-defined]  # noqa: PLC0415  # slow
        TCPStore,
    )

    try:
        store = TCPStore(
            os.environ["MASTER_ADDR"],
            int(os.environ["MASTER_PORT"]),
            is_master=False,
            wait_for_workers=False,
            timeout=timedelta(seconds=_SECONDS_TO_REACH_THE_STORE),
        )
        return bool(store.add(f"objloc/told/{os.environ['TORCHELASTIC_RESTART_COUNT']}", 1) == 1)
    except RuntimeError:
        return True  # rather twice than never
