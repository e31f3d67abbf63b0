"""Measurements of a period, by hand."""

import math

import torch

from objloc.learning.learner import Update
from objloc.learning.status import Period


def update(loss: float, *values: float) -> Update:
    q_values = torch.tensor(values, dtype=torch.float32)
    number = torch.tensor(loss, dtype=torch.float64)
    return Update(number, 2 * number, q_values, q_values + 100, q_values.isfinite())


def test_means_are_those_of_the_period() -> None:
    period = Period()
    assert math.isnan(period.ratio("loss", "updates"))
    period.add_update(update(1.0, 5.0, -1.0))
    period.add_update(update(2.0, 2.0))
    period.add(episodes=2, successes=1)
    period.add(episodes=2)
    assert period.ratio("loss", "updates") == 1.5
    assert period.ratio("td_error", "updates") == 3.0
    assert period.ratio("q", "q_count") == 2.0
    assert period.q_max == 5.0
    assert period.ratio("successes", "episodes") == 0.25


def test_a_histogram_has_every_tenth_value_and_evenly_spaced_ones_of_those() -> None:
    period = Period()
    assert period.histogram(period.losses).shape == (0,)
    period.add_update(update(1.0, *range(25)))
    assert period.histogram(period.q_values).tolist() == [0.0, 10.0, 20.0]
    assert period.histogram(period.losses).tolist() == [100.0, 110.0, 120.0]
    for _ in range(3):
        period.add_update(update(1.0, *range(20_000)))
    kept = period.histogram(period.q_values)
    assert 2000 <= len(kept) < 4000


def test_a_restored_period_goes_on() -> None:
    period = Period()
    period.add_update(update(1.0, 5.0))
    other = Period.from_state(period.state())
    for each in (period, other):
        each.add_update(update(4.0, 9.0))
    assert other.ratio("loss", "updates") == period.ratio("loss", "updates")
    assert other.q_max == 9.0
