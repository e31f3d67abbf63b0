"""Batches: images and ground truth are augmented alike."""

import pytest
import torch

from objloc.box import iou
from objloc.data.image_batch import pixels_of
from objloc.learning.batch import (
    jitter_colours,
    make_batch,
    random_crop,
    shift_boxes,
    smaller_than_in_use,
)
from objloc.learning.extra_windows import windows_around_objects
from objloc.mdp.environment import Observation
from objloc.params import Agent, Encoder, Learning
from tests.helpers.stores import make_store

STORE = make_store(8, ("cat", "dog", "cow"))


def observation(number: int = 6, seed: int = 0) -> Observation:
    generator = torch.Generator().manual_seed(seed)
    return windows_around_objects(STORE, torch.arange(number), 1, 0, generator)


def test_jitter_keeps_grey_grey_and_stays_in_range() -> None:
    images = torch.randint(256, (5, 1, 8, 8), dtype=torch.uint8).expand(-1, 3, -1, -1)
    changed = jitter_colours(images, 0.5, torch.Generator().manual_seed(0))
    assert changed.min() >= 0
    assert changed.max() <= 255
    assert torch.allclose(changed[:, 0], changed[:, 1], atol=1e-3)
    assert not torch.allclose(changed, images.float(), atol=1)
    assert torch.allclose(jitter_colours(images, 0.0, torch.Generator()), images.float(), atol=1e-3)


@pytest.mark.parametrize("side", [100, 60])
def test_a_cropped_image_moves_its_truth_along(side: int) -> None:
    """White rectangle in a black image: its pixels must lie where its box says."""
    images = torch.zeros(3, 3, 100, 100)
    images[:, :, 40:60, 30:70] = 255
    sizes = torch.tensor([[200.0, 100.0]] * 3, dtype=torch.float64)
    box = torch.tensor([[60.0, 40.0, 140.0, 60.0]] * 3, dtype=torch.float64)
    generator = torch.Generator().manual_seed(0)
    parts, offset, part_sizes = random_crop(images, sizes, torch.arange(3), 0.3, side, generator)
    assert (part_sizes >= 0.7 * sizes).all()
    assert (part_sizes < sizes).all()
    moved, seen = shift_boxes(box, offset, part_sizes)
    assert seen.all()
    for row in range(3):
        shares = moved[row] / torch.cat([part_sizes[row], part_sizes[row]]) * side
        bright = (parts[row, 0] > 127).nonzero().double()
        assert bright[:, 1].min().item() == pytest.approx(shares[0].item(), abs=1.1)
        assert bright[:, 1].max().item() + 1 == pytest.approx(shares[2].item(), abs=1.1)
        assert bright[:, 0].min().item() == pytest.approx(shares[1].item(), abs=1.1)
        assert bright[:, 0].max().item() + 1 == pytest.approx(shares[3].item(), abs=1.1)


def test_a_box_outside_the_part_is_not_seen_and_one_across_its_border_is_cut() -> None:
    boxes = torch.tensor(
        [[[0.0, 0, 10, 10], [15.0, 0, 35, 10], [40.0, 10, 60, 30]]], dtype=torch.float64
    )
    offset = torch.tensor([[20.0, 0.0]], dtype=torch.float64)
    sizes = torch.tensor([[50.0, 40.0]], dtype=torch.float64)
    moved, seen = shift_boxes(boxes, offset, sizes)
    assert seen.tolist() == [[False, True, True]]
    assert moved.tolist() == [[[0, 0, 50, 40], [0, 0, 15, 10], [20, 10, 40, 30]]]


def test_flipped_images_keep_their_truth() -> None:
    """IoU of window and object is the same in the mirror, and the pixels move along."""
    learning = Learning(flip=True)
    plain = make_batch(STORE, observation(), Learning(), torch.Generator(), 6)
    flipped = 0
    for seed in range(4):
        mirrored = make_batch(
            STORE, observation(), learning, torch.Generator().manual_seed(seed), 6
        )
        for row in range(6):
            old = iou(plain.observation.boxes[row, -1], plain.objects[row, 0])
            new = iou(mirrored.observation.boxes[row, -1], mirrored.objects[row, 0])
            assert new.item() == pytest.approx(old.item(), abs=1e-12)
            picture = pixels_of(mirrored.images)[mirrored.index[row]]
            original = pixels_of(plain.images)[plain.index[row]]
            if torch.equal(picture, original.flip(-1)):
                flipped += 1
                assert mirrored.objects[row, 0, 0] == 120 - plain.objects[row, 0, 2]
            else:
                assert torch.equal(picture, original)
    assert 4 < flipped < 20


def test_cropping_teaches_only_objects_that_are_seen() -> None:
    learning = Learning(crop=0.6, flip=True)
    lost = 0
    for seed in range(20):
        batch = make_batch(STORE, observation(), learning, torch.Generator().manual_seed(seed), 6)
        boxes = batch.observation.boxes
        assert (boxes[..., :2] >= 0).all()
        assert (boxes[:, -1, 2:] <= batch.sizes + 1e-9).all()
        assert (boxes[..., 2:] > boxes[..., :2]).all()
        lost += int((batch.labels < 0).sum())
    assert 0 < lost < 60


@pytest.mark.parametrize("crop", [0.0, 0.4])
def test_images_may_be_learned_from_at_another_size(crop: float) -> None:
    """Objects and windows stay where they are in the image."""
    sizes = (None, 24)
    plain, small = (
        make_batch(
            STORE,
            observation(),
            Learning(crop=crop, image_size=size),
            torch.Generator().manual_seed(0),
            6,
        )
        for size in sizes
    )
    stored = pixels_of(STORE.images[torch.arange(6)])
    assert pixels_of(plain.images).shape == stored.shape
    assert pixels_of(small.images).shape == (6, 3, 24, 24)
    assert pixels_of(small.images).float().mean().item() == pytest.approx(
        pixels_of(plain.images).float().mean().item(), rel=0.02
    )
    assert torch.equal(small.sizes, plain.sizes)
    torch.testing.assert_close(small.objects, plain.objects)
    torch.testing.assert_close(small.observation.boxes, plain.observation.boxes)


@pytest.mark.parametrize(
    ("used", "learned", "crop", "least"),
    [
        (112, 96, 0.25, None), (128, 96, 0.25, None), (112, None, 0.0, None),
        (129, 96, 0.25, 97), (224, 96, 0.25, 168), (112, 96, 0.0, 112), (160, 48, 0.7, None),
    ],
)  # fmt: skip
def test_crops_that_only_make_objects_smaller_are_told(
    used: int, learned: int | None, crop: float, least: int | None
) -> None:
    agent = Agent(
        encoder=Encoder(image_size=used), learning=Learning(crop=crop, image_size=learned)
    )
    told = smaller_than_in_use(agent)
    if least is None:
        assert told == ""
    else:
        assert told.startswith(f"learning.image_size={learned} beside encoder.image_size={used}: ")
        assert told.endswith(f"state {least} or more, or null")


def test_boxes_of_an_augmented_image_are_found_again_in_the_stores() -> None:
    learning = Learning(flip=True, crop=0.4, backup="all_actions")
    image = torch.arange(6)
    inner = torch.tensor([50, 40, 60, 50.0]).double().expand(6, 1, 4)
    observation = Observation(image, torch.zeros_like(image), inner, torch.zeros(6, 0).long())
    batch = make_batch(STORE, observation, learning, torch.Generator().manual_seed(0), 6)
    assert 0 < int(batch.mirrored.sum()) < 6
    assert (batch.offset != 0).any()
    window = torch.arange(6)
    back = batch.as_stored(window, batch.observation.boxes[:, -1])
    torch.testing.assert_close(back, inner[:, 0])
