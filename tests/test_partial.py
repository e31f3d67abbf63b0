"""Partial outputs: locks of live processes, leftovers of dead ones."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from objloc.errors import ObjlocError
from objloc.files import folder_written_whole, write_atomically
from objloc.partial import SUFFIX, only_writer, partial_file, partial_folder, sweep

KEEPING = """
import sys
from pathlib import Path
from objloc.partial import only_writer, partial_file, partial_folder
kind, folder = sys.argv[1], Path(sys.argv[2])
block = only_writer(folder / "out") if kind == "writer" else (
    partial_file(folder, "out") if kind == "file" else partial_folder(folder, "out"))
with block as path:
    if kind == "folder":
        (path / "large").write_bytes(bytes(1000))
    print("ready", flush=True)
    sys.stdin.read()
"""


@contextmanager
def another_process(kind: str, folder: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A process that holds a partial output, or is the only writer, until it is killed."""
    with subprocess.Popen(
        [sys.executable, "-c", KEEPING, kind, folder],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == b"ready\n"
        yield process
        process.kill()


def killed(kind: str, folder: Path) -> None:
    with another_process(kind, folder) as process:
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_what_a_live_process_writes_stays_and_what_a_dead_one_left_goes(
    kind: str, tmp_path: Path
) -> None:
    killed(kind, tmp_path)
    (left,) = names(tmp_path)
    with another_process(kind, tmp_path):
        assert len(names(tmp_path)) == 2 - (kind == "folder"), "a folder sweeps those of its name"
        sweep(tmp_path, "out")
        (live,) = names(tmp_path)
        assert live != left
        assert live.startswith(".out.")
        assert live.endswith(SUFFIX)
    sweep(tmp_path, "out")
    assert names(tmp_path) == []


def test_only_leftovers_of_the_named_output_go(tmp_path: Path) -> None:
    mine = [f".out.abc{SUFFIX}", f".out.abc{SUFFIX}.earlier"]
    others = [f".output.abc{SUFFIX}", ".out.partial", f"out.abc{SUFFIX}", ".out.lock"]
    for name in (*mine, *others):
        (tmp_path / name).mkdir()
    sweep(tmp_path, "out")
    assert names(tmp_path) == sorted(others)
    sweep(tmp_path)
    assert names(tmp_path) == sorted(others[1:])
    sweep(tmp_path / "missing")


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("years")
    (tmp_path / f".out.abc{SUFFIX}").symlink_to(tmp_path / "mine")
    sweep(tmp_path, "out")
    assert (tmp_path / "mine" / "thesis.tex").read_text() == "years"


def test_a_partial_output_that_was_not_renamed_goes(tmp_path: Path) -> None:
    with partial_file(tmp_path, "a") as file, partial_folder(tmp_path, "b") as folder:
        assert file.read_bytes() == b""
        (folder / "part").write_text("x")
        assert names(tmp_path) == sorted([file.name, folder.name])
    assert names(tmp_path) == []


def test_one_process_writes_an_output_and_others_are_refused(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with another_process("writer", tmp_path) as process:
        with pytest.raises(ObjlocError) as caught, only_writer(out):
            pass
        assert str(caught.value) == (
            f"{out}: expected no other process to write it; found process {process.pid}: wait "
            f"until it ends, or stop it"
        )
        with only_writer(tmp_path / "other"):
            pass
        assert names(tmp_path) == [".out.lock"]
    with (
        only_writer(out),
        pytest.raises(ObjlocError, match=f"found process {os.getpid()}"),
        only_writer(tmp_path / "." / "out"),
    ):
        pass
    assert names(tmp_path) == [], "the lock of a killed process goes too"


def test_the_only_writer_sweeps_what_killed_ones_left(tmp_path: Path) -> None:
    out = tmp_path / "out"
    write_atomically(out / "plots" / "curve.png", b"picture")
    for folder in (out, out / "plots", tmp_path):
        killed("file", folder)
        killed("writer", folder)
    with only_writer(out):
        assert names(tmp_path) == [".out.lock", "out"]
    assert [name for name in names(out) if SUFFIX in name] == []
    assert names(out / "plots") == [".out.lock", "curve.png"]


def test_a_lock_in_a_folder_that_did_not_exist_leaves_none(tmp_path: Path) -> None:
    with pytest.raises(ValueError), only_writer(tmp_path / "a" / "b" / "out"):  # noqa: PT011
        raise ValueError
    assert names(tmp_path) == []
    with only_writer(tmp_path / "a" / "out"):
        (tmp_path / "a" / "out").mkdir()
    assert names(tmp_path / "a") == ["out"]


def test_where_no_lock_can_be_made_the_writer_reports_it(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(ObjlocError, match=r"out: cannot be written: .*File exists"),
        only_writer(tmp_path / "file" / "out"),
        folder_written_whole(tmp_path / "file" / "out", "index.json"),
    ):
        pass
