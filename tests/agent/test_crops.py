"""Crops of training images: where they lie, what they show, what they hold."""

import dataclasses
import io

import numpy as np
import pytest
import torch
from PIL import Image

from objloc.agent import crops
from objloc.agent.crops import draw_crop, image_of, picture_of_crop, with_crops
from objloc.box import area
from objloc.voc.sample import Sample, VocObject
from objloc.voc.store import squash
from tests.stores import make_store

SIZE = (120, 80)
BOX = (70.0, 10.0, 110.0, 30.0)


def picture(box: tuple[float, ...] = BOX) -> bytes:
    """White where the box is, black elsewhere."""
    pixels = np.zeros((SIZE[1], SIZE[0], 3), dtype=np.uint8)
    left, top, right, bottom = (int(each) for each in box)
    pixels[top:bottom, left:right] = 255
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


SAMPLE = Sample("a", picture(), *SIZE, (VocObject("cat", BOX),))


def test_crops_differ_hold_an_object_and_are_the_same_every_time() -> None:
    places = [draw_crop(SAMPLE, number, 0.6) for number in range(50)]
    assert len(set(places)) == 50
    assert places == [draw_crop(SAMPLE, number, 0.6) for number in range(50)]
    assert places != [
        draw_crop(dataclasses.replace(SAMPLE, image_id="b"), n, 0.6) for n in range(50)
    ]
    for left, top, right, bottom in places:
        assert 0 <= left < right <= 1 + 1e-12
        assert 0 <= top < bottom <= 1 + 1e-12
        assert right - left >= 0.4 - 1e-12
        assert bottom - top >= 0.4 - 1e-12
        wide = min(right * 120, 110) - max(left * 120, 70)
        tall = min(bottom * 80, 30) - max(top * 80, 10)
        assert wide > 0
        assert tall > 0
        assert wide * tall >= 0.4 * 800 - 1e-6
    sides = [right - left for left, _, right, _ in places]
    assert max(sides) > 0.9
    assert min(sides) < 0.5


def test_an_image_without_objects_is_cropped_too() -> None:
    left, _, right, _ = draw_crop(dataclasses.replace(SAMPLE, objects=()), 0, 0.5)
    assert right - left < 1


def test_an_object_that_no_crop_holds_leaves_the_image_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It fills the image, of which most crops show a part too small to count."""
    monkeypatch.setattr(crops, "_TRIES", 1)
    sample = dataclasses.replace(SAMPLE, objects=(VocObject("cat", (0.0, 0.0, 120.0, 80.0)),))
    places = [draw_crop(sample, number, 0.95) for number in range(30)]
    for left, top, right, bottom in places:
        assert (right - left) * (bottom - top) >= 0.4
    assert 15 < places.count((0.0, 0.0, 1.0, 1.0)) < 30


def test_a_crop_shows_the_object_where_its_box_says() -> None:
    store = dataclasses.replace(
        make_store(1, ("cat",)),
        image_ids=("a",),
        sizes=torch.tensor([SIZE], dtype=torch.float64),
        boxes=torch.tensor([[BOX]], dtype=torch.float64),
        object_category=torch.zeros(1, 1, dtype=torch.int64),
        difficult=torch.zeros(1, 1, dtype=torch.bool),
        jpegs=(SAMPLE.jpeg,),
    )
    places = [draw_crop(SAMPLE, number, 0.5) for number in range(8)]
    cropped = with_crops(store, torch.zeros(8, dtype=torch.int64), torch.tensor(places).double())
    assert len(cropped) == 9
    assert [image_of(each) for each in cropped.image_ids] == ["a"] * 9
    assert len(set(cropped.image_ids)) == 9
    side = 200
    for number, place in enumerate(places):
        shown = picture_of_crop(SAMPLE, number, place, 0.0, side)
        bright = (shown[0] > 127).nonzero().double()
        box = cropped.boxes[1 + number, 0] / cropped.sizes[1 + number].repeat(2) * side
        assert cropped.object_category[1 + number, 0] == 0
        near = pytest.approx(box.tolist(), abs=3)
        assert [*bright.amin(0).flip(0).tolist(), *(bright.amax(0) + 1).flip(0).tolist()] == near


def test_colours_are_jittered_and_the_same_every_time() -> None:
    place = (0.0, 0.0, 1.0, 1.0)
    grey = dataclasses.replace(SAMPLE, jpeg=_grey())
    plain = squash(grey, 16)
    first = picture_of_crop(grey, 0, place, 0.4, 16)
    assert torch.equal(first, picture_of_crop(grey, 0, place, 0.4, 16))
    assert not torch.equal(first, plain)
    assert not torch.equal(first, picture_of_crop(grey, 1, place, 0.4, 16))
    assert torch.equal(picture_of_crop(grey, 0, place, 0.0, 16), plain)


def _grey() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", SIZE, (100, 120, 140)).save(file, "PNG")
    return file.getvalue()


def test_a_crop_without_an_object_holds_none() -> None:
    store = make_store(3, ("cat", "dog"))
    corner = torch.tensor([[0.0, 0.0, 1e-3, 1e-3]], dtype=torch.float64)
    cropped = with_crops(store, torch.tensor([1]), corner)
    assert (cropped.object_category[3] == -1).all()
    assert (area(cropped.boxes[3]) == 0).all()
    assert torch.equal(cropped.boxes[:3], store.boxes)
    assert 3 not in cropped.tasks()[:, 0]
