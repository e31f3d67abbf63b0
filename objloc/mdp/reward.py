"""Rewards: pure functions of IoU. They alone see the truth.

Source: Caicedo & Lazebnik (2015), equations 2 and 3.
"""

import torch
from torch import Tensor

from objloc.params import Mdp


def move_reward(iou_before: Tensor, iou_after: Tensor, scale: float | None = None) -> Tensor:
    """+1 where the window's IoU with its best-matching object grew, else -1.

    With a scale, the change times that, within -1 and 1: as the step size is the
    agent's choice, it matters how far a move leads.

    Shapes: ``[...]``, ``[...]`` to ``[...]`` float32.
    """
    if scale is not None:
        return ((iou_after - iou_before) * scale).clamp(-1, 1).float()
    return torch.where(iou_after > iou_before, 1.0, -1.0)


def reward_scale(mdp: Mdp) -> float | None:
    """The scale of ``move_reward`` that the parameters ask for."""
    return mdp.reward_scale if mdp.reward == "difference" else None


def trigger_reward(iou: Tensor, threshold: float, magnitude: float) -> Tensor:
    """+magnitude where the window's IoU is above the threshold, else -magnitude.

    Shapes: ``[...]`` to ``[...]`` float32.
    """
    return torch.where(iou > threshold, magnitude, -magnitude)
