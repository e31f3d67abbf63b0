from pathlib import Path

import pytest

from objloc.data.datasets import Manifest, local_mirror, read_md5sums
from objloc.data.source import parse_json
from objloc.errors import ObjlocError

MANIFEST = Path(__file__).parents[2] / "data" / "manifest.json"


def test_the_manifest_knows_every_archive_of_every_dataset() -> None:
    manifest = parse_json(Manifest, MANIFEST)
    assert sorted(manifest.datasets) == ["coco2017", "voc2007", "voc2007+2012", "voc2012"]
    for names in manifest.datasets.values():
        for name in names:
            assert all(url.endswith(f"/{name}") for url in manifest.archives[name].urls)
    assert set(manifest.datasets["voc2007+2012"]) == {
        *manifest.datasets["voc2007"],
        *manifest.datasets["voc2012"],
    }


@pytest.mark.parametrize(
    ("mirror", "expected"),
    [
        (None, None),
        ("http://example.org/voc", None),
        ("https://example.org/voc", None),
        ("../shared/voc", "{root}/../shared/voc"),
        ("voc", "{root}/voc"),
        ("/data/voc", "/data/voc"),
        ("file:///data/my%20voc", "/data/my voc"),
        ("file://localhost/data/voc", "/data/voc"),
    ],
)
def test_a_mirror_is_a_folder_counted_from_the_repository_or_an_address(
    mirror: str | None, expected: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    found = local_mirror(mirror)
    assert (found and str(found)) == (expected and expected.format(root=tmp_path))


@pytest.mark.parametrize("mirror", ["ftp://example.org/voc", "s3://voc", "file://elsewhere/voc"])
def test_another_kind_of_address_is_refused(mirror: str) -> None:
    with pytest.raises(ObjlocError, match=f"dataset.mirror: expected a folder.*; found {mirror}"):
        local_mirror(mirror)


def test_checksums_are_read_as_md5sum_writes_them(tmp_path: Path) -> None:
    path = tmp_path / "MD5SUMS"
    path.write_text(f"{'a' * 32}  one.tar\n\n{'B' * 32} *two.tar\n{'0' * 32}  ./three.tar\n")
    assert read_md5sums(path) == {
        "one.tar": "a" * 32,
        "two.tar": "b" * 32,
        "three.tar": "0" * 32,
    }


@pytest.mark.parametrize("line", ["one.tar", f"{'a' * 31}  one.tar", f"{'g' * 32}  one.tar"])
def test_a_line_that_is_no_checksum_is_refused(tmp_path: Path, line: str) -> None:
    path = tmp_path / "MD5SUMS"
    path.write_text(f"{'a' * 32}  zero.tar\n{line}\n")
    with pytest.raises(ObjlocError, match=r"MD5SUMS: line 2: expected 'MD5  NAME'; found '"):
        read_md5sums(path)
