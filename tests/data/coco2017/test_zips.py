"""Archives that are damaged, or made to do harm."""

import os
import re
import stat
import struct
import zipfile
from pathlib import Path

import pytest

from objloc.data.coco2017.zips import list_zip
from objloc.errors import ObjlocError

PATTERN = re.compile(r"photos/[0-9]+\.jpg")


def pack(
    folder: Path, *members: tuple[str | zipfile.ZipInfo, bytes], deflated: bool = False
) -> Path:
    path = folder / "some.zip"
    packing = zipfile.ZIP_DEFLATED if deflated else zipfile.ZIP_STORED
    with zipfile.ZipFile(path, "w", packing) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return path


@pytest.mark.parametrize("deflated", [False, True])
def test_only_members_whose_whole_names_match_are_listed_and_read(
    tmp_path: Path, deflated: bool
) -> None:
    names = ("photos/2.jpg", "photos/1.jpg", "../photos/3.jpg", "/photos/4.jpg", "photos/../5.jpg",
             "photos/6.jpg/7", "photos/8.jpg\n")  # fmt: skip
    path = pack(tmp_path, *((name, name.encode()) for name in names), deflated=deflated)
    found = list_zip(path, PATTERN, 100)
    assert [file.read() for file in found.values()] == [b"photos/2.jpg", b"photos/1.jpg"]
    assert [each.name for each in tmp_path.iterdir()] == ["some.zip"]


def test_a_process_and_its_child_read_at_once(tmp_path: Path) -> None:
    members = [(f"photos/{number}.jpg", bytes([number]) * 5000) for number in range(40)]
    found = list_zip(pack(tmp_path, *members, deflated=True), PATTERN, 10_000)
    next(iter(found.values())).read()
    child = os.fork()
    right = all(
        file.read() == content for file, (_, content) in zip(found.values(), members, strict=True)
    )
    if child == 0:
        os._exit(0 if right else 1)
    assert (right, os.waitpid(child, 0)[1]) == (True, 0)


def test_links_oversized_and_repeated_members_are_refused(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("photos/1.jpg")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with pytest.raises(ObjlocError, match=r"photos/1\.jpg: expected a regular file; found a link"):
        list_zip(pack(tmp_path, (link, b"/etc/passwd")), PATTERN, 100)
    with pytest.raises(ObjlocError, match=r"1\.jpg: expected at most 100 bytes; found 101 bytes$"):
        list_zip(pack(tmp_path, ("photos/1.jpg", b"x" * 101)), PATTERN, 100)
    with pytest.warns(UserWarning, match="Duplicate"):
        path = pack(tmp_path, ("photos/1.jpg", b"one"), ("photos/1.jpg", b"two"))
    with pytest.raises(ObjlocError, match=r"photos/1\.jpg: expected each member once"):
        list_zip(path, PATTERN, 100)


def test_zeros_that_shrink_to_nothing_are_refused(tmp_path: Path) -> None:
    path = pack(tmp_path, ("photos/1.jpg", bytes(2**22)), deflated=True)
    with pytest.raises(ObjlocError, match=r"photos/1\.jpg: expected at most 1 MiB; found 4"):
        list_zip(path, PATTERN, 2**30)


def test_a_member_that_holds_more_than_it_states_is_not_read_beyond(tmp_path: Path) -> None:
    path = pack(tmp_path, ("photos/1.jpg", b"a" * 3000), deflated=True)
    content = bytearray(path.read_bytes())
    place = content.rfind(b"PK\x01\x02") + 24
    content[place : place + 4] = struct.pack("<L", 10)
    path.write_bytes(content)
    (file,) = list_zip(path, PATTERN, 100).values()
    assert file.size == 10
    with pytest.raises(ObjlocError, match=r"photos/1\.jpg: damaged: Bad CRC-32"):
        file.read()


def test_other_packings_and_encrypted_members_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "some.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("photos/1.jpg", b"a")
    with pytest.raises(ObjlocError, match=r"photos/1\.jpg: expected a stored or deflated file"):
        list_zip(path, PATTERN, 100)
    content = bytearray(pack(tmp_path, ("photos/1.jpg", b"a")).read_bytes())
    content[content.rfind(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    with pytest.raises(ObjlocError, match=r"photos/1\.jpg: expected a stored or deflated file"):
        list_zip(path, PATTERN, 100)


def test_damage_is_reported_in_one_line(tmp_path: Path) -> None:
    path = pack(tmp_path, ("photos/1.jpg", b"a" * 200))
    whole = path.read_bytes()
    (file,) = list_zip(path, PATTERN, 1000).values()
    changed = bytearray(whole)
    changed[80] ^= 1
    path.write_bytes(changed)
    with pytest.raises(ObjlocError, match=r"some\.zip: photos/1\.jpg: damaged: Bad CRC-32"):
        file.read()
    path.write_bytes(whole[:-30])
    with pytest.raises(ObjlocError, match=r"some\.zip: expected a whole zip archive; found: "):
        list_zip(path, PATTERN, 1000)
    with pytest.raises(ObjlocError, match=r"none\.zip: cannot be read: No such file"):
        list_zip(tmp_path / "none.zip", PATTERN, 1000)
