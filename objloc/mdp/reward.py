"""Rewards: pure functions of IoU. They alone see the truth.

Source: Caicedo & Lazebnik (2015), equations 2 and 3.
"""

import torch
from torch import Tensor


def move_reward(iou_before: Tensor, iou_after: Tensor) -> Tensor:
    """+1 where the window's IoU with its best-matching object grew, else -1.

    Shapes: ``[...]``, ``[...]`` to ``[...]`` float32.
    """
    return torch.where(iou_after > iou_before, 1.0, -1.0)


def trigger_reward(iou: Tensor, threshold: float, magnitude: float) -> Tensor:
    """+magnitude where the window's IoU is above the threshold, else -magnitude.

    Shapes: ``[...]`` to ``[...]`` float32.
    """
    return torch.where(iou > threshold, magnitude, -magnitude)
