import gzip
import io
import tarfile
from pathlib import Path

import pytest

from objloc.data.voc.archives import SIZE_LIMITS, Scratch, archives_in, list_archive, list_folder
from objloc.errors import ObjlocError
from tests.helpers.devkits import make_devkit, pack_devkit

Entry = tuple[str, bytes]


def packed(path: Path, *members: tarfile.TarInfo | Entry) -> Path:
    with tarfile.open(path, "w") as tar:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                tar.addfile(member)
            else:
                info = tarfile.TarInfo(member[0])
                info.size = len(member[1])
                tar.addfile(info, io.BytesIO(member[1]))
    return path


def listed(archive: Path) -> dict[str, bytes]:
    scratch = Scratch()
    files = list(list_archive(archive, scratch))
    return {f"{file.year}/{file.part}/{file.stem}": file.read() for file in files}


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return pack_devkit(make_devkit(tmp_path, {"train": 3}), tmp_path / "devkit.tar")


def test_an_archive_and_its_folder_hold_the_same_files(archive: Path, tmp_path: Path) -> None:
    folder = {
        f"{file.year}/{file.part}/{file.stem}": file.read()
        for file in list_folder(tmp_path / "VOCdevkit" / "VOC2007")
    }
    assert len(folder) == 7
    assert listed(archive) == folder


def test_a_gzipped_archive_gives_the_same_and_leaves_no_temporary_file(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    gzipped = tmp_path / "devkit.tgz"
    gzipped.write_bytes(gzip.compress(archive.read_bytes()))
    assert listed(gzipped) == listed(archive)
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize(
    "name",
    [
        "VOCdevkit/VOC2007/JPEGImages/000001.jpg",
        "./VOCdevkit/VOC2007/JPEGImages/000001.jpg",
        "TrainVal/VOCdevkit/VOC2007/JPEGImages/000001.JPEG",
        "VOC2007/JPEGImages/000001.jpeg",
    ],
)
def test_a_devkit_may_lie_at_any_depth(tmp_path: Path, name: str) -> None:
    assert listed(packed(tmp_path / "a.tar", (name, b"x"))) == {"VOC2007/JPEGImages/000001": b"x"}


def test_without_a_year_folder_the_archive_names_the_year(tmp_path: Path) -> None:
    archive = packed(tmp_path / "pets.v2.tar", ("Annotations/1.xml", b"x"))
    assert listed(archive) == {"pets/Annotations/1": b"x"}


def test_what_is_no_part_of_a_devkit_is_passed_over(tmp_path: Path) -> None:
    folder = tarfile.TarInfo("VOC/JPEGImages/3.jpg")
    folder.type = tarfile.DIRTYPE
    archive = packed(
        tmp_path / "a.tar",
        ("../VOC/JPEGImages/1.jpg", b"x"),
        ("/VOC/JPEGImages/1.jpg", b"x"),
        ("VOC/../JPEGImages/1.jpg", b"x"),
        ("VOC/JPEGImages/sub/1.jpg", b"x"),
        ("VOC/JPEGImages/._1.jpg", b"x"),
        ("VOC/JPEGImages/1.jpg.exe", b"x"),
        ("VOC/SegmentationClass/1.png", b"x"),
        ("VOC/ImageSets/Layout/train.txt", b"x"),
        folder,
        ("VOC/JPEGImages/2.jpg", b"y"),
    )
    assert listed(archive) == {"VOC/JPEGImages/2": b"y"}


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_a_link_or_device_in_a_files_place_is_refused(tmp_path: Path, kind: bytes) -> None:
    link = tarfile.TarInfo("VOC/JPEGImages/1.jpg")
    link.type, link.linkname = kind, "/etc/passwd"
    with pytest.raises(ObjlocError, match=r"1\.jpg: expected a regular file; found a link"):
        listed(packed(tmp_path / "a.tar", link))


def test_a_file_with_holes_is_refused(tmp_path: Path) -> None:
    holes = b"1\n0\n5\n".ljust(512, b"\0") + b"12345"
    info = tarfile.TarInfo("VOC/JPEGImages/1.jpg")
    info.size = len(holes)
    info.pax_headers = {
        "GNU.sparse.major": "1",
        "GNU.sparse.minor": "0",
        "GNU.sparse.name": info.name,
        "GNU.sparse.realsize": "5",
    }
    with tarfile.open(tmp_path / "a.tar", "w", format=tarfile.PAX_FORMAT) as tar:
        tar.addfile(info, io.BytesIO(holes))
    with pytest.raises(ObjlocError, match=r"1\.jpg: expected a regular file"):
        listed(tmp_path / "a.tar")


def test_a_file_over_its_limit_is_refused(tmp_path: Path) -> None:
    limit = SIZE_LIMITS["Annotations"]
    listed(packed(tmp_path / "a.tar", ("VOC/Annotations/1.xml", bytes(limit))))
    with pytest.raises(ObjlocError, match=r"1\.xml: expected at most 1 MiB; found 1048577 bytes"):
        listed(packed(tmp_path / "b.tar", ("VOC/Annotations/1.xml", bytes(limit + 1))))
    annotations = tmp_path / "VOC" / "Annotations"
    annotations.mkdir(parents=True)
    (annotations / "1.xml").write_bytes(bytes(limit + 1))
    with pytest.raises(ObjlocError, match="expected at most 1 MiB"):
        list(list_folder(tmp_path / "VOC"))


def end_of_members(archive: Path) -> int:
    with tarfile.open(archive) as tar:
        tar.getmembers()
        return tar.offset


def test_an_archive_cut_anywhere_is_refused(archive: Path, tmp_path: Path) -> None:
    content = archive.read_bytes()
    end = end_of_members(archive)
    cut = tmp_path / "cut.tar"
    # Within headers, within data, between members, and within the end mark.
    for length in [0, 1, 100, 512, *range(1024, end, 700), end, end + 1, end + 512, end + 1023]:
        cut.write_bytes(content[:length])
        with pytest.raises(ObjlocError, match=r"cut.tar: expected a whole tar archive; found"):
            listed(cut)
    cut.write_bytes(content[: end + 1024])
    assert listed(cut) == listed(archive)


def test_a_flipped_bit_in_any_header_is_refused(archive: Path, tmp_path: Path) -> None:
    content = archive.read_bytes()
    with tarfile.open(archive) as tar:
        headers = [member.offset for member in tar]
    assert len(headers) == 7
    damaged = tmp_path / "damaged.tar"
    for header in headers:
        for byte in (0, 110, 130, 150, 300):
            changed = bytearray(content)
            changed[header + byte] ^= 1
            damaged.write_bytes(changed)
            with pytest.raises(ObjlocError, match=r"damaged\.tar: expected a whole tar archive"):
                listed(damaged)


def test_bytes_after_the_end_mark_are_refused(archive: Path, tmp_path: Path) -> None:
    longer = tmp_path / "longer.tar"
    longer.write_bytes(archive.read_bytes() + b"more")
    with pytest.raises(ObjlocError, match="found a damaged header"):
        listed(longer)


@pytest.mark.parametrize("fraction", [0.1, 0.5, 0.99])
def test_half_a_gzipped_archive_is_refused(archive: Path, tmp_path: Path, fraction: float) -> None:
    packed_bytes = gzip.compress(archive.read_bytes())
    half = tmp_path / "half.tar.gz"
    half.write_bytes(packed_bytes[: int(len(packed_bytes) * fraction)])
    with pytest.raises(ObjlocError, match=r"half.tar.gz: expected a whole gzipped archive; found"):
        listed(half)


def test_a_missing_archive_is_reported(tmp_path: Path) -> None:
    with pytest.raises(ObjlocError, match=r"none.tar: cannot be read: No such file"):
        listed(tmp_path / "none.tar")


def test_archives_of_a_folder_come_by_name(tmp_path: Path) -> None:
    for name in ("b.tar", "a.tar.gz", "c.tgz", "c.txt", ".d.tar", "e.tar.part"):
        (tmp_path / name).touch()
    assert [path.name for path in archives_in(tmp_path)] == ["a.tar.gz", "b.tar", "c.tgz"]


def test_a_file_that_shrank_since_it_was_listed_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "VOC" / "Annotations" / "1.xml"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"12345")
    (file,) = list_folder(tmp_path / "VOC")
    path.write_bytes(b"123")
    with pytest.raises(ObjlocError, match="expected 5 bytes; found 3"):
        file.read()


def test_a_gzipped_archive_of_much_more_than_its_size_is_refused(tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.tar.gz"
    with gzip.open(bomb, "wb") as file:
        for _ in range(100):
            file.write(bytes(2**20))
    with pytest.raises(ObjlocError, match=r"bomb\.tar\.gz: expected at most 64 MiB of content"):
        listed(bomb)
