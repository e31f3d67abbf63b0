"""Run a command while no other process runs one under the same lock; others wait.

``python stages/_alone.py LOCK COMMAND...`` needs no package, since the Makefile sets one up
with it. The command keeps the lock open as long as one of its processes lives, however the
others end.
"""

import fcntl
import os
import sys
from pathlib import Path


def main(lock: Path, command: list[str]) -> None:
    """Wait for the lock, then become the command."""
    handle = os.open(lock, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        found = lock.read_text("utf-8").strip()
        print(f"waits for process {found}, which does the same in this folder", file=sys.stderr)
        fcntl.flock(handle, fcntl.LOCK_EX)
    except OSError:
        pass  # a file system without locks
    os.truncate(handle, 0)
    os.write(handle, f"{os.getpid()}\n".encode())
    # Shells use the low numbers for themselves; a copy of this kind is passed on to commands.
    fcntl.fcntl(handle, fcntl.F_DUPFD, 64)
    os.execvp(command[0], command)  # noqa: S606 - the command is the caller's own


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
