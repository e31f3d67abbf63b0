import torch

from objloc.mdp.reward import move_reward, trigger_reward


def test_a_move_earns_the_sign_of_the_change_of_iou() -> None:
    before = torch.tensor([0.2, 0.5, 0.3, 0.0], dtype=torch.float64)
    after = torch.tensor([0.3, 0.4, 0.3, 0.0], dtype=torch.float64)
    # No gain is a loss: standing still must not pay.
    assert move_reward(before, after).tolist() == [1.0, -1.0, -1.0, -1.0]


def test_a_trigger_is_right_only_above_the_threshold() -> None:
    iou = torch.tensor([0.49, 0.5, 0.51], dtype=torch.float64)
    assert trigger_reward(iou, 0.5, 3.0).tolist() == [-3.0, -3.0, 3.0]
