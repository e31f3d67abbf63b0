from pathlib import Path

import pytest

from objloc.errors import ObjlocError
from objloc.files import folder_written_whole


def write(path: Path, content: str) -> None:
    with folder_written_whole(path, "index.json") as temporary:
        (temporary / "index.json").write_text(content)


def everything(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


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
