from pathlib import Path

import pytest

from objloc.checksums import write_sums
from objloc.data.source import (
    FetchedArchive,
    Source,
    parse_json,
    read_source,
    sums_of,
    write_source,
)
from objloc.errors import ObjlocError

MD5 = "900150983cd24fb0d6963f7d28e17f72"
SOURCE = Source(name="voc2007", archives=(FetchedArchive(name="a.tar", bytes=3, md5=MD5),))


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
    (folder / "a.tar").write_bytes(b"abd")
    with pytest.raises(ObjlocError, match=rf"a\.tar: damaged: expected md5 {MD5}; found 4911e516"):
        read_source(folder)
    (folder / "a.tar").unlink()
    with pytest.raises(ObjlocError, match=r"a\.tar: expected the archive that source\.json names"):
        read_source(folder)


def test_another_name_of_the_data_is_noticed_by_the_checksum(folder: Path) -> None:
    path = folder / "source.json"
    text = path.read_text()
    path.write_text(text.replace("voc2007", "voc2008"))
    with pytest.raises(ObjlocError, match=r"source\.json: damaged: expected checksum [0-9a-f]{64}"):
        read_source(folder)
    start = text.rindex(",")
    path.write_text(text[:start] + "}")
    assert read_source(folder) == SOURCE, "an older file has no checksum"


def test_files_are_known_by_their_checksums(tmp_path: Path) -> None:
    assert sums_of(tmp_path, SOURCE) is None
    (tmp_path / "a.jpg").write_bytes(b"a")
    source = Source(name="scenes", archives=(), files=write_sums(tmp_path))
    sums = sums_of(tmp_path, source)
    assert sums == {"a.jpg": "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"}
    list_of = tmp_path / "SHA256SUMS"
    whole = list_of.read_text()
    list_of.write_text(whole.replace("a.jpg", "b.jpg"))
    with pytest.raises(ObjlocError, match=r"SHA256SUMS: damaged: expected sha256"):
        sums_of(tmp_path, source)
    list_of.write_text(whole)
    (tmp_path / "a.jpg").unlink()
    with pytest.raises(ObjlocError, match=r"a\.jpg: expected a file that SHA256SUMS lists"):
        sums_of(tmp_path, source)
    list_of.unlink()
    with pytest.raises(ObjlocError, match=r"SHA256SUMS: expected the checksums of the files"):
        sums_of(tmp_path, source)


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
