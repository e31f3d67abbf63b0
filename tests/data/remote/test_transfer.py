"""Files by S3 and HTTP, and what goes wrong on the way."""

import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import requests
import s3fs

from objloc.data.remote.cache import CACHE, Stated, folder_at
from objloc.data.shard_reader import read_samples
from objloc.errors import ObjlocError
from tests.helpers.buckets import BUCKET, S3, cached_shards
from tests.helpers.servers import Files, unused_address

ANY = Stated.shards(None)


def test_shards_come_by_http_too(http: Files, written: Path) -> None:
    folder = folder_at(f"{http.url}/voc/", ANY)
    assert list(read_samples(folder, "train")) == list(read_samples(written, "train"))


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
    assert len(cached_shards()) == 1


def test_no_such_bucket_or_folder_is_reported(s3: S3) -> None:
    for url in (f"{s3.url}/nothing", "s3://elsewhere/voc"):
        with pytest.raises(ObjlocError) as caught:
            folder_at(url, ANY)
        assert str(caught.value) == (
            f"{url}/index.json: cannot be fetched: no such bucket, folder or file"
        )
    assert cached_shards() == []


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
        requests.post(f"{s3.endpoint}/moto-api/reset-auth", data=b"1000000", timeout=300)


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
    assert cached_shards() == []
    assert len(list(read_samples(folder, "val"))) == 3, "the next try succeeds"


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
