"""Mend the files of DVC that a kill left cut, with which DVC refuses every command.

A lost ``dvc.lock`` costs no computation: DVC's run cache knows the stages that have run.
"""

import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from objloc.cli._workspace import damaged_lock, damaged_record, is_record
from objloc.files import repository_root, write_atomically


def main(root: Path) -> None:
    """Mend the files, but while a process of DVC may be writing them."""
    if damaged_lock(root):
        with _held(root / ".dvc" / "tmp" / "rwlock.lock"):
            path = damaged_lock(root)
            if path is not None:
                path.unlink()
                _tell(path, "removed")
    if damaged_record(root):
        with _held(root / ".dvc" / "tmp" / "lock"):
            path = damaged_record(root)
            if path is not None:
                _restore(path)


@contextmanager
def _held(lock: Path) -> Iterator[None]:
    """Hold a lock as DVC does while it writes the other file."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(lock, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _restore(path: Path) -> None:
    """Take ``dvc.lock`` from the last commit; remove it if there is none."""
    command = ["git", "show", f"HEAD:./{path.name}"]
    try:
        shown = subprocess.run(  # noqa: S603 - fixed arguments, no shell
            command, cwd=path.parent, capture_output=True, text=True, check=False
        )
    except OSError:
        shown = None
    if shown and shown.returncode == 0 and is_record(shown.stdout):
        write_atomically(path, shown.stdout)
        _tell(path, "taken from the last commit")
    else:
        path.unlink()
        _tell(path, "removed")


def _tell(path: Path, what: str) -> None:
    print(f"{path}: left damaged by a kill; {what}", file=sys.stderr)


if __name__ == "__main__":
    main(repository_root())
