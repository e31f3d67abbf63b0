"""Average precision against hand-computed tables, a slow reference and mmeval."""

import math

import numpy as np
import pytest

from objloc.box import to_voc
from objloc.evaluation.average_precision import (
    AVERAGE_PRECISIONS,
    Curve,
    area,
    mean_ap,
    mean_known,
    precision_recall,
    voc2007,
)
from objloc.evaluation.matching import Detections, Objects

Box = tuple[float, float, float, float]
Claim = tuple[str, float, Box]
Truth = tuple[str, Box, bool]

CAT: Box = (0, 0, 10, 10)
FAR: Box = (50, 50, 60, 60)


def as_detections(claims: list[Claim]) -> Detections:
    return Detections(
        np.array([name for name, _, _ in claims], dtype=np.str_),
        np.array([box for _, _, box in claims], dtype=np.float64).reshape(-1, 4),
        np.array([score for _, score, _ in claims], dtype=np.float64),
    )


def as_objects(truths: list[Truth]) -> Objects:
    return Objects(
        np.array([name for name, _, _ in truths], dtype=np.str_),
        np.array([box for _, box, _ in truths], dtype=np.float64).reshape(-1, 4),
        np.array([difficult for _, _, difficult in truths], dtype=bool),
    )


def curve_of(claims: list[Claim], truths: list[Truth]) -> Curve:
    curve = precision_recall(as_detections(claims), as_objects(truths))
    assert curve is not None
    return curve


def test_a_hand_computed_table_of_both_definitions() -> None:
    # Ranked: true, false, true, false; four objects.
    truths = [(name, CAT, False) for name in "abcd"]
    claims = [("a", 0.9, CAT), ("b", 0.8, FAR), ("c", 0.7, CAT), ("d", 0.6, FAR)]
    curve = curve_of(claims, truths)
    assert curve.precision.tolist() == [1, 1 / 2, 2 / 3, 2 / 4]
    assert curve.recall.tolist() == [0.25, 0.25, 0.5, 0.5]
    # Recall 0, .1, .2 are reached with precision 1; .3, .4, .5 with 2/3; more, never.
    assert voc2007(curve) == pytest.approx((3 * 1 + 3 * 2 / 3) / 11)
    assert area(curve) == pytest.approx(0.25 * 1 + 0.25 * 2 / 3)


def test_the_envelope_lifts_precision_to_the_best_that_comes_later() -> None:
    truths = [(name, CAT, False) for name in "ab"]
    claims = [("c", 0.9, CAT), ("a", 0.8, CAT), ("b", 0.7, CAT)]
    curve = curve_of(claims, truths)
    assert curve.precision.tolist() == [0, 1 / 2, 2 / 3]
    assert voc2007(curve) == pytest.approx(2 / 3)
    assert area(curve) == pytest.approx(2 / 3)


def test_perfect_detections_score_one() -> None:
    truths = [(name, CAT, False) for name in "abc"]
    curve = curve_of([(name, 1.0, CAT) for name in "abc"], truths)
    assert voc2007(curve) == 1
    assert area(curve) == 1


def test_no_detection_scores_zero() -> None:
    curve = curve_of([], [("a", CAT, False)])
    assert voc2007(curve) == 0
    assert area(curve) == 0


def test_a_category_without_objects_has_no_average_precision() -> None:
    detections = as_detections([("a", 0.9, CAT)])
    assert precision_recall(detections, as_objects([])) is None
    assert precision_recall(detections, as_objects([("a", CAT, True)])) is None


def test_a_second_detection_of_an_object_is_false() -> None:
    claims = [("a", 0.8, (0.0, 0.0, 9.0, 10.0)), ("a", 0.9, CAT)]
    curve = curve_of(claims, [("a", CAT, False)])
    assert curve.precision.tolist() == [1, 1 / 2]


def test_a_difficult_object_counts_neither_way() -> None:
    truths = [("a", CAT, True), ("b", CAT, False)]
    claims = [("a", 0.9, CAT), ("a", 0.8, CAT), ("b", 0.7, CAT)]
    curve = curve_of(claims, truths)
    assert curve.precision.tolist() == [0, 0, 1]
    assert curve.recall.tolist() == [0, 0, 1]
    assert area(curve) == 1


def test_only_the_most_overlapped_object_is_considered() -> None:
    # The detection overlaps both by half or more, the taken one most.
    truths: list[Truth] = [("a", CAT, False), ("a", (0.0, 0.0, 10.0, 14.0), False)]
    claims: list[Claim] = [("a", 0.9, CAT), ("a", 0.8, (0.0, 0.0, 10.0, 10.5))]
    curve = curve_of(claims, truths)
    assert curve.precision.tolist() == [1, 1 / 2]
    assert curve.recall.tolist() == [0.5, 0.5]


def test_an_iou_of_exactly_half_matches() -> None:
    assert area(curve_of([("a", 1.0, (0.0, 0.0, 10.0, 5.0))], [("a", CAT, False)])) == 1
    assert area(curve_of([("a", 1.0, (0.0, 0.0, 10.0, 4.9))], [("a", CAT, False)])) == 0


def test_an_object_of_another_image_does_not_match() -> None:
    assert area(curve_of([("b", 1.0, CAT)], [("a", CAT, False)])) == 0


def test_the_order_given_does_not_matter() -> None:
    generator = np.random.default_rng(0)
    claims = [
        (f"{int(image)}", float(score), (float(x), 0.0, float(x) + 10, 10.0))
        for image, score, x in zip(
            generator.integers(0, 4, 30),
            generator.integers(0, 3, 30) / 2,
            generator.integers(0, 30, 30),
            strict=True,
        )
    ]
    truths: list[Truth] = [(f"{image}", (5.0, 0.0, 15.0, 10.0), False) for image in range(4)]
    values = set()
    for _ in range(10):
        shuffled = [claims[int(index)] for index in generator.permutation(len(claims))]
        values.add(area(curve_of(shuffled, truths)))
    assert len(values) == 1


def test_detections_of_one_score_are_one_point_of_the_curve() -> None:
    truths = [(name, CAT, False) for name in "ab"]
    claims: list[Claim] = [("a", 1.0, CAT), ("b", 1.0, FAR), ("c", 1.0, FAR), ("d", 1.0, FAR)]
    point = curve_of(claims, truths).last_point
    assert point.precision.tolist() == [1 / 4]
    assert point.recall.tolist() == [1 / 2]
    assert voc2007(point) == pytest.approx(6 / 11 / 4)
    assert area(point) == pytest.approx(1 / 8)


def test_the_mean_leaves_out_what_is_not_known() -> None:
    assert mean_known([0.25, None, 0.75]) == 0.5
    assert mean_known([None]) is None


def slow_iou(a: Box, b: Box) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)


def slow_reference(claims: list[Claim], truths: list[Truth]) -> dict[str, float]:
    """The devkit's definition, detection by detection."""
    positives = sum(not difficult for _, _, difficult in truths)
    taken: set[int] = set()
    true = false = 0
    points = []
    for image, _, box in sorted(claims, key=lambda claim: (-claim[1], claim[0], claim[2])):
        best, most = -1, -math.inf
        for index, (name, other, _) in enumerate(truths):
            if name == image and slow_iou(box, other) > most:
                best, most = index, slow_iou(box, other)
        if most >= 0.5:
            if not truths[best][2]:
                if best in taken:
                    false += 1
                else:
                    taken.add(best)
                    true += 1
        else:
            false += 1
        points.append((true / positives, true / (true + false) if true + false else 0.0))
    eleven = 0.0
    for step in range(11):
        reached = [precision for recall, precision in points if recall >= step * 0.1]
        eleven += max(reached, default=0.0) / 11
    total, before = 0.0, 0.0
    for index, (recall, _) in enumerate(points):
        total += (recall - before) * max(precision for _, precision in points[index:])
        before = recall
    return {"voc2007": eleven, "area": total}


def random_case(
    seed: int, *, difficult: bool, ties: bool, positives: int
) -> tuple[list[Claim], list[Truth]]:
    """Objects in some of twelve images, detections near them and elsewhere."""
    generator = np.random.default_rng(seed)
    truths: list[Truth] = []
    for _ in range(positives):
        x, y = generator.uniform(0, 60, 2)
        width, height = generator.uniform(15, 40, 2)
        hard = bool(difficult and generator.random() < 0.3)
        truths.append((f"{generator.integers(0, 12):06}", (x, y, x + width, y + height), hard))
    claims: list[Claim] = []
    for rank in range(80):
        image, box, _ = truths[int(generator.integers(len(truths)))]
        spread = generator.choice([2.0, 6.0, 25.0])
        moved = np.array(box) + generator.normal(0, spread, 4)
        low, high = np.minimum(moved[:2], moved[2:]), np.maximum(moved[:2], moved[2:]) + 1
        if generator.random() < 0.2:
            image = f"{generator.integers(0, 14):06}"
        score = float(generator.integers(0, 6)) if ties else float(rank) / 80
        claims.append((image, score, (low[0], low[1], high[0], high[1])))
    order = generator.permutation(len(claims))
    return [claims[int(index)] for index in order], truths


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("ties", [False, True])
def test_it_equals_a_slow_reference(seed: int, ties: bool) -> None:
    claims, truths = random_case(seed, difficult=True, ties=ties, positives=10 + seed)
    curve = curve_of(claims, truths)
    for name, expected in slow_reference(claims, truths).items():
        assert AVERAGE_PRECISIONS[name](curve) == pytest.approx(expected, abs=1e-12)


def by_mmeval(claims: list[Claim], truths: list[Truth]) -> dict[str, float]:
    """Both definitions by mmeval, whose legacy coordinates are the devkit's inclusive ones.

    Skips where its OpenCV cannot be loaded: it needs libGL, which a server may lack.
    """
    mmeval = pytest.importorskip("mmeval", exc_type=ImportError)

    def corners(boxes: list[Box]) -> np.ndarray:
        return np.array([to_voc(box) for box in boxes], dtype=np.float64).reshape(-1, 4)

    predictions, groundtruths = [], []
    for image in sorted({name for name, *_ in truths} | {name for name, *_ in claims}):
        found = [(score, box) for name, score, box in claims if name == image]
        plain, hard = (
            [box for name, box, difficult in truths if name == image and difficult is wanted]
            for wanted in (False, True)
        )
        predictions.append(
            {
                "bboxes": corners([box for _, box in found]),
                "scores": np.array([score for score, _ in found], dtype=np.float64),
                "labels": np.zeros(len(found), dtype=int),
            }
        )
        groundtruths.append(
            {
                "bboxes": corners(plain),
                "labels": np.zeros(len(plain), dtype=int),
                "bboxes_ignore": corners(hard),
                "labels_ignore": np.zeros(len(hard), dtype=int),
            }
        )
    values = {}
    for name, mode in (("voc2007", "11points"), ("area", "area")):
        metric = mmeval.VOCMeanAP(
            num_classes=1, eval_mode=mode, use_legacy_coordinate=True, nproc=1
        )
        values[name] = float(metric(predictions=predictions, groundtruths=groundtruths)["mAP"])
    return values


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("difficult", [False, True])
@pytest.mark.parametrize("positives", [7, 10, 20, 33])
def test_it_equals_mmeval(seed: int, difficult: bool, positives: int) -> None:
    claims, truths = random_case(100 + seed, difficult=difficult, ties=False, positives=positives)
    curve = curve_of(claims, truths)
    for name, expected in by_mmeval(claims, truths).items():
        assert AVERAGE_PRECISIONS[name](curve) == pytest.approx(expected, abs=1e-7)
    assert 0.05 < area(curve) < 0.95


WIDE: Box = (0, 0, 60, 60)
NEAR: Box = (0, 0, 10, 8)


@pytest.mark.parametrize(
    ("claims", "truths", "expected"),
    [
        # A window on a difficult object is neither true nor false.
        (
            [("a", 0.9, CAT), ("b", 0.8, CAT), ("c", 0.7, CAT)],
            [("a", CAT, True), ("b", CAT, False), ("c", FAR, False)],
            0.5,
        ),
        # A small window inside a large difficult object is false.
        ([("a", 0.9, CAT), ("b", 0.8, CAT)], [("a", WIDE, True), ("b", CAT, False)], 0.5),
        # A window goes with the object that it overlaps most, here the difficult one.
        ([("a", 0.9, CAT)], [("a", CAT, True), ("a", NEAR, False)], 0),
        # An IoU of exactly one half.
        ([("a", 0.9, (0, 0, 10, 5))], [("a", CAT, False)], 1),
        # 120 right windows after 100 false ones of the same image.
        (
            [("z", 2 - rank / 1000, FAR) for rank in range(100)]
            + [(f"{rank:03}", 1 - rank / 1000, CAT) for rank in range(120)],
            [(f"{rank:03}", CAT, False) for rank in range(120)],
            120 / 220,
        ),
        # False windows in images without objects, ranked first.
        (
            [("y", 0.9, CAT), ("z", 0.8, CAT), ("a", 0.7, CAT)],
            [("a", CAT, False)],
            1 / 3,
        ),
        # The better of two windows on one object stands second.
        ([("a", 0.8, NEAR), ("a", 0.9, CAT)], [("a", CAT, False)], 1),
        ([], [("a", CAT, False)], 0),
    ],
)
def test_mmeval_agrees_on_what_other_tools_count_otherwise(
    claims: list[Claim], truths: list[Truth], expected: float
) -> None:
    assert area(curve_of(claims, truths)) == pytest.approx(expected)
    theirs = by_mmeval(claims, truths)
    assert theirs["area"] == pytest.approx(expected, abs=1e-7)
    assert theirs["voc2007"] == pytest.approx(voc2007(curve_of(claims, truths)), abs=1e-7)


def test_the_mean_over_categories_leaves_out_those_without_objects() -> None:
    found = {name: as_detections([("a", 1.0, CAT)]) for name in ("cat", "dog", "cow")}
    truths = [("a", CAT, False), ("b", CAT, False)]
    objects = {
        "cat": as_objects(truths[:1]),
        "dog": as_objects(truths),
        "cow": as_objects([]),
    }
    # The dog: precision 1 up to recall 0.5, that is at six of eleven points.
    assert mean_ap(found, objects) == pytest.approx((1 + 6 / 11) / 2)
    assert mean_ap({"cow": found["cow"]}, objects) is None
