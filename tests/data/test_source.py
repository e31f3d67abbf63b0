from pathlib import Path

import pytest

from objloc.data.source import FetchedArchive, Source, parse_json, read_source, write_source
from objloc.errors import ObjlocError

SOURCE = Source(name="voc2007", archives=(FetchedArchive(name="a.tar", bytes=3, md5="0" * 32),))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with its source and the archive that this names."""
    write_source(tmp_path, SOURCE)
    (tmp_path / "a.tar").write_bytes(b"abc")
    return tmp_path


def test_what_is_written_is_read(folder: Path) -> None:
    assert read_source(folder) == SOURCE


def test_a_folder_may_have_no_source(tmp_path: Path) -> None:
    assert read_source(tmp_path) is None


def test_an_archive_must_be_there_and_whole(folder: Path) -> None:
    (folder / "a.tar").write_bytes(b"ab")
    with pytest.raises(ObjlocError, match=r"a\.tar: expected 3 bytes; found 2 \(run the download"):
        read_source(folder)
    (folder / "a.tar").unlink()
    with pytest.raises(ObjlocError, match=r"a\.tar: expected the archive that source\.json names"):
        read_source(folder)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("{", "the file: Invalid JSON"),
        ('{"archives": []}', "name: required"),
        ('{"name": "a", "archives": [], "x": 1}', "x: unknown key"),
        ('{"name": "", "archives": []}', "name: String should have at least 1 character"),
        ('{"name": "a", "archives": [{"name": "../a", "bytes": 1, "md5": ""}]}', "archives.0.name"),
        ('{"name": "a", "archives": [{"name": "a", "bytes": -1, "md5": ""}]}', "archives.0.bytes"),
    ],
)
def test_a_damaged_source_is_refused_by_its_key(folder: Path, content: str, complaint: str) -> None:
    (folder / "source.json").write_text(content)
    with pytest.raises(ObjlocError) as caught:
        read_source(folder)
    assert str(caught.value).startswith(f"{folder / 'source.json'}: {complaint}")


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ObjlocError, match=r"none\.json: cannot be read: No such file"):
        parse_json(Source, tmp_path / "none.json")
