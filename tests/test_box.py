import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

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
    quarter,
    quarters,
    soft_nms,
    to_voc,
)
from objloc.data.sample import Coordinates
from tests.helpers.exact import exact_iou
from tests.helpers.strategies import close_boxes, grid_boxes, tables


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


@given(tables(6), tables(8), st.lists(st.booleans(), min_size=8, max_size=8), st.integers(0, 4))
def test_many_windows_are_compared_with_the_objects_of_their_image(
    windows: torch.Tensor, objects: torch.Tensor, present: list[bool], most: int
) -> None:
    windows, objects = windows.view(2, 3, 4), objects.view(2, 4, 4)[:, :most]
    there = torch.tensor(present).view(2, 4)[:, :most]
    found = best_iou(windows, objects[:, None], there[:, None])
    for image in range(2):
        for window in range(3):
            overlaps = [
                iou(windows[image, window], one).item() for one in objects[image][there[image]]
            ]
            assert found[image, window].item() == max(overlaps, default=0.0)


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


def test_of_many_equal_scores_the_first_is_the_best() -> None:
    places = 20 * torch.arange(60).double()
    pairs = torch.stack([places, places, places + 10, places + 10], dim=1).repeat_interleave(2, 0)
    scores = torch.arange(120) // 40 / 2
    kept = non_maximum_suppression(pairs, scores, 0.5).tolist()
    assert kept == [*range(80, 120, 2), *range(40, 80, 2), *range(0, 40, 2)]


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


@given(st.lists(st.tuples(grid_boxes(), grid_boxes()) | st.tuples(close_boxes(), close_boxes())))
def test_iou_is_the_fraction_rounded_once(pairs: list[tuple[Coordinates, Coordinates]]) -> None:
    a, b = (torch.tensor([pair[n] for pair in pairs]).double().reshape(-1, 4) for n in (0, 1))
    found = iou(a, b)
    assert found.tolist() == [float(exact_iou(*pair)) for pair in pairs]
    assert torch.equal(found, iou(b, a))
    assert ((found == 1) == ((a == b).all(dim=1) & (area(a) > 0))).all()


@given(st.lists(st.floats(0, 1e6), min_size=8, max_size=8), st.floats(0, 1e-9))
def test_iou_is_a_fraction_for_any_numbers(numbers: list[float], apart: float) -> None:
    a, b = (torch.tensor(numbers[n : n + 4]).double() for n in (0, 4))
    a, b = (torch.cat([each[:2], each[:2] + each[2:]]) for each in (a, b))
    for other in (b, a + apart, a * (1 + apart)):
        assert 0 <= float(iou(a, other)) <= 1
        assert iou(a, other) == iou(other, a)
    assert float(iou(a, a)) == float(area(a) > 0)


@given(grid_boxes(), grid_boxes(), st.integers(-500, 500), st.sampled_from([0.25, 2.0, 1024.0]))
def test_iou_knows_no_place_scale_or_side(
    one: Coordinates, two: Coordinates, shift: int, scale: float
) -> None:
    a, b = boxes(one), boxes(two)
    expected, width = iou(a, b), torch.tensor([512.0]).double()
    assert torch.equal(iou(a + shift, b + shift), expected)
    assert torch.equal(iou(a * scale, b * scale), expected)
    assert torch.equal(iou(flip_horizontally(a, width), flip_horizontally(b, width)), expected)
    assert torch.equal(flip_horizontally(flip_horizontally(a, width), width), a)


@given(grid_boxes(), st.floats(1, 1e5), st.floats(1, 1e5))
def test_coordinates_of_any_devkit_come_back(box: Coordinates, x: float, y: float) -> None:
    assert from_voc(to_voc(box)) == box
    voc = (x, y, x + 1, y + 1)
    assert to_voc(from_voc(voc)) == voc


@given(st.lists(grid_boxes(), min_size=1), st.data())
def test_quarters_tile_their_box(rows: list[Coordinates], data: st.DataObject) -> None:
    whole = boxes(*rows)
    parts = quarters(whole)
    assert torch.equal(area(parts).sum(dim=1), area(whole))
    assert torch.equal(parts[..., :2].amin(dim=1), whole[:, :2])
    assert torch.equal(parts[..., 2:].amax(dim=1), whole[:, 2:])
    # Row by row, from the upper left: equal sides, each beside the next and above the third.
    upper_left, upper_right, lower_left, lower_right = parts.unbind(dim=1)
    assert torch.equal(upper_left[:, [2, 1, 3]], upper_right[:, [0, 1, 3]])
    assert torch.equal(upper_left[:, [0, 3, 2]], lower_left[:, [0, 1, 2]])
    assert torch.equal(lower_right, torch.cat([upper_left[:, 2:], whole[:, 2:]], dim=1))
    places = st.lists(st.integers(0, 3), min_size=len(rows), max_size=len(rows))
    which = torch.tensor(data.draw(places))
    assert torch.equal(quarter(whole, which), parts[torch.arange(len(rows)), which])
    assert torch.equal(quarters(whole[0]), parts[0])


@given(tables(9), st.permutations(range(9)), st.sampled_from([0.0, 0.25, 1 / 3, 0.5, 1.0]))
def test_what_is_kept_overlaps_little_and_what_goes_overlaps_something_better(
    candidates: torch.Tensor, ranks: list[int], threshold: float
) -> None:
    kept = non_maximum_suppression(candidates, -torch.tensor(ranks).double(), threshold).tolist()
    overlaps = pairwise_iou(candidates, candidates)
    assert [ranks[one] for one in kept] == sorted(ranks[one] for one in kept)
    for one in range(9):
        above = [other for other in kept if ranks[other] < ranks[one]]
        assert (one in kept) == all(overlaps[one, other] <= threshold for other in above)


@given(tables(6), st.lists(st.floats(0, 1, width=32), min_size=6, max_size=6), st.floats(0.05, 2))
def test_soft_suppression_raises_no_score_and_keeps_the_best(
    candidates: torch.Tensor, scores: list[float], width: float
) -> None:
    given_scores = torch.tensor(scores)[None, None]
    valid = torch.tensor([True, False, True, True, True, True])[None, None]
    found = soft_nms(candidates[None], given_scores, valid, width)
    assert (found >= 0).all()
    assert (found <= given_scores).all()
    assert found[0, 0, 1] == 0
    assert found.max() == given_scores[valid].max()
    alone = pairwise_iou(candidates, candidates[valid[0, 0]]).gt(0).sum(dim=1) == 1
    assert torch.equal(found[0, 0][alone & valid[0, 0]], given_scores[0, 0][alone & valid[0, 0]])
