"""Commands under one lock take turns, and files of DVC that a kill left cut are mended."""

import fcntl
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from objloc.cli._workspace import locks
from stages import _unlock
from tests.helpers.imports import ROOT


def alone(lock: Path, *command: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-S", ROOT / "stages" / "_alone.py", lock, *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("killed", [False, True])
def test_the_second_of_two_says_for_whom_it_waits_and_then_runs(
    tmp_path: Path, killed: bool
) -> None:
    lock = tmp_path / "lock"
    with alone(lock, "sh", "-c", "echo runs; exec cat") as first:
        assert first.stdout
        assert first.stdout.readline() == "runs\n"
        with alone(lock, "echo", "after it") as second:
            assert second.stderr
            expected = f"waits for process {first.pid}, which does the same in this folder\n"
            assert second.stderr.readline() == expected
            assert second.poll() is None
            if killed:
                first.send_signal(signal.SIGKILL)
            else:
                first.communicate()
            assert second.communicate()[0] == "after it\n"
            assert second.returncode == 0


def test_the_lock_is_held_until_the_last_process_of_a_command_ends(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    with alone(lock, "sh", "-c", "exec 3<&0; cat <&3 & echo runs; wait") as first:
        assert first.stdout
        assert first.stdout.readline() == "runs\n"
        first.send_signal(signal.SIGKILL)
        first.wait()
        with lock.open() as file, pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_command_ends_with_its_own_status(tmp_path: Path) -> None:
    with alone(tmp_path / "lock", "sh", "-c", "exit 3") as command:
        assert command.wait() == 3


@pytest.mark.parametrize("left", ["", "{", "[]"])
def test_a_lock_that_a_kill_left_damaged_is_removed(
    tmp_path: Path, left: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / ".dvc" / "tmp" / "rwlock"
    path.parent.mkdir(parents=True)
    path.write_text(left)
    _unlock.main(tmp_path)
    assert not path.exists()
    assert capsys.readouterr().err == f"{path}: left damaged by a kill; removed\n"


@pytest.mark.parametrize("committed", [False, True])
@pytest.mark.parametrize("left", [0, 40, 150])
def test_a_record_that_a_kill_left_cut_is_taken_from_git_or_removed(
    tmp_path: Path, left: int, committed: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    record = Path(shutil.copy(ROOT / "dvc.lock", tmp_path))
    text = record.read_text("utf-8")
    if committed:
        who = ("-c", "user.name=Test", "-c", "user.email=test@localhost")
        for command in (("init", "-q"), ("add", "dvc.lock"), (*who, "commit", "-qm", "lock")):
            subprocess.run(["git", *command], cwd=tmp_path, check=True)
    _unlock.main(tmp_path)
    assert record.read_text("utf-8") == text
    record.write_text(text[:left], "utf-8")
    assert locks(tmp_path).missing
    _unlock.main(tmp_path)
    assert (record.read_text("utf-8") if record.exists() else None) == (text if committed else None)
    what = "taken from the last commit" if committed else "removed"
    assert capsys.readouterr().err == f"{record}: left damaged by a kill; {what}\n"


def test_a_lock_in_order_or_none_is_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _unlock.main(tmp_path)
    assert list(tmp_path.iterdir()) == []
    path = tmp_path / ".dvc" / "tmp" / "rwlock"
    path.parent.mkdir(parents=True)
    path.write_text('{"write": {}}')
    _unlock.main(tmp_path)
    assert path.exists()
    assert capsys.readouterr().err == ""
