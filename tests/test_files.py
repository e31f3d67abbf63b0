import errno
import os
from pathlib import Path

import pytest

from objloc.errors import ObjlocError
from objloc.files import (
    files_published,
    folder_written_whole,
    read_at_most,
    require_at_most,
    write_atomically,
    write_files,
)


def write(path: Path, content: str) -> None:
    with folder_written_whole(path, "index.json") as temporary:
        (temporary / "index.json").write_text(content)


def everything(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_a_file_larger_than_a_limit_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"abc")
    assert read_at_most(path, "a", 3) == b"abc"
    with pytest.raises(ObjlocError, match=r"^a: expected at most 2 bytes; found 3 bytes$"):
        read_at_most(path, "a", 2)
    with pytest.raises(ObjlocError, match=r"^a: expected at most 2 MiB; found 2097153 bytes$"):
        require_at_most(2**21 + 1, "a", 2**21)
    with pytest.raises(ObjlocError, match=r"^b: cannot be read: No such file or directory$"):
        read_at_most(tmp_path / "b.txt", "b", 3)


def test_a_folder_appears_whole_and_an_earlier_one_is_replaced(tmp_path: Path) -> None:
    write(tmp_path / "a" / "out", "one")
    write(tmp_path / "a" / "out", "two")
    assert everything(tmp_path) == {"a/out/index.json": "two"}


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_error_leaves_the_earlier_folder_and_nothing_else(
    tmp_path: Path, error: type[BaseException]
) -> None:
    def fail() -> None:
        with folder_written_whole(tmp_path / "out", "index.json") as temporary:
            (temporary / "part").write_text("x")
            raise error

    with pytest.raises(error):
        fail()
    assert list(tmp_path.iterdir()) == []
    write(tmp_path / "out", "one")
    with pytest.raises(error):
        fail()
    assert everything(tmp_path) == {"out/index.json": "one"}
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_an_empty_folder_is_taken_and_somebody_elses_is_not(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    write(tmp_path / "empty", "one")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("years")
    with pytest.raises(ObjlocError, match="mine: expected a new or empty folder, or an earlier"):
        write(tmp_path / "mine", "one")
    with pytest.raises(ObjlocError, match=r"thesis.tex: expected a folder to write; found a file"):
        write(tmp_path / "mine" / "thesis.tex", "one")
    with pytest.raises(ObjlocError, match="x: cannot be written: "):
        write(tmp_path / "mine" / "thesis.tex" / "x", "one")
    assert everything(tmp_path) == {"empty/index.json": "one", "mine/thesis.tex": "years"}


def files(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_files_take_their_places_and_others_stay(tmp_path: Path) -> None:
    out = tmp_path / "out"
    (out / "detections").mkdir(parents=True)
    (out / "notes.txt").write_text("mine")
    (out / "detections" / "mine.txt").write_text("mine")
    (out / "metrics.json").write_text("old")
    with files_published(out) as folder:
        (folder / "metrics.json").write_text("new")
        (folder / "plots" / "val").mkdir(parents=True)
        (folder / "plots" / "val" / "steps.png").write_text("picture")
        assert (out / "metrics.json").read_text() == "old"
    assert files(out) == {
        "notes.txt": "mine",
        "detections/mine.txt": "mine",
        "metrics.json": "new",
        "plots/val/steps.png": "picture",
    }
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_obsolete_files_of_an_earlier_run_go(tmp_path: Path) -> None:
    out = tmp_path / "out"
    for name in ("detections/triggered/comp3_det_test_dog.txt", "plots/test/steps.png"):
        (out / name).parent.mkdir(parents=True)
        (out / name).write_text("old")
    with files_published(out, ["detections/*/comp3_det_*.txt", "plots/*/*.png"]) as folder:
        (folder / "detections" / "triggered").mkdir(parents=True)
        (folder / "detections" / "triggered" / "comp3_det_val_dog.txt").write_text("new")
    assert files(out) == {"detections/triggered/comp3_det_val_dog.txt": "new"}


def test_an_error_leaves_everything_as_it_was(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "metrics.json").write_text("old")
    with pytest.raises(ObjlocError, match="out: cannot be written"), files_published(out) as folder:
        (folder / "metrics.json").write_bytes(folder.read_bytes())
    assert files(tmp_path) == {"out/metrics.json": "old"}


def test_an_error_leaves_no_folder_that_was_not_there(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), files_published(tmp_path / "out"):
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    with (
        pytest.raises(ObjlocError, match=r"out: expected a folder"),
        files_published(tmp_path / "out"),
    ):
        pass
    with (
        pytest.raises(ObjlocError, match=r"deep: cannot be written"),
        files_published(tmp_path / "out" / "deep"),
    ):
        pass


def test_a_folder_in_the_way_of_a_file_is_named(tmp_path: Path) -> None:
    out = tmp_path / "out"
    (out / "metrics.json").mkdir(parents=True)
    with (
        pytest.raises(ObjlocError, match=r"out: cannot be written"),
        files_published(out) as folder,
    ):
        (folder / "metrics.json").write_text("new")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_files_are_written_beside_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    write_files(tmp_path, {"a.png": b"1", "sub/b.png": b"2"})
    assert (tmp_path / "a.png").read_bytes() == b"1"
    assert (tmp_path / "sub/b.png").read_bytes() == b"2"
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_a_failure_leaves_none_of_the_files(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file where a folder must be")
    with pytest.raises(ObjlocError, match="cannot be written"):
        write_files(tmp_path, {"a.png": b"1", "b.png": b"2", "taken/c.png": b"3"})
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_a_file_elsewhere_that_fails_is_named(tmp_path: Path) -> None:
    with (
        pytest.raises(ObjlocError, match=r"out: cannot be written: .*none\.txt: No such file"),
        files_published(tmp_path / "out"),
    ):
        (tmp_path / "none.txt").read_text()
    with (
        pytest.raises(ObjlocError, match=r"out: cannot be written: No space left on device$"),
        folder_written_whole(tmp_path / "out", "index.json") as folder,
    ):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "from", None, str(folder / "to"))
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_the_earlier_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "metrics.json"
    write_atomically(path, "old")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(ObjlocError, match=r"metrics\.json: cannot be written: No space left"):
            write_atomically(path, "new")
    assert everything(tmp_path) == {"metrics.json": "old"}
    write_atomically(path, "new")
    assert everything(tmp_path) == {"metrics.json": "new"}
