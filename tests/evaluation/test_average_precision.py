"""Average precision against hand-computed tables, exact fractions and mmeval."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

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
from tests.helpers.claims import Case
from tests.helpers.exact import exact_average_precisions
from tests.helpers.strategies import cases

Box = tuple[float, float, float, float]
Claim = tuple[str, float, Box]
Truth = tuple[str, Box, bool]

CAT: Box = (0, 0, 10, 10)
FAR: Box = (50, 50, 60, 60)


def curve_of(claims: list[Claim], truths: list[Truth]) -> Curve:
    curve = precision_recall(Case(claims, truths).detections, Case(claims, truths).objects)
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
    for truths in ([], [("a", CAT, True)]):
        case = Case([("a", 0.9, CAT)], truths)
        assert precision_recall(case.detections, case.objects) is None


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


@pytest.mark.parametrize(("match_iou", "expected"), [(0.5, 1), (0.6, 0), (0.25, 1)])
def test_another_iou_may_be_asked_for(match_iou: float, expected: int) -> None:
    case = Case([("a", 1.0, (0.0, 0.0, 10.0, 5.0))], [("a", CAT, False)])
    curve = precision_recall(case.detections, case.objects, match_iou)
    assert curve is not None
    assert area(curve) == expected


def test_an_object_of_another_image_does_not_match() -> None:
    assert area(curve_of([("b", 1.0, CAT)], [("a", CAT, False)])) == 0


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


def average_precisions(case: Case) -> dict[str, float]:
    """Both definitions; empty if no object counts."""
    curve = precision_recall(case.detections, case.objects)
    if curve is None:
        return {}
    return {name: of_curve(curve) for name, of_curve in AVERAGE_PRECISIONS.items()}


@given(cases())
def test_it_equals_exact_fractions(case: Case) -> None:
    found = average_precisions(case)
    expected = {name: float(value) for name, value in exact_average_precisions(case).items()}
    assert found == pytest.approx(expected, abs=1e-12)
    assert all(0 <= value <= 1 for value in found.values())


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("ties", [False, True])
def test_it_equals_exact_fractions_of_many_claims(seed: int, ties: bool) -> None:
    case = Case(*random_case(seed, difficult=True, ties=ties, positives=10 + 2 * seed))
    for name, expected in exact_average_precisions(case).items():
        assert average_precisions(case)[name] == pytest.approx(float(expected), abs=1e-12)


@given(cases(distinct=True), st.data())
def test_only_the_order_of_scores_counts(case: Case, data: st.DataObject) -> None:
    number = len(case.claims)
    scores = sorted(
        data.draw(st.lists(st.floats(-1e9, 1e9), min_size=number, max_size=number, unique=True))
    )
    ranks = sorted(score for _, score, _ in case.claims)
    others = Case(
        [(name, scores[ranks.index(score)], box) for name, score, box in case.claims], case.truths
    )
    shuffled = Case(data.draw(st.permutations(others.claims)), case.truths)
    assert average_precisions(case) == average_precisions(others) == average_precisions(shuffled)


@given(cases())
def test_false_detections_cost_only_what_they_outrank(case: Case) -> None:
    before = average_precisions(case)
    last = Case([*case.claims, ("a", -1.0, FAR)], case.truths)
    assert average_precisions(last) == pytest.approx(before)
    first = Case([("a", 9.0, FAR), *case.claims], case.truths)
    assert all(value <= before[name] for name, value in average_precisions(first).items())
    # On a difficult object, none costs anything, wherever it stands.
    hard = Case([("z", 9.0, CAT), ("z", 8.0, CAT), *case.claims], [*case.truths, ("z", CAT, True)])
    assert average_precisions(hard) == pytest.approx(before)


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
    truths = [("a", CAT, False), ("b", CAT, False)]
    mine = {"cat": truths[:1], "dog": truths, "cow": []}
    cases = {name: Case([("a", 1.0, CAT)], each) for name, each in mine.items()}
    found = {name: case.detections for name, case in cases.items()}
    objects = {name: case.objects for name, case in cases.items()}
    # The dog: precision 1 up to recall 0.5, that is at six of eleven points.
    assert mean_ap(found, objects) == pytest.approx((1 + 6 / 11) / 2)
    assert mean_ap({"cow": found["cow"]}, objects) is None
