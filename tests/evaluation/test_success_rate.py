import numpy as np
import pytest
import torch

from objloc.evaluation.success_rate import (
    IOU_THRESHOLDS,
    REPLICATES,
    Outcomes,
    by_iou,
    counted_images,
    drawn_weights,
    interval,
    replicated_rates,
)

# Two episodes, three images, three categories; the third is in no image.
QUALITY = torch.tensor(
    [
        [[0.9, 0.2, 0.0], [0.6, 0.0, 0.0], [0.4, 0.7, 0.0]],
        [[0.4, 0.2, 0.0], [0.8, 0.0, 0.0], [0.5, 0.7, 0.0]],
    ],
    dtype=torch.float64,
)
COUNTED = torch.tensor([[True, True, False], [True, False, False], [True, True, False]])


def test_rates_of_a_hand_computed_table() -> None:
    outcomes = Outcomes(QUALITY, COUNTED)
    # Cats: a half, one and none of three images; dogs: none and one of two.
    assert outcomes.rates(0.5) == [0.5, 0.5, None]
    assert outcomes.mean(0.5) == 0.5
    assert outcomes.rates(0.75) == [pytest.approx(1 / 3), 0.0, None]


def test_an_image_that_is_not_counted_does_not_matter() -> None:
    changed = QUALITY.clone()
    changed[:, 1, 1] = 1.0
    changed[:, :, 2] = 1.0
    assert Outcomes(changed, COUNTED).rates(0.5) == Outcomes(QUALITY, COUNTED).rates(0.5)


def test_no_image_at_all_gives_no_mean() -> None:
    assert Outcomes(QUALITY, torch.zeros(3, 3, dtype=torch.bool)).mean(0.5) is None


def test_only_the_first_images_of_each_category_count() -> None:
    assert counted_images(COUNTED, 1).tolist() == [
        [True, True, False],
        [False, False, False],
        [False, False, False],
    ]
    assert torch.equal(counted_images(COUNTED, 3), COUNTED)
    assert torch.equal(counted_images(COUNTED, None), COUNTED)


def test_success_falls_with_the_iou_asked_for() -> None:
    curve = by_iou(Outcomes(QUALITY, COUNTED))
    assert list(curve) == [
        "0.50", "0.55", "0.60", "0.65", "0.70", "0.75", "0.80", "0.85", "0.90", "0.95",
    ]  # fmt: skip
    values = [value for value in curve.values() if value is not None]
    assert len(values) == len(IOU_THRESHOLDS)
    assert values == sorted(values, reverse=True)
    # At .70 dog's two windows of exactly .7 fail: (1 + 1) / 6 and 0, mean 1/6.
    assert curve["0.65"] == pytest.approx((1 / 3 + 1 / 2) / 2)
    assert curve["0.70"] == pytest.approx(1 / 6)


def test_replicates_without_variation_are_the_rates_themselves() -> None:
    shares = np.ones((1, 5, 2))
    rates = replicated_rates(shares, np.ones((5, 2)), np.random.default_rng(0))
    assert rates.shape == (1, REPLICATES, 3)
    assert np.all(rates == 1)


def test_the_interval_is_as_wide_as_theory_has_it() -> None:
    number, share = 400, 0.3
    shares = np.zeros((1, number, 1))
    shares[0, : int(number * share), 0] = 1
    rates = replicated_rates(shares, np.ones((number, 1)), np.random.default_rng(0))
    found = interval(rates[0, :, 0])
    assert found is not None
    reach = 1.96 * (share * (1 - share) / number) ** 0.5
    assert found == pytest.approx((share - reach, share + reach), abs=0.005)
    assert interval(rates[0, :, 1]) == found


def test_the_images_are_drawn_with_replacement() -> None:
    weights = drawn_weights(5, np.random.default_rng(7))
    shares = np.array([[[1.0], [0.0], [1.0], [0.0], [0.0]]])
    rates = replicated_rates(shares, np.ones((5, 1)), np.random.default_rng(7))
    assert weights.shape == (REPLICATES, 5)
    assert (weights.sum(axis=1) == 5).all()
    assert rates[0, :, 0].tolist() == pytest.approx((weights @ shares[0, :, 0] / 5).tolist())


def test_searchers_are_replicated_on_the_same_images() -> None:
    shares = np.random.default_rng(1).random((1, 50, 2))
    rates = replicated_rates(
        np.concatenate([shares, shares]), np.ones((50, 2)), np.random.default_rng(0)
    )
    assert np.array_equal(rates[0], rates[1])


def test_replicates_without_an_image_of_a_category_are_left_out() -> None:
    counted = np.zeros((3, 2))
    counted[:, 0] = counted[0, 1] = 1
    shares = counted[None].copy()
    rates = replicated_rates(shares, counted, np.random.default_rng(0))
    missing = np.isnan(rates[0, :, 1])
    assert 0.2 < missing.mean() < 0.4  # (2/3)^3
    assert np.all(rates[0, missing, 2] == rates[0, missing, 0])
    assert interval(rates[0, :, 1]) == (1.0, 1.0)
    assert interval(np.full(4, np.nan)) is None


def test_intervals_depend_on_the_seed_alone() -> None:
    shares = np.random.default_rng(1).random((1, 50, 1))
    first, again, other = (
        interval(replicated_rates(shares, np.ones((50, 1)), np.random.default_rng(seed))[0, :, 0])
        for seed in (0, 0, 1)
    )
    assert first == again != other
