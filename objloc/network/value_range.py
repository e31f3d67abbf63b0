"""Range of a network's values: of all actions for its loss, of the trigger for searches."""

from typing import NamedTuple, Self

import torch
from torch import Tensor

from objloc.params import Agent, Mdp


def bounds_of(agent: Agent, num_actions: int) -> Tensor | None:
    """The minimum and the maximum return of each action: ``[2, A]``; None without bounds.

    A trigger ends the episode with its reward. After a move, the best that can follow is
    moves that each earn 1 and a right trigger at their end: no more than the maximum of the
    trigger's reward and 1 / (1 - discount). A return of several steps belongs to the actions
    that were taken, wrong triggers among them.
    """
    if agent.learning.loss != "logistic":
        return None
    mdp, learning = agent.mdp, agent.learning
    discount, trigger = learning.discount, mdp.trigger_reward
    following = max(trigger, 1 / (1 - discount)) if discount < 1 else float(mdp.max_steps)
    bounds = torch.full((2, num_actions), 1 + discount * following)
    if learning.n_step > 1:
        bounds[0] = 1 + discount * max(following, mdp.trigger_cost)
    bounds[:, -1] = torch.tensor([max(mdp.trigger_cost, -learning.absent_reward), trigger])
    bounds[0] *= -1
    return bounds


class TriggerRange(NamedTuple):
    """The minimum and the maximum value that a trigger can have."""

    minimum: float
    maximum: float

    @classmethod
    def of(cls, bounds: Tensor | None, mdp: Mdp) -> Self:
        """The trigger's part of a network's bounds, or without bounds its rewards.

        Args:
            bounds: see ``bounds_of``.
            mdp: the decision process that the network was trained in.
        """
        if bounds is None:
            return cls(-mdp.trigger_cost, mdp.trigger_reward)
        return cls(*bounds[:, -1].tolist())

    def fraction(self, values: Tensor) -> Tensor:
        """Values as fractions of the range; with discount 0, the chance of a right trigger."""
        return (values - self.minimum) / (self.maximum - self.minimum)

    def value(self, fractions: Tensor) -> Tensor:
        """Fractions of the range as values."""
        return self.minimum + (self.maximum - self.minimum) * fractions
