from pathlib import Path

import pytest

from objloc.errors import ObjlocError
from objloc.view.output import write_files


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
