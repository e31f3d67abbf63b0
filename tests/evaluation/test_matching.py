"""Matching against hand tables and a plain, slow reference."""

import numpy as np
import pytest

import objloc.evaluation.matching
from objloc.data.sample import Coordinates
from objloc.evaluation.matching import (
    MATCH_IOU,
    Detections,
    Match,
    Objects,
    match,
    most_overlapped,
    ranked,
)
from tests.helpers.claims import NEAR_A, NOWHERE, OFF_A, A, B, claims, truth

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


def drawn(seed: int) -> tuple[Detections, Objects]:
    """Detections near objects and elsewhere, many of equal scores, in eight images."""
    draw = np.random.default_rng(seed)

    def boxes(number: int) -> np.ndarray:
        corners = draw.integers(0, 30, (number, 2))
        return np.concatenate([corners, corners + draw.integers(5, 30, (number, 2))], axis=1)

    images = [f"{number:02d}" for number in range(8)]
    objects = Objects(
        draw.choice(images[:6], 15), boxes(15).astype(np.float64), draw.random(15) < 0.2
    )
    near = draw.integers(15, size=60)
    places = np.concatenate(
        [objects.boxes[near] + draw.integers(-3, 4, (60, 4)), boxes(30).astype(np.float64)]
    )
    names = np.concatenate([objects.image_ids[near], draw.choice(images, 30)])
    return Detections(names, places, draw.integers(0, 5, 90) / 4), objects


def slow_iou(a: list[float], b: list[float]) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)


@pytest.mark.parametrize("seed", range(25))
@pytest.mark.parametrize("at_once", [1_000_000, 7])
def test_it_equals_a_plain_loop(seed: int, at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objloc.evaluation.matching, "_PAIRS", at_once)
    detections, objects = drawn(seed)
    rows = zip(
        detections.image_ids.tolist(), detections.boxes.tolist(), detections.scores.tolist(),
        strict=True,
    )  # fmt: skip
    taken: set[int] = set()
    expected = []
    for name, box, score in sorted(rows, key=lambda row: (-row[2], row[0], row[1])):
        best, most = 0, -1.0
        for index, own in enumerate(objects.boxes.tolist()):
            if objects.image_ids[index] == name and slow_iou(box, own) > most:
                best, most = index, slow_iou(box, own)
        status = Match.NONE
        if most >= MATCH_IOU:
            status = Match.DUPLICATE if best in taken else Match.TRUE
            if objects.difficult[best]:
                status = Match.IGNORED
            else:
                taken.add(best)
        expected.append((name, box, score, best, most, status))
    found = match(detections, objects)
    assert set(found.status.tolist()) == set(Match)
    names, boxes, scores, best_of, most_of, statuses = map(list, zip(*expected, strict=True))
    assert found.detections.image_ids.tolist() == names
    assert found.detections.boxes.tolist() == boxes
    assert found.detections.scores.tolist() == scores
    assert found.object.tolist() == best_of
    assert found.iou.tolist() == pytest.approx(most_of, abs=1e-15)
    assert found.status.tolist() == statuses
    assert detections[found.order].boxes.tolist() == boxes
    again, overlap = most_overlapped(found.detections, objects)
    assert (again.tolist(), overlap.tolist()) == (best_of, found.iou.tolist())


def test_ranking_does_not_depend_on_the_order_given() -> None:
    detections, _ = drawn(0)
    expected = ranked(detections)
    assert np.all(np.diff(expected.scores) <= 0)
    tied = expected.scores == 0.5
    assert expected.image_ids[tied].tolist() == sorted(expected.image_ids[tied])
    for seed in range(5):
        again = ranked(detections[np.random.default_rng(seed).permutation(len(detections))])
        assert again.image_ids.tolist() == expected.image_ids.tolist()
        assert again.boxes.tolist() == expected.boxes.tolist()
