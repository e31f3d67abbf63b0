import errno
import os
import subprocess
import sys

import pytest
import typer

from objloc.command import mistakes_reported
from objloc.errors import ObjlocError


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (ObjlocError("a.yaml: expected b; found c"), 1, "error: a.yaml: expected b; found c"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (KeyboardInterrupt("a is kept"), 130, "interrupted: a is kept"),
        (
            OSError(errno.ENOSPC, "No space left on device", "a.log"),
            1,
            "error: a.log: cannot be written: No space left on device",
        ),
    ],
    ids=["mistake", "interrupt", "interrupt with advice", "full disk"],
)
def test_a_mistake_is_one_line_and_a_status(
    error: BaseException, status: int, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit) as caught, mistakes_reported():
        raise error
    assert caught.value.exit_code == status
    assert capsys.readouterr() == ("", f"{line}\n")


def test_any_other_error_keeps_its_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ZeroDivisionError), mistakes_reported():
        1 / 0  # noqa: B018
    with pytest.raises(PermissionError), mistakes_reported():
        raise PermissionError(errno.EACCES, "Permission denied", "a.log")
    with mistakes_reported():
        pass
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(("given", "found"), [(None, "PASSIVE"), ("ACTIVE", "ACTIVE")])
def test_threads_wait_asleep_unless_the_user_says_otherwise(given: str | None, found: str) -> None:
    environment = {name: text for name, text in os.environ.items() if name != "OMP_WAIT_POLICY"}
    done = subprocess.run(
        [sys.executable, "-c", "import os, objloc.command; print(os.environ['OMP_WAIT_POLICY'])"],
        env=environment | ({"OMP_WAIT_POLICY": given} if given else {}),
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == found


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="settings of glibc")
@pytest.mark.parametrize(("given", "found"), [(None, "1"), ("0", "0")])
def test_huge_pages_are_requested_unless_the_user_decides(given: str | None, found: str) -> None:
    name = "THP_MEM_ALLOC_ENABLE"
    environment = {key: text for key, text in os.environ.items() if key != name}
    script = (
        "import os; from objloc.command import keep_freed_memory; keep_freed_memory(); "
        f"print(os.environ['{name}'])"
    )
    result = subprocess.run(
        [sys.executable, "-c", script],
        env=environment | ({name: given} if given else {}),
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert result.stdout.strip() == found


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="it is glibc that keeps memory")
def test_freed_memory_is_returned() -> None:
    script = """
import psutil, threading
from objloc.command import return_freed_memory
assert return_freed_memory()
def use():
    kept = [bytearray(b"1") * 2_000_000 for _ in range(100)]
    sizes.append(psutil.Process().memory_info().rss)
sizes = []
threads = [threading.Thread(target=use) for _ in range(8)]
for thread in threads:
    thread.start()
    thread.join()
print(max(sizes) // 2**20, psutil.Process().memory_info().rss // 2**20)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    most, left = map(int, done.stdout.split())
    assert most > left + 150


def test_a_process_ends_without_a_last_look_at_all_objects() -> None:
    # Functions that are registered first run last.
    code = (
        "import atexit, gc\n"
        "atexit.register(lambda: print(gc.get_freeze_count() > 1000))\n"
        "import objloc.command\n"
        "assert gc.get_freeze_count() == 0\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr
