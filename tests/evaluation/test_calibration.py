import numpy as np
import pytest

from objloc.evaluation.calibration import Calibration, fit_calibration, probabilities
from objloc.evaluation.matching import Detections, Objects

CAT = (0.0, 0.0, 10.0, 10.0)
FAR = (50.0, 50.0, 60.0, 60.0)


def drawn(slope: float, offset: float, number: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Scores from -3 to 3, right with the probability of a logistic function."""
    generator = np.random.default_rng(seed)
    scores = generator.uniform(-3, 3, number)
    return scores, generator.random(number) < 1 / (1 + np.exp(-(slope * scores + offset)))


def test_the_function_that_made_the_answers_is_found_again() -> None:
    found = Calibration.fit(*drawn(1.5, -2.0, 40_000))
    assert found.slope == pytest.approx(1.5, abs=0.05)
    assert found.offset == pytest.approx(-2.0, abs=0.05)
    assert found.detections == 40_000


def test_probabilities_are_as_often_right_as_they_say() -> None:
    scores, right = drawn(2.0, -1.0, 5000)
    found = Calibration.fit(scores, right)
    order = np.argsort(-scores)
    chances = probabilities(found, scores[order])
    # The gradient of the likelihood is 0 there, up to Platt's targets.
    assert chances.mean() == pytest.approx(right.mean(), abs=1e-3)
    for part in np.array_split(np.arange(len(scores)), 5):
        assert chances[part].mean() == pytest.approx(right[order][part].mean(), abs=0.05)


@pytest.mark.parametrize("shift", [-1e6, 0.0, 1e6])
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_the_unit_of_the_scores_does_not_matter(shift: float, scale: float) -> None:
    scores, right = drawn(1.0, 0.5, 500)
    usual = Calibration.fit(scores, right)
    other = Calibration.fit(scores * scale + shift * scale, right)
    assert other.logits(scores * scale + shift * scale) == pytest.approx(
        usual.logits(scores), abs=1e-4
    )


def test_scores_that_tell_right_from_wrong_without_error_have_a_finite_fit() -> None:
    found = Calibration.fit(np.array([3.0, 2.0, -1.0, -2.0]), np.array([True, True, False, False]))
    assert 0 < found.slope < 100
    assert 0.5 < probabilities(found, [2.0])[0] < 1


def test_a_score_that_misleads_keeps_its_order_and_the_mean_probability() -> None:
    scores = np.linspace(-3, 3, 100)
    found = Calibration.fit(scores, scores < -2)
    chances = probabilities(found, scores[::-1])
    assert found.slope > 0
    assert (np.diff(chances) < 0).all()
    assert chances == pytest.approx((scores < -2).mean(), abs=0.02)


@pytest.mark.parametrize("right", [[], [True], [False], [True, True], [False, False]])
def test_few_detections_are_enough(right: list[bool]) -> None:
    found = Calibration.fit(np.zeros(len(right)), np.array(right, dtype=bool))
    (chance,) = probabilities(found, [0.0])
    assert 0 < chance < 1
    # Rule of succession, over the detections of one kind.
    if right:
        assert chance == pytest.approx((len(right) + 1) / (len(right) + 2) if right[0]
                                       else 1 / (len(right) + 2))  # fmt: skip


def test_every_probability_is_below_the_one_before_also_in_float32() -> None:
    calibration = Calibration(1.0, 0.0, 2, 1)
    near = 3.0 - np.arange(1000) * 1e-12
    flat = np.linspace(60, 40, 1000)
    low = np.linspace(-60, -200, 1000)
    chances = probabilities(calibration, [*flat, *near, 0.0, 0.0, 0.0, *low])
    assert (np.diff(chances.astype(np.float32)) < 0).all()
    assert chances.max() <= 1
    assert chances.min() > 0
    assert chances[2000] == 0.5


def test_a_window_on_a_difficult_object_counts_neither_way() -> None:
    def of(*rows: tuple[str, float, tuple[float, ...]]) -> Detections:
        names, scores, boxes = zip(*rows, strict=True)
        return Detections(np.array(names), np.array(boxes), np.array(scores))

    objects = {
        "cat": Objects(np.array(["a", "b"]), np.array([CAT, CAT]), np.array([False, True])),
        "dog": Objects(np.array(["a"]), np.array([FAR]), np.array([False])),
    }
    detections = {
        "cat": of(("a", 2.0, CAT), ("b", 1.5, CAT), ("a", 1.0, CAT)),
        "dog": of(("a", 3.0, FAR), ("b", -1.0, FAR)),
    }
    found = fit_calibration(detections, objects)
    assert (found.detections, found.right) == (4, 2)
