"""Matching against hand tables and a plain loop over fractions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

import objloc.evaluation.matching
from objloc.box import iou
from objloc.data.sample import Coordinates
from objloc.evaluation.matching import (
    MATCH_IOU,
    Match,
    match,
    most_overlapped,
    ranked,
    ranking,
)
from tests.helpers.claims import NEAR_A, NOWHERE, OFF_A, A, B, Case, claims, truth
from tests.helpers.exact import exact_matches
from tests.helpers.strategies import cases

HALF_A: Coordinates = (0, 0, 10, 5)  # IoU exactly .5 with A

# One detection in image i, which holds A and B, B being difficult.
ONE_EACH = [
    (A, Match.TRUE, 0, 1.0),
    (OFF_A, Match.TRUE, 0, 0.8),
    (HALF_A, Match.TRUE, 0, 0.5),
    (NEAR_A, Match.NONE, 0, 0.4),
    (B, Match.IGNORED, 1, 1.0),
    (NOWHERE, Match.NONE, 0, 0.0),
]


@pytest.mark.parametrize(("box", "status", "index", "overlap"), ONE_EACH)
def test_a_detection_is_compared_with_the_object_it_overlaps_most(
    box: Coordinates, status: Match, index: int, overlap: float
) -> None:
    found = match(claims(("i", 1, box)), truth(("i", A), ("i", B), difficult=[1]))
    assert found.status.tolist() == [status]
    assert found.object.tolist() == [index]
    assert found.iou.tolist() == pytest.approx([overlap])


def test_the_best_ranked_detection_of_an_object_is_true_and_the_others_are_duplicates() -> None:
    rows = [("i", 1.0, A), ("i", 3.0, HALF_A), ("j", 2.0, A), ("i", 2.0, OFF_A)]
    found = match(claims(*rows), truth(("i", A), ("j", A)))
    # Ranked: i's half at 3; at 2 first i, then j by name; i's own at 1.
    assert found.order.tolist() == [1, 3, 2, 0]
    assert found.detections.scores.tolist() == [3, 2, 2, 1]
    assert found.status.tolist() == [Match.TRUE, Match.DUPLICATE, Match.TRUE, Match.DUPLICATE]
    assert found.object.tolist() == [0, 0, 1, 0]


def test_detections_of_a_difficult_object_are_all_ignored() -> None:
    found = match(claims(("i", 2, A), ("i", 1, A)), truth(("i", A), difficult=[0]))
    assert found.status.tolist() == [Match.IGNORED, Match.IGNORED]


def test_a_taken_object_is_not_exchanged_for_the_second_best() -> None:
    taller: Coordinates = (0, 0, 10, 14)
    found = match(claims(("i", 2, A), ("i", 1, (0, 0, 10, 10.5))), truth(("i", A), ("i", taller)))
    assert found.status.tolist() == [Match.TRUE, Match.DUPLICATE]


def test_of_equal_overlaps_the_first_object_is_taken() -> None:
    found = match(claims(("i", 1, A)), truth(("j", A), ("i", A), ("i", A)))
    assert found.object.tolist() == [1]


def test_another_threshold_may_be_asked_for() -> None:
    found = match(claims(("i", 1, OFF_A)), truth(("i", A)), match_iou=0.9)
    assert found.status.tolist() == [Match.NONE]


def test_without_objects_or_detections_there_is_nothing_to_match() -> None:
    nothing = match(claims(("i", 1, A), ("j", 2, A)), truth())
    assert nothing.status.tolist() == [Match.NONE, Match.NONE]
    assert (nothing.object.tolist(), nothing.iou.tolist()) == ([0, 0], [-1, -1])
    elsewhere = match(claims(("i", 1, A)), truth(("j", A)))
    assert (elsewhere.object.tolist(), elsewhere.iou.tolist()) == ([0], [-1])
    assert len(match(claims(), truth(("i", A))).status) == 0
    assert len(match(claims(), truth()).status) == 0


@pytest.mark.parametrize(("pairs", "rows"), [(12, [4, 4, 2]), (1, [1] * 10), (100, [10])])
def test_overlaps_are_computed_so_many_at_a_time(
    pairs: int, rows: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def spied(boxes: Tensor, objects: Tensor) -> Tensor:
        found = iou(boxes, objects)
        seen.append((*found.shape, 4))
        return found

    monkeypatch.setattr(objloc.evaluation.matching, "_PAIRS", pairs)
    monkeypatch.setattr(objloc.evaluation.matching, "iou", spied)
    match(claims(*[("i", rank, A) for rank in range(10)]), truth(("i", A), ("i", B), ("i", OFF_A)))
    assert seen == [(number, 3, 4) for number in rows]


@given(cases(), st.sampled_from([1, 2, 7, 1_000_000]))
def test_it_equals_a_plain_loop(case: Case, at_once: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(objloc.evaluation.matching, "_PAIRS", at_once)
        found = match(case.detections, case.objects)
    expected = exact_matches(case)
    assert found.detections.image_ids.tolist() == [row.image for row in expected]
    assert found.detections.boxes.tolist() == [list(row.box) for row in expected]
    assert found.detections.scores.tolist() == [row.score for row in expected]
    assert found.object.tolist() == [row.object for row in expected]
    assert found.iou.tolist() == [float(row.iou) for row in expected]
    assert found.status.tolist() == [row.status for row in expected]
    assert case.detections[found.order].boxes.tolist() == found.detections.boxes.tolist()
    again, overlap = most_overlapped(found.detections, case.objects)
    assert (again.tolist(), overlap.tolist()) == (found.object.tolist(), found.iou.tolist())


@given(cases(), st.sampled_from([0.25, MATCH_IOU, 1.0]))
def test_each_object_has_one_true_detection_at_most_and_a_difficult_one_none(
    case: Case, threshold: float
) -> None:
    found = match(case.detections, case.objects, threshold)
    hit = found.iou >= threshold
    assert (hit == (found.status != Match.NONE)).all()
    for index, (_, _, difficult) in enumerate(case.truths):
        mine = found.status[hit & (found.object == index)].tolist()
        rest = Match.IGNORED if difficult else Match.DUPLICATE
        first = [Match.IGNORED if difficult else Match.TRUE]
        assert mine == (first + [rest] * (len(mine) - 1) if mine else [])


@given(cases(), st.data())
def test_the_order_given_does_not_matter(case: Case, data: st.DataObject) -> None:
    shuffled = Case(data.draw(st.permutations(case.claims)), case.truths)
    first, second = (match(each.detections, each.objects) for each in (case, shuffled))
    for each in (first, second):
        assert ranking(each.detections).tolist() == list(range(len(each.detections)))
    assert first.detections.image_ids.tolist() == second.detections.image_ids.tolist()
    assert first.detections.boxes.tolist() == second.detections.boxes.tolist()
    assert first.status.tolist() == second.status.tolist()
    assert ranked(shuffled.detections).scores.tolist() == first.detections.scores.tolist()


@given(cases(), st.data())
def test_rows_are_chosen_whole(case: Case, data: st.DataObject) -> None:
    for rows in (case.detections, case.objects):
        number = len(rows)
        chosen = data.draw(st.lists(st.integers(0, number - 1), max_size=6)) if number else []
        some = rows[np.array(chosen, dtype=np.int64)]
        assert type(some) is type(rows)
        for name, column in vars(rows).items():
            assert vars(some)[name].tolist() == [column.tolist()[row] for row in chosen]


@given(cases())
def test_another_image_changes_nothing(case: Case) -> None:
    alone = match(case.detections, case.objects)
    others = Case(case.claims, [*case.truths, *(("z", box, hard) for _, box, hard in case.truths)])
    beside = match(others.detections, others.objects)
    assert beside.status.tolist() == alone.status.tolist()
    assert beside.object.tolist() == alone.object.tolist()
