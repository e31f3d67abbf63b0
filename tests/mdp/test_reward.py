import pytest
import torch

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
