"""Remove DVC's lock file if a kill left it damaged, with which DVC refuses every command."""

import fcntl
import os
import sys
from pathlib import Path

from objloc.cli._workspace import damaged_lock
from objloc.files import repository_root


def main(root: Path) -> None:
    """Remove the file, unless a process of DVC may be writing it."""
    if damaged_lock(root) is None:
        return
    # DVC writes the one while it holds the other.
    handle = os.open(root / ".dvc" / "tmp" / "rwlock.lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        path = damaged_lock(root)
        if path is not None:
            path.unlink()
            print(f"{path}: left damaged by a kill; removed", file=sys.stderr)
    finally:
        os.close(handle)


if __name__ == "__main__":
    main(repository_root())
