import subprocess
from pathlib import Path

import pytest

from objloc.checksums import (
    checksum_of,
    read_sums,
    verify_checksum,
    verify_files,
    write_sums,
)
from objloc.errors import ObjlocError


def test_a_checksum_is_over_all_but_itself_in_any_order() -> None:
    value = {"b": [1, 0.1], "a": {"x": None}}
    known = checksum_of(value)
    assert checksum_of({"a": {"x": None}, "checksum": "0", "b": [1, 0.1]}) == known
    assert checksum_of({"b": [1, 0.2], "a": {"x": None}}) != known
    verify_checksum({**value, "checksum": known}, Path("a.json"))
    verify_checksum(value, Path("a.json"))
    with pytest.raises(ObjlocError, match=f"a.json: damaged: expected checksum 0; found {known}"):
        verify_checksum({**value, "checksum": "0"}, Path("a.json"))


def test_sums_are_those_of_sha256sum(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "b c.txt").write_text("b")
    (tmp_path / "sub" / "a.txt").write_text("a")
    write_sums(tmp_path)
    checked = subprocess.run(
        ["sha256sum", "--check", "SHA256SUMS"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert checked.stdout == "b c.txt: OK\nsub/a.txt: OK\n"
    sums = read_sums(tmp_path)
    assert sums
    assert list(sums) == ["b c.txt", "sub/a.txt"]
    verify_files(tmp_path, ["sub/a.txt", "unlisted.txt"], "write it again")
    (tmp_path / "sub" / "a.txt").write_text("A")
    with pytest.raises(ObjlocError, match=r"sub/a\.txt: damaged: .* \(write it again\)"):
        verify_files(tmp_path, ["sub/a.txt"], "write it again")


def test_a_folder_may_have_no_sums(tmp_path: Path) -> None:
    assert read_sums(tmp_path) is None
    verify_files(tmp_path, ["a.txt"], "")


@pytest.mark.parametrize("content", [b"abc  a.txt\n", b"\xff\n", b"0" * 64 + b" a.txt\n"])
def test_damaged_sums_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "SHA256SUMS").write_bytes(content)
    with pytest.raises(ObjlocError, match="SHA256SUMS: "):
        read_sums(tmp_path)
