import pytest
import torch

from objloc.mdp.reward import move_reward, reward_scale, trigger_reward
from objloc.params import Mdp


def test_a_move_earns_the_sign_of_the_change_of_iou() -> None:
    before = torch.tensor([0.2, 0.5, 0.3, 0.0], dtype=torch.float64)
    after = torch.tensor([0.3, 0.4, 0.3, 0.0], dtype=torch.float64)
    # No gain is a loss: standing still must not pay.
    assert move_reward(before, after).tolist() == [1.0, -1.0, -1.0, -1.0]


def test_a_trigger_is_right_only_above_the_threshold() -> None:
    iou = torch.tensor([0.49, 0.5, 0.51], dtype=torch.float64)
    assert trigger_reward(iou, 0.5, 3.0).tolist() == [-3.0, -3.0, 3.0]


def test_a_difference_is_scaled_and_kept_within_one() -> None:
    before = torch.tensor([0.5, 0.5, 0.5, 0.1], dtype=torch.float64)
    after = torch.tensor([0.6, 0.5, 0.45, 0.9], dtype=torch.float64)
    assert move_reward(before, after, 5.0).tolist() == pytest.approx([0.5, 0.0, -0.25, 1.0])


def test_the_scale_is_used_for_differences_alone() -> None:
    assert reward_scale(Mdp(reward="sign", reward_scale=4.0)) is None
    assert reward_scale(Mdp(reward="difference", reward_scale=4.0)) == 4.0
