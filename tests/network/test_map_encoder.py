"""Features of windows pooled out of one map."""

import pytest
import torch

from objloc.network.map_encoder import MapEncoder
from objloc.network.windows import Pairs
from objloc.params import Encoder
from tests.helpers.networks import random_images, random_windows, windows_of


def test_windows_of_one_image_share_its_one_look() -> None:
    """A window's features do not depend on which others are asked for."""
    encoder = MapEncoder(Encoder(image_size=64), 2).eval()
    images = random_images(3, 64)
    boxes = random_windows(5).view(-1, 1, 4)
    image = torch.tensor([2, 0, 1, 1, 2])
    together = encoder.observe(encoder.encode(images), windows_of(boxes, image)).features()
    for row in range(5):
        views = encoder.encode(images[image[row : row + 1]])
        alone = encoder.observe(views, windows_of(boxes[row : row + 1])).features()
        assert torch.allclose(alone.own[0], together.own[row], atol=1e-4)


@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize("frames", [1, 2])
@torch.no_grad()
def test_a_category_sees_the_shared_channels_its_own_and_the_place(
    frames: int, apart: bool
) -> None:
    """Rebuilt cell by cell from the pooled channels, whose order is shared, cats', dogs'."""
    params = Encoder(
        image_size=64, widths=(4, 8), pool=2, cell_width=3, category_channels=2, frames=frames
    )
    encoder = MapEncoder(params, 2, apart).eval()
    boxes = random_windows(4 * frames).view(4, frames, 4)
    seen = encoder.observe(encoder.encode(random_images(1, 64)), windows_of(boxes))
    shared, own = seen.features()
    assert (shared is None) == apart
    assert own.shape == (4, 2, frames * 4 * 2 + 4 * frames)
    assert encoder.features == own.shape[2] + (0 if apart else frames * 4 * 3)
    assert encoder.shared_features == seen.shared_features().shape[1] == frames * (4 * 3 + 4)
    for window in range(4):
        common = [max(0.0, float(each)) for cell in seen.shared[window] for each in cell]
        place = boxes[window].flatten().tolist()
        assert seen.shared_features()[window].tolist() == common + place
        if shared is not None:
            assert shared[window].tolist() == common
        for category in range(2):
            cells = seen.own[window]
            mine = [max(0.0, float(each)) for cell in cells for each in cell[category]]
            assert own[window, category].tolist() == mine + place


@pytest.mark.parametrize("category_channels", [0, 2])
def test_pairs_have_the_features_that_all_have(category_channels: int) -> None:
    params = Encoder(image_size=64, widths=(4, 8), pool=2, category_channels=category_channels)
    encoder = MapEncoder(params, 3).eval()
    boxes = random_windows(4).view(4, 1, 4)
    seen = encoder.observe(encoder.encode(random_images(1, 64)), windows_of(boxes))
    pairs = Pairs(torch.tensor([3, 0, 0]), torch.tensor([1, 2, 0]))
    every, some = seen.features(), seen.features(pairs)
    category = pairs.category if category_channels else torch.zeros(3, dtype=torch.int64)
    assert torch.equal(some.own, every.own[pairs.window, category])
    assert (some.shared is None) == (every.shared is None) == (category_channels == 0)


def test_windows_of_several_steps_come_apart_oldest_first() -> None:
    params = Encoder(image_size=64, widths=(4, 8), pool=2, category_channels=2)
    several = MapEncoder(params.model_copy(update={"frames": 3}), 2).eval()
    single = MapEncoder(params, 2).eval()
    single.load_state_dict(several.state_dict())
    views = single.encode(random_images(1, 64))
    boxes = random_windows(6).view(2, 3, 4)
    apart = several.observe(views, windows_of(boxes)).by_frame(3).features()
    alone = single.observe(views, windows_of(boxes.view(6, 1, 4))).features()
    assert torch.equal(apart.own, alone.own)
    assert apart.shared is not None
    assert alone.shared is not None
    assert torch.equal(apart.shared, alone.shared)


def test_weights_of_categories_are_rows_behind_the_shared_ones() -> None:
    encoder = MapEncoder(Encoder(cell_width=5, category_channels=2), 3)
    for name, (shared, each) in encoder.category_weights().items():
        assert len(encoder.state_dict()[name]) == shared + 3 * each
    assert MapEncoder(Encoder(), 3).category_weights() == {}
