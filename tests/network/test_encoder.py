from typing import Literal

import pytest
import torch
import torch.nn.functional as F

from objloc.network.encoder import CropEncoder, build_encoder
from objloc.network.map_encoder import MapEncoder
from objloc.network.pooling import pool_windows, sampling_grid, with_coarser
from objloc.params import Encoder


def random_windows(number: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    corners = torch.rand(number, 2, 2, generator=generator)
    return torch.cat([corners.amin(dim=1), corners.amax(dim=1) + 0.02], dim=1)


@pytest.mark.parametrize("context", [1.0, 1.2])
def test_pooling_equals_grid_sample_in_value_and_gradient(context: float) -> None:
    generator = torch.Generator().manual_seed(1)
    views = torch.randn(3, 5, 8, 8, generator=generator, dtype=torch.float64, requires_grad=True)
    boxes = random_windows(20).double()
    index = torch.randint(3, (20,), generator=generator)
    weights = torch.randn(20, 16, 5, generator=generator, dtype=torch.float64)

    ours = pool_windows(views, index, boxes, 4, context)
    (gradient,) = torch.autograd.grad((ours * weights).sum(), views)
    grid = sampling_grid(boxes, 4, context)
    theirs = F.grid_sample(views[index], grid, padding_mode="zeros", align_corners=False)
    (expected,) = torch.autograd.grad((theirs.flatten(2).transpose(1, 2) * weights).sum(), views)

    assert torch.allclose(ours, theirs.flatten(2).transpose(1, 2), atol=1e-12)
    assert torch.allclose(gradient, expected, atol=1e-12)


@pytest.mark.parametrize(("side", "level"), [(0.2, 0), (0.45, 1), (0.9, 2), (1.0, 2)])
def test_a_window_is_read_from_the_level_as_coarse_as_its_cells(side: float, level: int) -> None:
    generator = torch.Generator().manual_seed(1)
    views = torch.randn(2, 5, 32, 32, generator=generator, dtype=torch.float64)
    low = torch.rand(6, 2, generator=generator, dtype=torch.float64) * (1 - side)
    boxes, index = torch.cat([low, low + side], dim=1), torch.tensor([0, 1, 1, 0, 1, 0])
    ours = pool_windows(with_coarser(views, 3), index, boxes, 7, 1.0, levels=3)
    alone = F.max_pool2d(views, 2**level) if level else views
    expected = pool_windows(alone, index, boxes, 7, 1.0)
    assert torch.allclose(ours, expected, atol=1e-12)


def test_the_whole_image_sees_a_thing_of_one_cell_with_several_levels() -> None:
    views = torch.zeros(1, 1, 28, 28)
    views[0, 0, 8, 12] = 1.0
    whole, first = torch.tensor([[0.0, 0.0, 1.0, 1.0]]), torch.tensor([0])
    assert pool_windows(views, first, whole, 7, 1.0).max() == 0
    seen = pool_windows(with_coarser(views, 3), first, whole, 7, 1.0, levels=3)
    assert seen.view(7, 7)[2, 3] == 1


@pytest.mark.parametrize("side", [7, 30])
def test_levels_of_maps_with_odd_sides_stay_in_place(side: int) -> None:
    """What lies left of the middle is seen left of the middle, at every level."""
    views = torch.zeros(1, 1, side, side)
    views[..., : side // 2] = 1.0
    halves = torch.tensor([[0.0, 0.0, 0.4, 1.0], [0.6, 0.0, 1.0, 1.0]])
    for levels in (1, 2, 3):
        seen = pool_windows(
            with_coarser(views, levels), torch.tensor([0, 0]), halves, 2, 1.0, levels
        )
        assert seen[0].min() > 0.45
        assert seen[1].max() < 0.1


def test_a_crop_of_the_whole_image_is_the_image() -> None:
    encoder = CropEncoder(Encoder(kind="crops", image_size=84, window_size=84))
    images = torch.randint(256, (2, 3, 84, 84), dtype=torch.uint8)
    whole = torch.tensor([[[0.0, 0.0, 1.0, 1.0]]] * 2)
    crops = encoder.crop(encoder.encode(images), torch.arange(2), whole)
    assert torch.allclose(crops, images.float() / 255, atol=1e-5)


def test_a_crop_shows_what_is_inside_the_window() -> None:
    images = torch.zeros(1, 3, 84, 84, dtype=torch.uint8)
    images[:, :, 42:, 42:] = 255  # the lower right quarter is white
    encoder = CropEncoder(Encoder(kind="crops", image_size=84))
    views = encoder.encode(images)
    quarters = torch.tensor([[[0.5, 0.5, 1.0, 1.0]], [[0.0, 0.0, 0.5, 0.5]]])
    crops = encoder.crop(views, torch.zeros(2, dtype=torch.int64), quarters)
    assert crops[0, :, 1:, 1:].min() > 0.99
    assert crops[1, :, :-1, :-1].max() < 0.01


def test_frames_are_stacked_oldest_first() -> None:
    images = torch.arange(84).view(1, 1, 1, 84).expand(1, 3, 84, 84).to(torch.uint8)
    encoder = CropEncoder(Encoder(kind="crops", image_size=84, greyscale=True, frames=2))
    windows = torch.tensor([[[0.0, 0.0, 0.5, 1.0], [0.5, 0.0, 1.0, 1.0]]])
    crops = encoder.crop(encoder.encode(images), torch.zeros(1, dtype=torch.int64), windows)
    assert crops.shape == (1, 2, 84, 84)
    assert crops[0, 0].mean() < crops[0, 1].mean()


def test_greyscale_weighs_the_colours_as_luma() -> None:
    images = torch.zeros(3, 3, 84, 84, dtype=torch.uint8)
    for channel in range(3):
        images[channel, channel] = 255
    encoder = CropEncoder(Encoder(kind="crops", image_size=84, greyscale=True))
    means = encoder.encode(images).mean(dim=(1, 2, 3))
    assert torch.allclose(means, torch.tensor([0.299, 0.587, 0.114]), atol=1e-5)


@pytest.mark.parametrize("frames", [1, 3])
def test_features_have_the_stated_length(frames: int) -> None:
    boxes = random_windows(6).view(-1, 1, 4).repeat(1, frames, 1)
    index = torch.tensor([0, 1, 1, 0, 0, 1])
    images = torch.randint(256, (2, 3, 96, 96), dtype=torch.uint8)
    for encoder in (
        MapEncoder(Encoder(image_size=96, frames=frames), 2),
        CropEncoder(Encoder(kind="crops", image_size=96, frames=frames)),
    ):
        features = encoder.observe(encoder.encode(images), index, boxes)
        assert features.own.shape == (6, 1, encoder.features)
        assert features.shared is None


def test_windows_of_one_image_share_its_one_look() -> None:
    """A window's features do not depend on which others are asked for."""
    encoder = MapEncoder(Encoder(image_size=64), 2).eval()
    images = torch.randint(256, (3, 3, 64, 64), dtype=torch.uint8)
    boxes = random_windows(5).view(-1, 1, 4)
    index = torch.tensor([2, 0, 1, 1, 2])
    together = encoder.observe(encoder.encode(images), index, boxes)
    for row in range(5):
        alone = encoder.observe(
            encoder.encode(images[index[row] : index[row] + 1]),
            torch.tensor([0]),
            boxes[row : row + 1],
        )
        assert torch.allclose(alone.own[0], together.own[row], atol=1e-4)


def test_layers_are_numbered_in_order() -> None:
    assert list(MapEncoder(Encoder(widths=(8, 8, 8)), 2).layers()) == [
        "conv1", "conv2", "conv3", "conv4", "conv5",
    ]  # fmt: skip
    assert list(CropEncoder(Encoder(kind="crops")).layers()) == ["conv1", "conv2", "conv3"]


@pytest.mark.parametrize("kind", ["map", "crops"])
def test_without_colours_only_brightness_counts(kind: Literal["map", "crops"]) -> None:
    params = Encoder(kind=kind, image_size=84, greyscale=True, widths=(4, 8), cell_width=4, pool=3)
    encoder = build_encoder(params, 2).eval()
    red, grey = torch.zeros(1, 3, 84, 84), torch.zeros(1, 3, 84, 84)
    red[:, 0, 20:60, 20:60] = 200
    grey[:, :, 20:60, 20:60] = 200 * 0.299
    seen = [encoder.encode(each.to(torch.float32)) for each in (red, grey)]
    torch.testing.assert_close(seen[0], seen[1], atol=1e-5, rtol=1e-4)
    coloured = build_encoder(params.model_copy(update={"greyscale": False}), 2).eval()
    seen = [coloured.encode(each) for each in (red, grey)]
    assert float((seen[0] - seen[1]).detach().abs().max()) > 1e-3
