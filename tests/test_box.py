import math

import pytest
import torch

from objloc.box import (
    area,
    batched_nms,
    best_iou,
    best_iou_by_label,
    flip_horizontally,
    from_voc,
    iou,
    non_maximum_suppression,
    pairwise_iou,
    soft_nms,
    to_voc,
)


def boxes(*rows: tuple[float, float, float, float]) -> torch.Tensor:
    return torch.tensor(rows, dtype=torch.float64)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ((0, 0, 10, 10), (0, 0, 10, 10), 1.0),
        ((0, 0, 10, 10), (10, 0, 20, 10), 0.0),
        ((0, 0, 10, 10), (5, 0, 15, 10), 50 / 150),
        ((0, 0, 10, 10), (2, 2, 4, 4), 4 / 100),
        ((0, 0, 4, 4), (3, 3, 5, 5), 1 / 19),
        ((0, 0, 0, 0), (0, 0, 0, 0), 0.0),
        ((0.5, 0.5, 1.5, 2.5), (0.5, 1.5, 1.5, 3.5), 1 / 3),
    ],
)
def test_iou_equals_the_value_worked_out_by_hand(
    a: tuple[float, ...], b: tuple[float, ...], expected: float
) -> None:
    left, right = torch.tensor(a).double(), torch.tensor(b).double()
    assert iou(left, right).item() == pytest.approx(expected, abs=1e-15)
    assert iou(right, left).item() == pytest.approx(expected, abs=1e-15)


def test_iou_of_half_open_boxes_equals_the_devkits_of_inclusive_pixels() -> None:
    first, second = (10.0, 20.0, 50.0, 60.0), (30.0, 25.0, 70.0, 80.0)

    # The devkit: one-based inclusive pixels, each side counts one more.
    width = min(first[2], second[2]) - max(first[0], second[0]) + 1
    height = min(first[3], second[3]) - max(first[1], second[1]) + 1
    sizes = [(b[2] - b[0] + 1) * (b[3] - b[1] + 1) for b in (first, second)]
    devkit = width * height / (sum(sizes) - width * height)

    ours = iou(boxes(from_voc(first)), boxes(from_voc(second)))
    assert ours.item() == pytest.approx(devkit, abs=1e-15)


def test_voc_coordinates_come_back() -> None:
    assert to_voc((0.0, 0.0, 10.0, 5.5)) == (1.0, 1.0, 10.0, 5.5)
    assert from_voc(to_voc((3.25, 4.0, 10.0, 5.5))) == (3.25, 4.0, 10.0, 5.5)


def test_area_of_a_turned_box_is_nothing() -> None:
    assert area(boxes((5, 5, 3, 9), (0, 0, 2, 3))).tolist() == [0.0, 6.0]


def test_pairwise_iou_holds_every_pair() -> None:
    a, b = boxes((0, 0, 2, 2), (1, 1, 3, 3)), boxes((0, 0, 2, 2), (0, 0, 1, 1), (9, 9, 10, 10))
    table = pairwise_iou(a, b)
    assert table.shape == (2, 3)
    for row in range(2):
        for column in range(3):
            assert table[row, column] == iou(a[row], b[column])


def test_padding_never_matches() -> None:
    objects = boxes((0, 0, 4, 4), (0, 0, 2, 2))[None]
    assert best_iou(boxes((0, 0, 4, 4)), objects, torch.tensor([[False, True]])).item() == 0.25
    assert best_iou(boxes((0, 0, 4, 4)), objects, torch.tensor([[False, False]])).item() == 0.0
    none = torch.zeros(1, 0, 4, dtype=torch.float64)
    assert best_iou(boxes((0, 0, 4, 4)), none, torch.zeros(1, 0, dtype=torch.bool)).item() == 0.0


def test_best_iou_by_label_equals_a_loop() -> None:
    generator = torch.Generator().manual_seed(0)
    low = torch.rand(3, 5, 2, generator=generator, dtype=torch.float64) * 50
    windows = torch.cat(
        [low, low + 1 + 50 * torch.rand(3, 5, 2, generator=generator, dtype=torch.float64)], dim=2
    )
    low = torch.rand(3, 4, 2, generator=generator, dtype=torch.float64) * 50
    objects = torch.cat(
        [low, low + 1 + 50 * torch.rand(3, 4, 2, generator=generator, dtype=torch.float64)], dim=2
    )
    labels = torch.tensor([[0, 1, 1, -1], [2, 2, 0, 1], [-1, -1, -1, -1]])
    found = best_iou_by_label(windows, objects, labels, 3)
    for image in range(3):
        for window in range(5):
            for label in range(3):
                mine = [
                    iou(windows[image, window], objects[image, k]).item()
                    for k in range(4)
                    if labels[image, k] == label
                ]
                assert found[image, window, label].item() == max(mine, default=0.0)


def test_suppression_keeps_the_best_of_what_overlaps() -> None:
    candidates = boxes((0, 0, 10, 10), (1, 0, 11, 10), (20, 20, 30, 30), (0, 0, 10, 11))
    scores = torch.tensor([0.5, 0.9, 0.1, 0.9])
    # Equal scores keep their order: 1 before 3; both overlap 0.
    assert non_maximum_suppression(candidates, scores, 0.3).tolist() == [1, 2]
    assert non_maximum_suppression(candidates, scores, 0.99).tolist() == [1, 3, 0, 2]


def slow_nms(boxes: torch.Tensor, scores: torch.Tensor, threshold: float) -> list[int]:
    """Indices of the boxes kept, best first, by the definition."""
    kept: list[int] = []
    for one in sorted(range(len(boxes)), key=lambda index: -float(scores[index])):
        if all(float(iou(boxes[one], boxes[other])) <= threshold for other in kept):
            kept.append(one)
    return kept


@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.7, 1.0])
def test_suppression_in_many_rows_equals_one_after_the_other(threshold: float) -> None:
    generator = torch.Generator().manual_seed(1)
    corners = torch.rand(20, 15, 4, generator=generator, dtype=torch.float64) * 60
    boxes = torch.cat([corners[..., :2], corners[..., :2] + 5 + corners[..., 2:]], dim=-1)
    # Few different scores: ties too.
    scores = torch.randint(6, (20, 15), generator=generator).float()
    valid = torch.arange(15) < torch.randint(0, 16, (20, 1), generator=generator)
    kept = batched_nms(boxes, scores.masked_fill(~valid, float("nan")), valid, threshold)
    assert not batched_nms(boxes[:0], scores[:0], valid[:0], threshold).numel()
    # Boxes scored twice, for two categories.
    other = (~valid & (scores > 2)).flip(1)
    both = torch.stack([scores, scores.flip(1)], dim=1)
    together = batched_nms(boxes, both, torch.stack([valid, other], dim=1), threshold)
    assert torch.equal(together[:, 0], kept)
    assert torch.equal(together[:, 1], batched_nms(boxes, scores.flip(1), other, threshold))
    for row in range(20):
        number = int(valid[row].sum())
        mine = boxes[row, :number], scores[row, :number]
        expected = slow_nms(*mine, threshold)
        assert kept[row].nonzero().flatten().tolist() == sorted(expected)
        assert non_maximum_suppression(*mine, threshold).tolist() == expected


def test_soft_suppression_lowers_scores_by_each_better_one_in_turn() -> None:
    generator = torch.Generator().manual_seed(2)
    corners = torch.rand(6, 9, 4, generator=generator, dtype=torch.float64) * 30
    boxes = torch.cat([corners[..., :2], corners[..., :2] + 5 + corners[..., 2:]], dim=-1)
    scores = 0.1 + 0.9 * torch.rand(6, 2, 9, generator=generator)
    valid = torch.rand(6, 2, 9, generator=generator) > 0.2
    found = soft_nms(boxes, scores, valid, 0.3)
    for row in range(6):
        for category in range(2):
            left = {n: float(scores[row, category, n]) for n in range(9) if valid[row, category, n]}
            expected = dict.fromkeys(range(9), 0.0)
            while left:
                best = max(left, key=lambda n: left[n])
                expected[best] = left.pop(best)
                for n in left:
                    overlap = float(iou(boxes[row, best], boxes[row, n]))
                    left[n] *= math.exp(-(overlap**2) / 0.3)
            values = found[row, category].tolist()
            assert values == pytest.approx([expected[n] for n in range(9)], abs=1e-6)
    assert not soft_nms(boxes[:0], scores[:0], valid[:0], 0.3).numel()


def test_flipping_twice_gives_the_box_back() -> None:
    widths = torch.tensor([100.0, 50.0], dtype=torch.float64)
    before = boxes((10, 5, 30, 25), (0, 0, 50, 10))
    after = flip_horizontally(before, widths)
    assert after.tolist() == [[70.0, 5.0, 90.0, 25.0], [0.0, 0.0, 50.0, 10.0]]
    assert torch.equal(flip_horizontally(after, widths), before)
    many = flip_horizontally(before[:, None].repeat(1, 3, 1), widths)
    assert torch.equal(many[:, 2], after)
