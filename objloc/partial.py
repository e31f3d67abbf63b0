"""Partial outputs: files and folders being written, and those that dead processes left.

A partial output is ``.NAME.RANDOM.objloc-partial`` beside the output it will become. The process
that writes it holds a lock on it. The kernel releases the lock when the process ends, even by
SIGKILL, so a partial output without a lock is a leftover. Locks need no number of a process,
which another container or machine would not know.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from objloc.errors import ObjlocError

SUFFIX = ".objloc-partial"


@contextmanager
def partial_file(folder: Path, name: str) -> Iterator[Path]:
    """Give a new empty file beside an output; it is removed at the end unless it was renamed.

    Args:
        folder: an existing folder.
        name: name of the output.

    Raises:
        OSError: the folder is not writable.
    """
    while True:
        handle, path = tempfile.mkstemp(SUFFIX, f".{name}.", folder)
        if _keep(handle, path):
            break
    try:
        yield Path(path)
    finally:
        Path(path).unlink(missing_ok=True)
        os.close(handle)


@contextmanager
def partial_folder(folder: Path, name: str) -> Iterator[Path]:
    """Give a new folder beside an output; it is removed at the end unless it was renamed.

    Leftovers of the same output go first, so that their space can be used.

    Args:
        folder: an existing folder.
        name: name of the output.

    Raises:
        OSError: the folder is not writable.
    """
    sweep(folder, name)
    while True:
        path = tempfile.mkdtemp(SUFFIX, f".{name}.", folder)
        handle = os.open(path, os.O_RDONLY)
        if _keep(handle, path):
            break
    try:
        yield Path(path)
    finally:
        shutil.rmtree(path, ignore_errors=True)
        os.close(handle)


def _keep(handle: int, path: str) -> bool:
    """Lock a new file or folder; False if another process swept it before it was locked."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
    except OSError:
        return True  # a file system without locks, where nothing is swept
    if Path(path).exists():
        return True
    os.close(handle)
    return False


def sweep(folder: Path, name: str | None = None) -> None:
    """Remove the partial outputs in a folder that no live process is writing.

    Args:
        folder: nothing happens if it does not exist.
        name: name of the output; None: all outputs in the folder.
    """
    start = "." if name is None else f".{name}."
    try:
        found = [each for each in folder.iterdir() if each.name.startswith(start)]
    except OSError:
        return
    for path in found:
        if path.name.endswith((SUFFIX, f"{SUFFIX}.earlier")):
            _remove_leftover(path)


def _remove_leftover(path: Path) -> None:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    except OSError:
        return  # held by a live process, or somebody else's
    finally:
        os.close(handle)


@contextmanager
def only_writer(output: Path) -> Iterator[None]:
    """Let no other process write an output while the block runs; sweep its leftovers first.

    The lock is on the file ``.NAME.lock`` beside the output. Where no such file can be made,
    there is no lock; writing the output then reports why.

    Raises:
        ObjlocError: another process writes it; the message names the process.
    """
    output = output.resolve()
    lock = output.with_name(f".{output.name}.lock")
    missing = [folder for folder in output.parents if not folder.exists()]
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        handle = _locked(lock)
    except BlockingIOError:
        raise ObjlocError(
            f"{output}: expected no other process to write it; found process "
            f"{lock.read_text('utf-8').strip()}: wait until it ends, or stop it"
        ) from None
    except OSError:
        yield
        return
    try:
        # On a full disk the lock holds without the number.
        with suppress(OSError):
            os.truncate(handle, 0)
            os.write(handle, f"{os.getpid()}\n".encode())
        sweep(output.parent, output.name)
        for folder in (output, *(each for each in output.glob("*") if each.is_dir())):
            sweep(folder)
        yield
    finally:
        lock.unlink(missing_ok=True)
        os.close(handle)
        for folder in missing:
            # It stays if it holds anything.
            with suppress(OSError):
                folder.rmdir()


def _locked(lock: Path) -> int:
    """Make a lock's file and lock it; its descriptor.

    Raises:
        BlockingIOError: another process holds it.
    """
    while True:
        handle = os.open(lock, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # An earlier holder may have removed the file since it was opened.
            if lock.exists() and os.path.samestat(os.fstat(handle), lock.stat()):
                return handle
        except OSError:
            os.close(handle)
            raise
        os.close(handle)
