"""Between which values a network's outputs lie, where its loss needs to know."""

import torch
from torch import Tensor

from objloc.params import Agent


def bounds_of(agent: Agent, num_actions: int) -> Tensor | None:
    """The least and the greatest return of each action: ``[2, A]``; None without bounds.

    A trigger ends the episode with its reward. After a move, moves that each earn 1
    and a right trigger at their end: no more than the greater of the trigger's
    reward and 1 / (1 - discount). A return of several steps is of the actions that were
    taken, wrong triggers among them.
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
