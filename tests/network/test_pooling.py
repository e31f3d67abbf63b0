"""Pooling windows out of maps, beside PyTorch's own sampling."""

import pytest
import torch
import torch.nn.functional as F

from objloc.network.pooling import cell_centres, pool_windows, sampling_grid, with_coarser
from tests.helpers.networks import random_windows


@pytest.mark.parametrize("context", [1.0, 1.2])
def test_pooling_equals_grid_sample_in_value_and_gradient(context: float) -> None:
    generator = torch.Generator().manual_seed(1)
    views = torch.randn(3, 5, 8, 8, generator=generator, dtype=torch.float64, requires_grad=True)
    boxes = random_windows(20).double()
    index = torch.randint(3, (20,), generator=generator)
    weights = torch.randn(20, 16, 5, generator=generator, dtype=torch.float64)

    ours = pool_windows(views, index, boxes, 4, context)
    (gradient,) = torch.autograd.grad((ours * weights).sum(), views)
    grid = sampling_grid(boxes, cell_centres(4, boxes), context)
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
