import pytest

from objloc.diagnosis.verdict import verdict_of

BLIND: dict[str, float | None] = {"random": 0.05, "whole_image": 0.1, "fixed_box": 0.4}


@pytest.mark.parametrize(
    ("success", "gain", "better", "text"),
    [
        (0.6, (0.1, 0.3), True, "Better than the best fixed box (+20.0 points"),
        (0.45, (-0.05, 0.15), None, "Not better than the best fixed box, as far as 80 images"),
        (0.45, (0.0, 0.15), None, "Not better than the best fixed box"),
        (0.2, (-0.3, -0.1), False, "Worse than the best fixed box (-20.0 points"),
        (0.45, None, None, "No interval is known"),
    ],
)
def test_the_interval_of_the_gain_decides(
    success: float, gain: tuple[float, float] | None, better: bool | None, text: str
) -> None:
    verdict = verdict_of(success, BLIND, gain, 0.9, 80)
    assert verdict.better is better
    assert verdict.text.startswith(text)
    assert "the best fixed box" in verdict.text


def test_the_way_from_floor_to_ceiling_is_told() -> None:
    verdict = verdict_of(0.6, BLIND, (0.1, 0.3), 0.9, 80)
    assert verdict.share == pytest.approx(0.4)
    assert "40 % of the way from the best fixed box to the oracle" in verdict.text
    assert "no part of the way" in verdict_of(0.3, BLIND, (-0.2, 0.0), 0.9, 80).text
    assert verdict_of(0.6, BLIND, (0.1, 0.3), 0.4, 80).share is None


def test_a_blind_searcher_that_could_not_be_measured_is_named() -> None:
    verdict = verdict_of(0.6, BLIND | {"fixed_box": None}, None, 0.9, 80)
    assert "the whole image" in verdict.text
    assert "not held against the best fixed box" in verdict.text


def test_without_images_there_is_nothing_to_judge() -> None:
    none: dict[str, float | None] = dict.fromkeys(BLIND)
    assert verdict_of(None, none, None, None, 0).text.startswith("No image counts")
