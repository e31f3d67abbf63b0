import hashlib
import io
import json
import os
import shutil
import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import webdataset
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from objloc import params
from objloc.data.sample import Sample
from objloc.data.shard_index import read_index, write_index
from objloc.data.shard_reader import read_samples
from objloc.data.shards import _write_set, write_shards
from objloc.data.voc.devkit import open_devkit
from objloc.errors import ObjlocError
from tests.helpers.devkits import (
    annotation_xml,
    jpeg_bytes,
    make_devkit,
    write_image,
    write_image_set,
)
from tests.helpers.strategies import samples

FOUR = params.Shard(samples_per_shard=4)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_what_is_read_is_what_the_devkit_holds(devkit: Path, written: Path) -> None:
    opened = open_devkit(devkit)
    for image_set in ("train", "val", "test", "trainval"):
        expected = [opened.read(image_id) for image_id in opened.image_sets[image_set]]
        assert list(read_samples(written, image_set)) == expected


def test_a_samples_files_are_plain_and_boxes_are_the_devkits(tmp_path: Path) -> None:
    year = tmp_path / "devkit" / "VOC2007"
    jpeg = jpeg_bytes((120, 90))
    objects = [("cat", (3, 4.5, 60.25, 70), True, False)]
    write_image(year, "000007", jpeg, annotation_xml("VOC2007", "000007", (120, 90), objects))
    write_image_set(year, "val", ["000007"])
    write_shards(open_devkit(year), tmp_path / "out", FOUR)
    with tarfile.open(tmp_path / "out" / "val-000000.tar") as tar:
        image, annotation = tar.getmembers()
        content = {member.name: tar.extractfile(member).read() for member in (image, annotation)}  # type: ignore[union-attr]
    assert content["000007.jpg"] == jpeg
    assert content["000007.json"] == (
        b'{"height": 90, "image_id": "000007", "objects": [{"box": [3.0, 4.5, 60.25, 70.0], '
        b'"category": "cat", "difficult": 1, "occluded": 0, "parts": [], '
        b'"pose": "Unspecified", "truncated": 0}], "width": 120}'
    )
    for member in (image, annotation):
        assert (member.mtime, member.uname, member.gname, member.uid) == (0, "", "", 0)


def test_shards_are_ordinary_webdataset_streams(written: Path) -> None:
    urls = [str(written / f"train-00000{number}.tar") for number in (0, 1)]
    stream = webdataset.WebDataset(urls, shardshuffle=False).decode("pil", only=["jpg", "json"])
    samples = [(sample["__key__"], sample["jpg"].size, sample["json"]) for sample in stream]
    assert [key for key, _, _ in samples] == [f"{number:06}" for number in range(1, 8)]
    assert all(size == (value["width"], value["height"]) for _, size, value in samples)


def test_the_index_says_what_the_shards_hold(written: Path) -> None:
    index = json.loads((written / "index.json").read_text())
    keys = ["data", "data_hash", "categories", "image_sets", "statistics", "checksum"]
    assert list(index) == keys
    assert index["data"] == "VOC2007"
    assert index["categories"] == ["cat", "dog"]
    assert {
        name: (part["samples"], [(shard["name"], shard["samples"]) for shard in part["shards"]])
        for name, part in index["image_sets"].items()
    } == {
        "test": (4, [("test-000000.tar", 4)]),
        "train": (7, [("train-000000.tar", 4), ("train-000001.tar", 3)]),
        "trainval": (
            10,
            [("train-000000.tar", 4), ("train-000001.tar", 3), ("val-000000.tar", 3)],
        ),
        "val": (3, [("val-000000.tar", 3)]),
    }
    for part in index["image_sets"].values():
        for shard in part["shards"]:
            content = (written / shard["name"]).read_bytes()
            assert shard["bytes"] == len(content)
            assert shard["sha256"] == hashlib.sha256(content).hexdigest()
    # A set united of others is not written twice.
    assert sorted(path.name for path in written.iterdir()) == [
        "index.json",
        "test-000000.tar",
        "train-000000.tar",
        "train-000001.tar",
        "val-000000.tar",
    ]


def test_statistics_count_images_and_objects(devkit: Path, written: Path) -> None:
    opened = open_devkit(devkit)
    statistics = read_index(written).statistics
    for image_set, image_ids in opened.image_sets.items():
        samples = [opened.read(image_id) for image_id in image_ids]
        items = [item for sample in samples for item in sample.objects]
        counted = statistics[image_set]
        assert counted.images == len(samples)
        assert counted.objects == len(items)
        for category in ("cat", "dog"):
            mine = [item for item in items if item.category == category]
            found = counted.categories[category]
            assert found.objects == len(mine)
            assert found.difficult == sum(item.difficult for item in mine)
            assert found.truncated == sum(item.truncated for item in mine)
            assert found.images == sum(
                any(item.category == category for item in sample.objects) for sample in samples
            )
    # The drawn devkit has some of each, or the counts above show nothing.
    assert statistics["trainval"].truncated > 0


def test_categories_come_in_vocs_order_then_by_name(tmp_path: Path) -> None:
    names = ("zebra", "dog", "apple", "aeroplane", "cat")
    devkit = make_devkit(tmp_path, {"train": 10}, names, year="OWN")
    index = write_shards(open_devkit(devkit), tmp_path / "out", FOUR)
    assert index.categories == ("aeroplane", "cat", "dog", "apple", "zebra")
    assert list(index.statistics["train"].categories) == list(index.categories)


@pytest.mark.parametrize("section", [FOUR, params.Shard(split="seeded", seed=3)])
def test_the_same_devkit_gives_the_same_bytes(
    devkit: Path, tmp_path: Path, section: params.Shard
) -> None:
    other = tmp_path / "elsewhere" / "100%d" / "VOCdevkit"
    shutil.copytree(devkit, other)
    for path in sorted(other.rglob("*"), reverse=True):
        os.utime(path, (1e9, 1e9))
    one = write_shards(open_devkit(devkit), tmp_path / "one", section)
    two = write_shards(open_devkit(other), tmp_path / "100%d", section)
    assert contents(tmp_path / "one") == contents(tmp_path / "100%d")
    assert one == two == read_index(tmp_path / "one")


def test_a_shard_is_closed_by_its_size_too(tmp_path: Path) -> None:
    year = tmp_path / "devkit" / "VOC2007"
    noise = np.random.default_rng(0).integers(0, 256, (700, 800, 3), np.uint8)
    stream = io.BytesIO()
    Image.fromarray(noise).save(stream, "JPEG", quality=95)
    large, small = stream.getvalue(), jpeg_bytes((800, 700))
    assert 2**19 < len(large) < 1_000_000
    for number, jpeg in enumerate((large, large, small, large, large, large, small), start=1):
        name = f"{number:06}"
        xml = annotation_xml("VOC2007", name, (800, 700), [("cat", (3, 4, 60, 70), False, False)])
        write_image(year, name, jpeg, xml)
    write_image_set(year, "train", [f"{number:06}" for number in range(1, 8)])
    section = params.Shard(samples_per_shard=3, mb_per_shard=1)
    index = write_shards(open_devkit(year), tmp_path / "out", section)
    # By size after two large images; by size after a small one and two; what is left.
    shards = index.image_sets["train"].shards
    assert [shard.samples for shard in shards] == [2, 3, 2]
    assert [shard.name for shard in shards] == [f"train-00000{number}.tar" for number in range(3)]
    found = [sample.image_id for sample in read_samples(tmp_path / "out", "train")]
    assert found == [f"{number:06}" for number in range(1, 8)]
    assert sorted(contents(tmp_path / "out")) == ["index.json", *(each.name for each in shards)]


def test_a_seeded_split_is_named_and_holds_every_image_once(devkit: Path, tmp_path: Path) -> None:
    section = params.Shard(split="seeded", seed=5)
    index = write_shards(open_devkit(devkit), tmp_path / "out", section)
    assert index.data == "VOC2007, seeded split 5"
    found = [
        sample.image_id
        for image_set in ("train", "val", "test")
        for sample in read_samples(tmp_path / "out", image_set)
    ]
    assert sorted(found) == list(open_devkit(devkit).image_ids)
    assert {name: part.samples for name, part in index.image_sets.items()} == {
        "train": 9,
        "val": 2,
        "test": 3,
    }


def test_other_data_has_another_hash(devkit: Path, written: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(devkit, tmp_path / "VOCdevkit"))
    annotation = other / "VOC2007" / "Annotations" / "000001.xml"
    text = annotation.read_text()
    annotation.write_text(text.replace("Unspecified", "Left", 1))
    index = write_shards(open_devkit(other), tmp_path / "out", FOUR)
    assert index.data_hash != read_index(written).data_hash


def test_an_earlier_output_stays_when_writing_fails(devkit: Path, shards: Path) -> None:
    before = contents(shards)
    broken = Path(shutil.copytree(devkit, shards.parent / "VOCdevkit"))
    (broken / "VOC2007" / "Annotations" / "000014.xml").write_text("<annotation>")
    with pytest.raises(ObjlocError, match="expected well-formed XML"):
        write_shards(open_devkit(broken), shards, FOUR)
    assert contents(shards) == before
    assert sorted(path.name for path in shards.parent.iterdir()) == ["VOCdevkit", "copy"]
    write_shards(open_devkit(devkit), shards, params.Shard())
    assert len(contents(shards)) == 4


def test_sets_that_share_images_are_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    devkit = make_devkit(tmp_path, {"train": 2, "test": 2})
    write_image_set(devkit / "VOC2007", "test", ["000002", "000003"])
    write_shards(open_devkit(devkit), tmp_path / "out", FOUR)
    assert "note: image sets 'test' and 'train' share 1 images" in capsys.readouterr().err


@given(st.lists(samples(), min_size=1, max_size=7, unique_by=lambda each: each.image_id),
       st.integers(1, 4))  # fmt: skip
def test_any_samples_come_back_in_order_byte_for_byte(
    given_samples: list[Sample], most: int
) -> None:
    section, written = params.Shard(samples_per_shard=most), []
    with TemporaryDirectory() as first, TemporaryDirectory() as second:
        for folder in (Path(first), Path(second)):
            advanced: list[int] = []
            image_set, statistics = _write_set(
                folder, "train", given_samples, section, advanced.append
            )
            written.append(write_index(folder, "x", {"train": image_set}, {"train": statistics}))
            assert list(read_samples(folder, "train")) == given_samples
            assert sum(advanced) == len(given_samples)
        assert contents(Path(first)) == contents(Path(second))
    assert written[0] == written[1]
    shards = written[0].image_set("train").shards
    assert [shard.samples for shard in shards[:-1]] == [most] * (len(shards) - 1)
    assert 0 < shards[-1].samples <= most
    counted = written[0].statistics["train"]
    objects = [item for sample in given_samples for item in sample.objects]
    assert counted.objects == len(objects)
    assert counted.difficult == sum(item.difficult for item in objects)
    assert set(written[0].categories) == {item.category for item in objects}
