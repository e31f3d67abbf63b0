"""Shards by URL: from an S3 server and an HTTP server on the loopback device."""

import builtins
import errno
import os
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import requests
import s3fs

from objloc.data.remote import (
    CACHE,
    Stated,
    cache_folder,
    fetch_index,
    folder_at,
    origin_of,
)
from objloc.data.shard_index import read_index
from objloc.data.shard_reader import read_samples
from objloc.errors import ObjlocError
from tests.helpers.buckets import BUCKET, S3, s3_served
from tests.helpers.servers import Files, serving, unused_address

ANY = Stated.shards(None)


@pytest.fixture
def s3(tmp_path: Path) -> Iterator[S3]:
    with s3_served(tmp_path / "cache") as server:
        yield server


@pytest.fixture
def http(written: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Files]:
    """A server that serves the shards as /voc."""
    monkeypatch.setenv(CACHE, str(tmp_path / "cache"))
    content = {f"/voc/{path.name}": path.read_bytes() for path in written.iterdir()}
    with serving(Files(content)) as files:
        yield files


def cached() -> list[str]:
    """Names of the shards in the cache; nothing else is there but folders, locks and indices."""
    names = [path.name for path in cache_folder().iterdir() if path.is_file()]
    assert all(name.endswith((".tar", ".lock", ".json")) for name in names), names
    return sorted(name for name in names if name.endswith(".tar"))


def test_a_folder_is_what_it_is_and_a_url_stands_for_the_shards_there(
    s3: S3, written: Path
) -> None:
    assert folder_at(str(written), ANY) == written
    assert origin_of(written) is None
    url = s3.put_folder(written, "deep/voc")
    folder = folder_at(url, ANY)
    assert origin_of(folder) == url
    assert read_index(folder) == read_index(written)
    assert cached() == [], "shards are fetched when they are read"
    val = read_index(written).image_set("val").shards
    assert list(read_samples(folder, "val")) == list(read_samples(written, "val"))
    assert cached() == sorted(f"{shard.sha256}.tar" for shard in val)
    assert list(read_samples(folder, "test+train")) == list(read_samples(written, "test+train"))


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
    (name,) = cached()
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
    assert cached() == []


def test_a_bucket_that_vanishes_in_the_middle_is_reported_and_gives_no_shard(
    s3: S3, written: Path
) -> None:
    folder = folder_at(s3.put_folder(written, "voc"), ANY)
    samples = read_samples(folder, "train")
    next(samples)
    s3.remove("voc")
    s3.client.delete_bucket(Bucket=BUCKET)
    with pytest.raises(ObjlocError, match=r"train-000001.tar: cannot be fetched: no such bucket"):
        list(samples)
    assert len(cached()) == 1


def test_no_such_bucket_or_folder_is_reported(s3: S3) -> None:
    for url in (f"{s3.url}/nothing", "s3://elsewhere/voc"):
        with pytest.raises(ObjlocError) as caught:
            folder_at(url, ANY)
        assert str(caught.value) == (
            f"{url}/index.json: cannot be fetched: no such bucket, folder or file"
        )
    assert cached() == []


def test_wrong_and_missing_credentials_are_reported(s3: S3, written: Path) -> None:
    url = s3.put_folder(written, "voc")
    s3.refuse_strangers()
    try:
        s3fs.S3FileSystem.clear_instance_cache()
        with pytest.raises(ObjlocError, match=r"access refused: The AWS Access Key .*environment"):
            folder_at(url, ANY)
        s3.environment.delenv("AWS_ACCESS_KEY_ID")
        s3.environment.delenv("AWS_SECRET_ACCESS_KEY")
        s3.environment.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
        s3.environment.setenv("AWS_CONFIG_FILE", os.devnull)
        s3fs.S3FileSystem.clear_instance_cache()
        with pytest.raises(ObjlocError, match=r"Unable to locate credentials .*environment"):
            folder_at(url, ANY)
    finally:
        requests.post(f"{s3.endpoint}/moto-api/reset-auth", data=b"1000000", timeout=10)


def test_shards_come_by_http_too(http: Files, written: Path) -> None:
    folder = folder_at(f"{http.url}/voc/", ANY)
    assert list(read_samples(folder, "train")) == list(read_samples(written, "train"))


@pytest.mark.parametrize(
    ("misbehave", "found"),
    [
        ({"failures": [403]}, "access refused: 403"),
        ({"failures": [500]}, "500"),
        ({"cuts": [100]}, "not completed|payload|not enough data|Response"),
    ],
)
def test_a_server_that_fails_in_the_middle_is_reported_and_gives_no_shard(
    http: Files, misbehave: dict[str, Any], found: str
) -> None:
    folder = folder_at(f"{http.url}/voc", ANY)
    for name, value in misbehave.items():
        setattr(http, name, value)
    with pytest.raises(ObjlocError, match=f"val-000000.tar: cannot be fetched: .*({found})"):
        list(read_samples(folder, "val"))
    assert cached() == []
    assert len(list(read_samples(folder, "val"))) == 3, "the next try succeeds"


def test_a_damaged_or_longer_shard_is_refused(http: Files) -> None:
    folder = folder_at(f"{http.url}/voc", ANY)
    good = http.content["/voc/val-000000.tar"]
    http.content["/voc/val-000000.tar"] = good[:-1] + b"x"
    with pytest.raises(ObjlocError, match=r"val-000000.tar: damaged: expected sha256 .*; found"):
        list(read_samples(folder, "val"))
    http.content["/voc/val-000000.tar"] = good + bytes(512)
    with pytest.raises(ObjlocError, match=rf"expected at most {len(good)} bytes; found more"):
        list(read_samples(folder, "val"))
    assert cached() == []


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


def test_a_server_that_is_not_there_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CACHE, str(tmp_path))
    with pytest.raises(ObjlocError, match=r"index.json: cannot be fetched: Cannot connect to host"):
        folder_at(f"{unused_address()}/voc", ANY)


@pytest.mark.parametrize(
    "url",
    ["ftp://host/voc", "s3://key:secret@data/voc", "https://host/voc?signature=1", "a::s3://b/c"],
)
def test_other_addresses_and_those_with_secrets_are_refused(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CACHE, str(tmp_path))
    with pytest.raises(
        ObjlocError, match=r"expected s3://, gs://, http://, https:// and a path"
    ) as caught:
        folder_at(url, ANY)
    assert not any(secret in str(caught.value) for secret in ("key", "secret", "signature"))


@pytest.mark.parametrize(
    ("url", "package", "extra"),
    [
        ("s3://data/voc", "s3fs", "s3"),
        ("gs://data/voc", "gcsfs", "gcs"),
        ("https://host/voc", "aiohttp", "http"),
    ],
)
def test_the_extra_that_is_missing_is_named(
    url: str, package: str, extra: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CACHE, str(tmp_path))
    monkeypatch.setitem(sys.modules, package, None)
    # What was loaded before is forgotten.
    registry = import_module("fsspec.registry")
    monkeypatch.delitem(registry._registry, url.partition(":")[0], raising=False)
    with pytest.raises(ObjlocError, match=rf"not installed \(pip install 'objloc\[{extra}\]'\)"):
        folder_at(url, ANY)


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
    assert cached() == []
