"""Folders that stand for a URL."""

from pathlib import Path

from objloc.data.remote.cache import Stated, folder_at
from objloc.data.remote.pointer import copy_pointer, origin_of
from objloc.data.shard_index import read_index
from objloc.data.shard_reader import read_samples
from tests.helpers.buckets import S3, cached_shards

ANY = Stated.shards(None)


def test_a_folder_is_what_it_is_and_a_url_stands_for_the_shards_there(
    s3: S3, written: Path
) -> None:
    assert folder_at(str(written), ANY) == written
    assert origin_of(written) is None
    url = s3.put_folder(written, "deep/voc")
    folder = folder_at(url, ANY)
    assert origin_of(folder) == url
    assert read_index(folder) == read_index(written)
    assert cached_shards() == [], "shards are fetched when they are read"
    val = read_index(written).image_set("val").shards
    assert list(read_samples(folder, "val")) == list(read_samples(written, "val"))
    assert cached_shards() == sorted(f"{shard.sha256}.tar" for shard in val)
    assert list(read_samples(folder, "test+train")) == list(read_samples(written, "test+train"))


def test_a_copy_stands_for_the_same_url(s3: S3, written: Path, tmp_path: Path) -> None:
    folder = folder_at(s3.put_folder(written, "voc"), ANY)
    copy_pointer(folder, tmp_path / "copy")
    assert origin_of(tmp_path / "copy") == origin_of(folder)
    assert list(read_samples(tmp_path / "copy", "val")) == list(read_samples(written, "val"))
