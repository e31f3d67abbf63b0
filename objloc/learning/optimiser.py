"""What follows the gradient: the optimiser, and its rate over time."""

import math
from typing import Any

import torch

from objloc.network.q_network import QNetwork
from objloc.params import Learning


def build_optimiser(network: QNetwork, learning: Learning) -> torch.optim.Optimizer:
    """The optimiser of a network; weights of a backbone are its second group."""
    pretrained = set(network.pretrained_weights())
    fresh = [each for name, each in network.named_parameters() if name not in pretrained]
    groups: list[dict[str, Any]] = [{"params": fresh}]
    if pretrained:
        # Second: it has a learning rate of its own, set before each update.
        further = [each for name, each in network.named_parameters() if name in pretrained]
        groups.append({"params": further})
    if learning.optimiser == "rmsprop":
        # TensorFlow 1's decay is called alpha here.
        return torch.optim.RMSprop(
            groups, lr=learning.learning_rate, alpha=0.99, eps=1e-6,
            weight_decay=learning.weight_decay,
        )  # fmt: skip
    return torch.optim.AdamW(groups, lr=learning.learning_rate, weight_decay=learning.weight_decay)


def set_rate(optimiser: torch.optim.Optimizer, learning: Learning, updates: int) -> None:
    """Set the learning rate of the next update.

    Args:
        optimiser: of ``build_optimiser``.
        learning: see ``objloc.params.Learning``.
        updates: made so far, absolute, so that a run can go on.
    """
    shares = (1.0, learning.backbone_rate)
    for group, share in zip(optimiser.param_groups, shares, strict=False):
        group["lr"] = _rate(learning, updates) * share


def _rate(learning: Learning, updates: int) -> float:
    """Cosine decay to a hundredth."""
    if not learning.learning_rate_decay_updates:
        return learning.learning_rate
    done = min(1.0, updates / learning.learning_rate_decay_updates)
    return learning.learning_rate * (0.01 + 0.99 * (1 + math.cos(math.pi * done)) / 2)
