"""Rewards: pure functions of IoU with the ground truth.

A move earns between -1 and 1: ``objloc.network.value_range`` bounds the values of the
logistic loss by that.

Source: Caicedo & Lazebnik (2015), equations 2 and 3.
"""

import torch
from torch import Tensor

from objloc.params import Mdp

_IOU_OFFSET = 0.001
"""Added to an IoU before its logarithm, which is then finite for an IoU of 0."""


def move_reward(iou_before: Tensor, iou_after: Tensor, mdp: Mdp) -> Tensor:
    """Rewards of moves, from the IoU with the best-matching object before and after.

    ``sign``: +1 where IoU grew, else -1. ``difference``: the change of IoU times
    ``reward_scale``, clipped to -1 and 1; it rewards the choice among several step sizes.
    ``log``: the same for the logarithm of IoU, so that halving the distance to a small
    object earns as much as to a large one.

    Shapes: ``[...]``, ``[...]`` to ``[...]`` float32.
    """
    if mdp.reward == "sign":
        return torch.where(iou_after > iou_before, 1.0, -1.0)
    if mdp.reward == "log":
        iou_before, iou_after = (iou_before + _IOU_OFFSET).log(), (iou_after + _IOU_OFFSET).log()
    return ((iou_after - iou_before) * mdp.reward_scale).clamp(-1, 1).float()


def trigger_reward(iou: Tensor, mdp: Mdp) -> Tensor:
    """Rewards of triggers: ``trigger_reward`` above ``trigger_iou``, else ``-trigger_cost``.

    Shapes: ``[...]`` to ``[...]`` float32.
    """
    return torch.where(iou > mdp.trigger_iou, mdp.trigger_reward, -mdp.trigger_cost)


def even_score(mdp: Mdp) -> float:
    """Expected reward of a trigger that is as likely to be right as wrong."""
    return (mdp.trigger_reward - mdp.trigger_cost) / 2
