"""What is fetched by URL, once, verified, and kept."""

import builtins
import errno
import os
from pathlib import Path
from typing import Any

import pytest

from objloc.data.remote.cache import Stated, cache_folder, fetch_index, folder_at
from objloc.data.shard_index import read_index
from objloc.data.shard_reader import read_samples
from objloc.errors import ObjlocError
from tests.helpers.buckets import S3, cached_shards
from tests.helpers.servers import Files

ANY = Stated.shards(None)


def test_what_is_in_the_cache_needs_no_server(s3: S3, written: Path) -> None:
    folder = folder_at(s3.put_folder(written, "voc"), ANY)
    first = list(read_samples(folder, "val"))
    s3.stop()
    assert list(read_samples(folder, "val")) == first


def test_with_its_hash_stated_the_cached_index_needs_no_server(s3: S3, written: Path) -> None:
    url = s3.put_folder(written, "voc")
    first = list(read_samples(folder_at(url, ANY), "val"))
    data_hash = read_index(written).data_hash
    stated = Stated.shards(data_hash)
    with pytest.raises(
        ObjlocError, match=f"expected dataset.data_hash {'ab' * 32}; found {data_hash[:9]}"
    ):
        folder_at(url, Stated.shards("ab" * 32))
    s3.stop()
    assert list(read_samples(folder_at(url, stated), "val")) == first
    with pytest.raises(
        ObjlocError, match=rf"cannot be fetched: .* \(with dataset.data_hash={data_hash}"
    ):
        folder_at(url, ANY)
    (cached_index,) = cache_folder().glob("*.json")
    cached_index.write_bytes(cached_index.read_bytes().replace(b'"val"', b'"vex"'))
    for each in (stated, ANY):
        with pytest.raises(ObjlocError, match=r"index.json: cannot be fetched: [^(]*$"):
            folder_at(url, each)


def test_a_cached_shard_that_was_changed_is_fetched_again(s3: S3, written: Path) -> None:
    folder = folder_at(s3.put_folder(written, "voc"), ANY)
    expected = list(read_samples(folder, "val"))
    (name,) = cached_shards()
    path = cache_folder() / name
    content = bytearray(path.read_bytes())
    content[700] ^= 1
    path.write_bytes(content)
    assert list(read_samples(folder, "val")) == expected
    path.write_bytes(content[:600])
    s3.remove("voc/val-000000.tar")
    with pytest.raises(ObjlocError, match=r"voc/val-000000.tar: cannot be fetched: no such"):
        list(read_samples(folder, "val"))


def test_other_shards_under_the_same_url_are_another_folder(
    s3: S3, written: Path, shards_folder: Path
) -> None:
    first = folder_at(s3.put_folder(written, "voc"), ANY)
    second = folder_at(s3.put_folder(shards_folder, "voc"), ANY)
    assert read_index(first).data_hash != read_index(second).data_hash
    # The server has no longer what the first describes.
    with pytest.raises(ObjlocError, match=r"expected at most \d+ bytes; found more|: damaged: exp"):
        list(read_samples(first, "val"))
    assert cached_shards() == []


def test_a_damaged_or_longer_shard_is_refused(http: Files) -> None:
    folder = folder_at(f"{http.url}/voc", ANY)
    good = http.content["/voc/val-000000.tar"]
    http.content["/voc/val-000000.tar"] = good[:-1] + b"x"
    with pytest.raises(ObjlocError, match=r"val-000000.tar: damaged: expected sha256 .*; found"):
        list(read_samples(folder, "val"))
    http.content["/voc/val-000000.tar"] = good + bytes(512)
    with pytest.raises(ObjlocError, match=rf"expected at most {len(good)} bytes; found more"):
        list(read_samples(folder, "val"))
    assert cached_shards() == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<html>", "expected an index with its checksum; found something else"),
        (b"{}", "expected an index with its checksum; found something else"),
        (b'{"data": 1, "checksum": "00"}', "damaged: expected checksum 00; found"),
    ],
)
def test_an_index_is_verified_before_anything_else_is_fetched(
    http: Files, content: bytes, message: str
) -> None:
    http.content["/voc/index.json"] = content
    with pytest.raises(ObjlocError, match=f"{http.url}/voc/index.json: {message}"):
        fetch_index(f"{http.url}/voc", ANY)
    assert len(http.log) == 1


def test_a_full_disk_is_reported_with_the_cache(
    http: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = folder_at(f"{http.url}/voc", ANY)
    opened = builtins.open

    class Full:
        """A file on a full disk."""

        def __init__(self, file: Any) -> None:
            self._file = file

        def __getattr__(self, name: str) -> Any:
            return getattr(self._file, name)

        def __enter__(self) -> "Full":
            return self

        def __exit__(self, *_: object) -> None:
            self._file.close()

        def write(self, _: bytes) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def full(path: Any, mode: str = "r", *rest: Any, **options: Any) -> Any:
        file = opened(path, mode, *rest, **options)
        return Full(file) if "w" in mode and ".tar" in str(path) else file

    with monkeypatch.context() as patch:
        patch.setattr(builtins, "open", full)
        with pytest.raises(ObjlocError) as caught:
            list(read_samples(folder, "val"))
    assert str(caught.value) == (
        f"{cache_folder()}: cannot be written: No space left on device "
        f"(OBJLOC_CACHE names another cache)"
    )
    assert cached_shards() == []
