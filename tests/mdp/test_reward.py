from typing import Literal

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from objloc.mdp.reward import move_reward, trigger_reward
from objloc.params import Mdp


def test_a_move_earns_the_sign_of_the_change_of_iou() -> None:
    before = torch.tensor([0.2, 0.5, 0.3, 0.0], dtype=torch.float64)
    after = torch.tensor([0.3, 0.4, 0.3, 0.0], dtype=torch.float64)
    earned = move_reward(before, after, Mdp(reward="sign", reward_scale=4.0))
    # No gain is a loss: standing still must not pay.
    assert earned.tolist() == [1.0, -1.0, -1.0, -1.0]


def test_a_trigger_is_right_only_above_the_threshold() -> None:
    iou = torch.tensor([0.49, 0.5, 0.51], dtype=torch.float64)
    assert trigger_reward(iou, Mdp(trigger_iou=0.5)).tolist() == [-3.0, -3.0, 3.0]


def test_a_difference_is_scaled_and_kept_within_one() -> None:
    before = torch.tensor([0.5, 0.5, 0.5, 0.1], dtype=torch.float64)
    after = torch.tensor([0.6, 0.5, 0.45, 0.9], dtype=torch.float64)
    mdp = Mdp(reward="difference", reward_scale=5.0)
    assert move_reward(before, after, mdp).tolist() == pytest.approx([0.5, 0.0, -0.25, 1.0])


def test_a_logarithm_pays_for_small_objects_as_for_large_ones() -> None:
    mdp = Mdp(reward="log", reward_scale=1.0)
    before = torch.tensor([0.04, 0.4, 0.3, 0.0, 0.2], dtype=torch.float64)
    after = torch.tensor([0.06, 0.6, 0.3, 0.0, 0.0], dtype=torch.float64)
    small, large, none, beside, lost = move_reward(before, after, mdp).tolist()
    assert small == pytest.approx(large, abs=0.02)
    assert large == pytest.approx(0.405, abs=0.01)
    assert (none, beside, lost) == (0.0, 0.0, -1.0)


def test_a_wrong_trigger_has_a_price_of_its_own() -> None:
    iou = torch.tensor([0.4, 0.7], dtype=torch.float64)
    mdp = Mdp(trigger_iou=0.5, trigger_reward=2.0, trigger_cost=0.5)
    assert trigger_reward(iou, mdp).tolist() == [-0.5, 2.0]


ious = st.integers(0, 1000).map(lambda number: number / 1000)
scales = st.sampled_from([0.1, 1.0, 5.0, 50.0])


def one(value: float) -> torch.Tensor:
    return torch.tensor([value], dtype=torch.float64)


@given(ious, ious, st.sampled_from(["sign", "difference", "log"]), scales)
def test_a_reward_has_the_sign_of_the_change_of_iou(
    before: float, after: float, kind: Literal["sign", "difference", "log"], scale: float
) -> None:
    mdp = Mdp(reward=kind, reward_scale=scale)
    earned, back = (
        move_reward(one(first), one(second), mdp)
        for first, second in ((before, after), (after, before))
    )
    assert earned.dtype == torch.float32
    assert -1 <= float(earned) <= 1
    change = (after > before) - (after < before)
    if kind == "sign":
        assert float(earned) == (change or -1)
    else:
        assert earned.sign() == change
        assert float(back) == -float(earned)


@given(ious, st.lists(ious, min_size=2), st.sampled_from(["difference", "log"]))
def test_no_detour_earns_more_than_the_way(
    first: float, walk: list[float], kind: Literal["difference", "log"]
) -> None:
    """Shaping by a potential: a sum over steps depends on the ends alone (Ng et al. 1999)."""
    mdp = Mdp(reward=kind, reward_scale=0.1)  # nothing is clipped
    steps = [move_reward(one(a), one(b), mdp) for a, b in zip([first, *walk], walk, strict=False)]
    straight = float(move_reward(one(first), one(walk[-1]), mdp))
    assert float(sum(steps)) == pytest.approx(straight, abs=1e-5)


@given(ious, ious, ious, st.sampled_from(["sign", "difference", "log"]), scales)
def test_a_greater_gain_earns_no_less(
    before: float, a: float, b: float, kind: Literal["sign", "difference", "log"], scale: float
) -> None:
    mdp = Mdp(reward=kind, reward_scale=scale)
    assert move_reward(one(before), one(min(a, b)), mdp) <= move_reward(
        one(before), one(max(a, b)), mdp
    )


@given(st.lists(ious, min_size=1), st.floats(0.01, 0.99), st.floats(0.1, 9), st.floats(0.1, 9))
def test_a_trigger_earns_one_of_two_rewards(
    values: list[float], threshold: float, reward: float, cost: float
) -> None:
    mdp = Mdp(trigger_iou=threshold, trigger_reward=reward, trigger_cost=cost)
    earned = trigger_reward(torch.tensor(values, dtype=torch.float64), mdp)
    assert earned.dtype == torch.float32
    expected = [reward if value > threshold else -cost for value in values]
    assert torch.equal(earned, torch.tensor(expected))
