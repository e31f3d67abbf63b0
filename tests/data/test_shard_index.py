"""``index.json``: hashes, counts and unions by hand, and indices that are refused."""

import hashlib
from pathlib import Path

import pytest

from objloc.data.sample import Coordinates, Sample, VocObject
from objloc.data.shard_index import (
    Counts,
    ImageSet,
    Shard,
    Statistics,
    add,
    count,
    data_hash,
    in_order,
    read_index,
    write_index,
)
from objloc.errors import ObjlocError
from tests.helpers.shards import change_index

BOX: Coordinates = (1.0, 2.0, 3.0, 4.0)
ONE = Shard(name="train-0.tar", samples=3, bytes=10, sha256="1" * 64)
TWO = Shard(name="train-1.tar", samples=2, bytes=20, sha256="2" * 64)
VAL = Shard(name="val-0.tar", samples=4, bytes=30, sha256="3" * 64)
SETS = {
    "trainval": ImageSet(samples=9, shards=(ONE, TWO, VAL)),
    "train": ImageSet(samples=5, shards=(ONE, TWO)),
    "val": ImageSet(samples=4, shards=(VAL,)),
}
CATS = Statistics(
    images=2, objects=3, difficult=1, truncated=2,
    categories={"cat": Counts(images=2, objects=3, difficult=1, truncated=2)},
)  # fmt: skip


def test_what_is_written_is_read(tmp_path: Path) -> None:
    written = write_index(tmp_path, "pets", SETS, {"train": CATS})
    assert read_index(tmp_path) == written
    assert written.categories == ("cat",)
    assert written.image_sets == SETS


def test_the_hash_is_over_names_and_hashes_of_sets_in_order() -> None:
    lines = (
        f"train train-0.tar {'1' * 64}\ntrain train-1.tar {'2' * 64}\nval val-0.tar {'3' * 64}\n"
    )
    two = {"val": SETS["val"], "train": SETS["train"]}
    assert data_hash(two) == hashlib.sha256(lines.encode()).hexdigest()
    assert data_hash({**two, "other": SETS["val"]}) != data_hash(two)


def test_a_union_holds_each_shard_once(tmp_path: Path) -> None:
    index = write_index(tmp_path, "pets", SETS, {})
    assert index.image_set("train") == SETS["train"]
    assert index.image_set("val+train") == ImageSet(samples=9, shards=(VAL, ONE, TWO))
    assert index.image_set("train+trainval").shards == (ONE, TWO, VAL)
    assert index.knows("val+train")
    assert not index.knows("val+test")
    with pytest.raises(KeyError):
        index.image_set("val+test")


def test_images_and_objects_are_counted() -> None:
    samples = (
        Sample("1", b"", 9, 9, (VocObject("dog", BOX), VocObject("dog", BOX, truncated=True))),
        Sample("2", b"", 9, 9, (VocObject("ant", BOX, difficult=True), VocObject("dog", BOX))),
        Sample("3", b"", 9, 9, ()),
    )
    assert count(samples) == Statistics(
        images=3, objects=4, difficult=1, truncated=1,
        categories={
            "dog": Counts(images=2, objects=3, truncated=1),
            "ant": Counts(images=1, objects=1, difficult=1),
        },
    )  # fmt: skip
    assert list(count(samples).categories) == ["dog", "ant"]


def test_disjoint_sets_are_added() -> None:
    dogs = Statistics(images=1, objects=1, categories={"dog": Counts(images=1, objects=1)})
    both = add([dogs, CATS, CATS])
    assert (both.images, both.objects, both.difficult, both.truncated) == (5, 7, 2, 4)
    assert both.categories["cat"] == Counts(images=4, objects=6, difficult=2, truncated=4)
    assert both.categories["dog"] == Counts(images=1, objects=1)
    assert add([]) == Statistics(categories={})


def test_vocs_categories_come_first_in_its_order() -> None:
    assert in_order(["zebra", "dog", "ant", "cat", "dog"]) == ("cat", "dog", "ant", "zebra")


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


@pytest.mark.parametrize("content", ["", "{", "[]", "null"])
def test_an_index_that_is_no_index_is_refused(shards: Path, content: str) -> None:
    (shards / "index.json").write_text(content)
    with pytest.raises(ObjlocError, match=r"index.json: the file: "):
        read_index(shards)


def test_a_folder_without_index_is_no_folder_of_shards(tmp_path: Path) -> None:
    with pytest.raises(ObjlocError, match=r"index.json: expected the index of a folder of shards"):
        read_index(tmp_path)
