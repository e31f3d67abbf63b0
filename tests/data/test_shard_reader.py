"""Shards read back: what is damaged gives no sample."""

import hashlib
import tarfile
from pathlib import Path

import pytest

from objloc.data.sample import Part, Sample, VocObject
from objloc.data.shard_index import read_index
from objloc.data.shard_reader import (
    ShardFiles,
    decode_sample,
    read_placed_samples,
    read_samples,
)
from objloc.data.shards import encode_annotation
from objloc.data.voc.devkit import open_devkit
from objloc.errors import ObjlocError
from tests.helpers.shards import change_index


def test_sets_are_joined_by_a_plus_and_no_image_comes_twice(devkit: Path, written: Path) -> None:
    opened = open_devkit(devkit)
    expected = [*opened.image_sets["test"], *opened.image_sets["val"]]
    assert [sample.image_id for sample in read_samples(written, "test+val")] == expected
    twice = [sample.image_id for sample in read_samples(written, "train+trainval")]
    assert sorted(twice) == sorted(opened.image_sets["trainval"])
    assert read_index(written).image_set("test+val").samples == 7
    with pytest.raises(ObjlocError, match=r"unknown image set 'test\+none'"):
        next(read_samples(written, "test+none"))


def test_every_field_survives_the_round_trip() -> None:
    item = VocObject(
        "traffic light",
        (0.0, 4.000000000000001, 99.3, 1 / 3 + 50),
        difficult=True,
        truncated=True,
        occluded=True,
        pose="Left",
        parts=(Part("head", (-3.5, 2.25, 700.0, 9.0)),),
    )
    for sample in (
        Sample("2008_000001", b"jpeg", 100, 80, (item, VocObject("cat", (1.0, 2.0, 3.0, 4.0)))),
        Sample("a-b", b"", 1, 1, ()),
    ):
        annotation = encode_annotation(sample)
        assert decode_sample(sample.image_id, sample.jpeg, annotation) == sample


def test_an_unknown_image_set_is_refused_by_name(written: Path) -> None:
    with pytest.raises(ObjlocError) as caught:
        next(read_samples(written, "validation"))
    assert str(caught.value) == (
        f"{written}: unknown image set 'validation'; expected one of test, train, trainval, val"
    )


def test_a_missing_shard_is_reported(shards: Path) -> None:
    (shards / "train-000001.tar").unlink()
    samples = read_samples(shards, "train")
    for _ in range(4):
        next(samples)
    with pytest.raises(ObjlocError, match=r"train-000001.tar: expected a shard of 3 samples"):
        next(samples)


@pytest.mark.parametrize("damage", ["cut", "flip", "swap", "longer"])
def test_a_damaged_shard_gives_no_sample(shards: Path, damage: str) -> None:
    path = shards / "val-000000.tar"
    content = bytearray(path.read_bytes())
    if damage == "cut":
        content = content[:-512]
    elif damage == "flip":
        content[700] ^= 1
    elif damage == "swap":
        content = bytearray((shards / "test-000000.tar").read_bytes())
    else:
        content += bytes(512)
    path.write_bytes(content)
    with pytest.raises(ObjlocError, match=r"val-000000.tar: expected sha256 [0-9a-f]{64}; found"):
        next(read_samples(shards, "val"))


def test_a_shard_with_fewer_samples_than_the_index_says_is_refused(shards: Path) -> None:
    change_index(shards, "image_sets", "val", "samples", value=4)
    change_index(shards, "image_sets", "val", "shards", 0, "samples", value=4)
    with pytest.raises(ObjlocError, match=r"val-000000.tar: expected 4 samples; found 3"):
        list(read_samples(shards, "val"))


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["1.jpg", "2.json"], "KeyError"),
        (["1.json", "1.jpg", "1.jpg"], "duplicate file name"),
        (["2.jpg", "2.json"], "image_id"),
    ],
)
def test_a_shard_of_something_else_is_refused(
    shards: Path, tmp_path: Path, names: list[str], found: str
) -> None:
    (tmp_path / "1.json").write_bytes(encode_annotation(Sample("1", b"", 1, 1, ())))
    with tarfile.open(shards / "val-000000.tar", "w") as tar:
        for name in names:
            tar.add(tmp_path / "1.json", name)
    content = (shards / "val-000000.tar").read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    for image_set, number in (("val", 0), ("trainval", 2)):
        change_index(shards, "image_sets", image_set, "shards", number, "sha256", value=sha256)
    with pytest.raises(ObjlocError, match="expected data_hash") as caught:
        read_index(shards)
    change_index(shards, "data_hash", value=str(caught.value).rpartition(" ")[2])
    with pytest.raises(ObjlocError, match=r"expected samples of a .jpg and a .json") as caught:
        list(read_samples(shards, "val"))
    assert found in str(caught.value)


def test_files_are_read_from_where_they_lie(shards: Path) -> None:
    files, expected = ShardFiles(), []
    for sample, place in read_placed_samples(shards, "train+val"):
        files.append(place)
        expected.append(sample.jpeg)
    assert list(files) == expected
    assert len(files) == 10
    assert list(files[2:9:3]) == expected[2:9:3]


@pytest.mark.parametrize("damage", ["flip", "cut", "gone"])
def test_a_file_that_changes_after_its_shard_was_verified_is_noticed(
    shards: Path, damage: str
) -> None:
    files = ShardFiles()
    places = [place for _, place in read_placed_samples(shards, "val")]
    for place in places:
        files.append(place)
    path = shards / "val-000000.tar"
    content = bytearray(path.read_bytes())
    content[places[2].offset + 5] ^= 1
    if damage == "gone":
        path.unlink()
        message = r"val-000000.tar: cannot be read: No such file"
    else:
        path.write_bytes(content if damage == "flip" else content[: places[2].offset + 5])
        message = r"val-000000.tar: changed while it was in use: .* expected CRC-32 .*; found"
        assert len(files[0]) == places[0].size
    with pytest.raises(ObjlocError, match=message):
        files[2]
