"""Rewards: pure functions of IoU. They alone see the truth.

Source: Caicedo & Lazebnik (2015), equations 2 and 3.
"""

import torch
from torch import Tensor

from objloc.params import Mdp

_LEAST_IOU = 0.001
"""Added to an IoU before its logarithm: a window beside its object has one too."""


def move_reward(iou_before: Tensor, iou_after: Tensor, mdp: Mdp) -> Tensor:
    """What moves earn by the IoU with the best-matching object before and after.

    ``sign``: +1 where it grew, else -1. ``difference``: the change times
    ``reward_scale``, within -1 and 1: where the step size is the agent's choice, it
    matters how far a move leads. ``log``: the same of the logarithm of IoU, so that
    halving the distance to a small object earns what it does with a large one.

    Shapes: ``[...]``, ``[...]`` to ``[...]`` float32.
    """
    if mdp.reward == "sign":
        return torch.where(iou_after > iou_before, 1.0, -1.0)
    if mdp.reward == "log":
        iou_before, iou_after = (iou_before + _LEAST_IOU).log(), (iou_after + _LEAST_IOU).log()
    return ((iou_after - iou_before) * mdp.reward_scale).clamp(-1, 1).float()


def trigger_reward(iou: Tensor, mdp: Mdp) -> Tensor:
    """What a trigger earns: ``trigger_reward`` above ``trigger_iou``, else ``-trigger_cost``.

    Shapes: ``[...]`` to ``[...]`` float32.
    """
    return torch.where(iou > mdp.trigger_iou, mdp.trigger_reward, -mdp.trigger_cost)
