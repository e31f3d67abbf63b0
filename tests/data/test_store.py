"""Samples as tensors."""

from pathlib import Path

import pytest
import torch

from objloc.data.decode import PixelsOnDemand, squash
from objloc.data.image_batch import NoImages, Pixels, pixels_of
from objloc.data.sample import Sample, VocObject
from objloc.data.shard_reader import read_samples
from objloc.data.store import SampleStore
from objloc.errors import ObjlocError
from tests.helpers.devkits import jpeg_bytes

CAT, DOG = (2.0, 3.0, 20.0, 30.0), (0.0, 0.0, 9.0, 9.0)
SAMPLES = [
    Sample("1", jpeg_bytes((40, 30)), 40, 30, (VocObject("cat", CAT),)),
    Sample("2", jpeg_bytes((30, 40)), 30, 40, (
        VocObject("dog", DOG, difficult=True), VocObject("ox", CAT), VocObject("cat", DOG),
    )),
    Sample("3", jpeg_bytes((30, 30)), 30, 30, ()),
]  # fmt: skip


@pytest.fixture
def store() -> SampleStore:
    return SampleStore.from_samples(SAMPLES, ("cat", "dog"), 16, image_set="val", data="drawn")


def test_objects_are_padded_to_those_of_the_image_with_most(store: SampleStore) -> None:
    assert store.sizes.tolist() == [[40, 30], [30, 40], [30, 30]]
    assert store.object_category.tolist() == [[0, -1, -1], [1, -1, 0], [-1, -1, -1]]
    assert store.boxes[1].tolist() == [list(DOG), list(CAT), list(DOG)]
    assert store.difficult.tolist() == [[False] * 3, [True, False, False], [False] * 3]


def test_images_are_squashed_to_a_square(store: SampleStore) -> None:
    batch = pixels_of(store.images[torch.tensor([1, 0])])
    assert batch.shape == (2, 3, 16, 16)
    assert torch.equal(batch[0], squash(SAMPLES[1].jpeg, "2", 16))


def test_a_store_may_have_no_images(store: SampleStore) -> None:
    bare = SampleStore.from_samples(SAMPLES, ("cat", "dog"), None)
    assert isinstance(bare.images, NoImages)
    without = store.without_images()
    assert isinstance(without.images, NoImages)
    assert without.jpegs == store.jpegs
    assert len(without) == 3


def test_tasks_are_the_categories_present_by_image(store: SampleStore) -> None:
    assert store.presence().tolist() == [[True, False], [True, True], [False, False]]
    assert store.tasks().tolist() == [[0, 0], [1, 0], [1, 1]]
    assert store.tasks([1]).tolist() == [[1, 1]]


def test_the_first_images_are_a_store_of_their_own(store: SampleStore) -> None:
    two = store.first(2)
    assert len(two) == 2
    assert two.image_ids == ("1", "2")
    assert two.tasks().tolist() == store.tasks().tolist()
    rows = torch.tensor([1])
    assert torch.equal(pixels_of(two.images[rows]), pixels_of(store.images[rows]))
    assert len(store.first(9)) == 3


def test_a_category_alone_keeps_its_objects(store: SampleStore) -> None:
    dogs = store.of_category(1)
    assert dogs.categories == ("dog",)
    assert dogs.ground_truth(1, 0) == [(DOG, True)]
    assert dogs.presence().tolist() == [[False], [True], [False]]


def test_absent_tasks_are_of_categories_that_the_image_lacks(store: SampleStore) -> None:
    generator = torch.Generator().manual_seed(0)
    drawn = store.absent_tasks(store.tasks(), 60, generator).tolist()
    assert len(drawn) == 60
    assert {tuple(each) for each in drawn} == {(0, 1), (2, 0), (2, 1)}
    of_cats = store.absent_tasks(store.tasks([0]), 5, generator)
    assert of_cats.tolist() == [[2, 0]] * 5
    assert store.absent_tasks(store.tasks(), 0, generator).shape == (0, 2)
    everywhere = store.first(1).absent_tasks(store.tasks([0]), 5, generator)
    assert len(everywhere) == 0


def test_a_category_in_no_image_is_refused() -> None:
    store = SampleStore.from_samples(SAMPLES[:1], ("cat", "dog"), 16, image_set="val", data="drawn")
    with pytest.raises(ObjlocError, match="hold 'dog'; found none among 1"):
        store.tasks()


def test_objects_of_a_category_are_marked(store: SampleStore) -> None:
    boxes, real = store.objects_of(torch.tensor([1, 2]), torch.tensor([0, 0]))
    assert real.tolist() == [[False, False, True], [False] * 3]
    assert boxes[0, 2].tolist() == list(DOG)
    assert store.ground_truth(1, 1) == [(DOG, True)]


def test_an_empty_set_is_refused() -> None:
    with pytest.raises(ObjlocError, match="image set 'val': expected at least one image"):
        SampleStore.from_samples([], ("cat",), 16, image_set="val")


@pytest.mark.parametrize("memory_mb", [0, 1, 500])
def test_a_store_of_shards_is_that_of_its_samples_however_much_is_in_memory(
    written: Path, memory_mb: int
) -> None:
    samples = list(read_samples(written, "train"))
    found = SampleStore.load(written, "train", ("cat", "dog"), 300, memory_mb)
    expected = SampleStore.from_samples(samples, ("cat", "dog"), 300)
    assert isinstance(found.images, Pixels if memory_mb == 500 else PixelsOnDemand)
    assert found.image_ids == expected.image_ids
    for name in ("sizes", "boxes", "object_category", "difficult"):
        assert torch.equal(getattr(found, name), getattr(expected, name)), name
    rows = torch.arange(len(found))
    assert torch.equal(pixels_of(found.images[rows]), pixels_of(expected.images[rows]))
    assert list(found.jpegs) == [sample.jpeg for sample in samples]
    with pytest.raises(ObjlocError, match="unknown image set 'none'"):
        SampleStore.load(written, "none", ("cat",), 300, memory_mb)
