import pytest
import torch

from objloc.learning.augmentation import crop_randomly, jitter_colours, shift_into


def test_jitter_keeps_grey_grey_and_stays_in_range() -> None:
    images = torch.randint(256, (5, 1, 8, 8), dtype=torch.uint8).expand(-1, 3, -1, -1)
    changed = jitter_colours(images, 0.5, torch.Generator().manual_seed(0))
    assert changed.min() >= 0
    assert changed.max() <= 255
    assert torch.allclose(changed[:, 0], changed[:, 1], atol=1e-3)
    assert not torch.allclose(changed, images.float(), atol=1)
    assert torch.allclose(jitter_colours(images, 0.0, torch.Generator()), images.float(), atol=1e-3)


def test_a_cropped_image_moves_its_truth_along() -> None:
    """White rectangle in a black image: its pixels must lie where its box says."""
    images = torch.zeros(3, 3, 100, 100)
    images[:, :, 40:60, 30:70] = 255
    sizes = torch.tensor([[200.0, 100.0]] * 3, dtype=torch.float64)
    box = torch.tensor([[60.0, 40.0, 140.0, 60.0]] * 3, dtype=torch.float64)
    generator = torch.Generator().manual_seed(0)
    parts, offset, part_sizes = crop_randomly(images, sizes, torch.arange(3), 0.3, generator)
    assert (part_sizes >= 0.7 * sizes).all()
    assert (part_sizes < sizes).all()
    moved, seen = shift_into(box, offset, part_sizes)
    assert seen.all()
    for row in range(3):
        shares = moved[row] / torch.cat([part_sizes[row], part_sizes[row]]) * 100
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
    moved, seen = shift_into(boxes, offset, sizes)
    assert seen.tolist() == [[False, True, True]]
    assert moved.tolist() == [[[0, 0, 50, 40], [0, 0, 15, 10], [20, 10, 40, 30]]]
