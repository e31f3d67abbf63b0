import hashlib
import json
import os
import shutil
import tarfile
from pathlib import Path

import pytest
import webdataset

from objloc import params
from objloc.data.devkit import open_devkit
from objloc.data.sample import Part, Sample, VocObject
from objloc.data.shard_index import read_index
from objloc.data.shard_reader import decode_sample, read_samples
from objloc.data.shards import encode_annotation, write_shards
from objloc.errors import ObjlocError
from tests.helpers.devkits import (
    annotation_xml,
    jpeg_bytes,
    make_devkit,
    write_image,
    write_image_set,
)

IMAGES = {"train": 7, "val": 3, "test": 4}
FOUR = params.Shard(samples_per_shard=4)


@pytest.fixture(scope="module")
def devkit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_devkit(tmp_path_factory.mktemp("devkit"), IMAGES, trainval=True)


@pytest.fixture(scope="module")
def written(devkit: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shards of at most four samples. Read only."""
    folder = tmp_path_factory.mktemp("shards") / "out"
    write_shards(open_devkit(devkit), folder, FOUR)
    return folder


@pytest.fixture
def shards(written: Path, tmp_path: Path) -> Path:
    """The same, to be damaged."""
    return Path(shutil.copytree(written, tmp_path / "copy"))


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_what_is_read_is_what_the_devkit_holds(devkit: Path, written: Path) -> None:
    opened = open_devkit(devkit)
    for image_set in ("train", "val", "test", "trainval"):
        expected = [opened.read(image_id) for image_id in opened.image_sets[image_set]]
        assert list(read_samples(written, image_set)) == expected


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
    assert list(index) == ["data", "data_hash", "categories", "image_sets", "statistics"]
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


def test_sets_that_share_images_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    devkit = make_devkit(tmp_path, {"train": 2, "test": 2})
    write_image_set(devkit / "VOC2007", "test", ["000002", "000003"])
    write_shards(open_devkit(devkit), tmp_path / "out", FOUR)
    assert "note: image sets 'test' and 'train' share 1 images" in capsys.readouterr().err


def test_an_unknown_image_set_is_refused_by_name(written: Path) -> None:
    with pytest.raises(ObjlocError) as caught:
        next(read_samples(written, "validation"))
    assert str(caught.value) == (
        f"{written}: unknown image set 'validation'; expected one of test, train, trainval, val"
    )


def test_a_missing_shard_is_told(shards: Path) -> None:
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


def change_index(shards: Path, *keys: str | int, value: object) -> None:
    path = shards / "index.json"
    index = node = json.loads(path.read_text())
    for key in keys[:-1]:
        node = node[key]
    node[keys[-1]] = value
    path.write_text(json.dumps(index))


@pytest.mark.parametrize(
    ("keys", "value", "message"),
    [
        (("data_hash",), "0" * 64, "expected data_hash 0000"),
        (("data_hash",), "zero", "data_hash: String should match pattern"),
        (("surprise",), 1, "surprise: unknown key"),
        (("image_sets", "val", "samples"), 4, "'val': expected 4 samples in its shards; found 3"),
        (("image_sets", "val", "shards", 0, "name"), "../val.tar", "name: String should match"),
        (("image_sets", "val", "shards", 0, "name"), "pipe:ls", "name: String should match"),
        (("image_sets", "val", "shards", 0, "samples"), "3", "samples: expected a valid integer"),
    ],
)
def test_a_damaged_index_is_refused(
    shards: Path, keys: tuple[str | int, ...], value: object, message: str
) -> None:
    change_index(shards, *keys, value=value)
    with pytest.raises(ObjlocError) as caught:
        read_index(shards)
    assert message in str(caught.value)
    assert str(caught.value).startswith(str(shards / "index.json"))


def test_a_shard_with_fewer_samples_than_the_index_says_is_refused(shards: Path) -> None:
    change_index(shards, "image_sets", "val", "samples", value=4)
    change_index(shards, "image_sets", "val", "shards", 0, "samples", value=4)
    with pytest.raises(ObjlocError, match=r"val-000000.tar: expected 4 samples; found 3"):
        list(read_samples(shards, "val"))


@pytest.mark.parametrize("content", ["", "{", "[]", "null"])
def test_an_index_that_is_no_index_is_refused(shards: Path, content: str) -> None:
    (shards / "index.json").write_text(content)
    with pytest.raises(ObjlocError, match=r"index.json: the file: "):
        read_index(shards)


def test_a_folder_without_index_is_no_folder_of_shards(tmp_path: Path) -> None:
    with pytest.raises(ObjlocError, match=r"index.json: expected the index of a folder of shards"):
        read_index(tmp_path)


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
