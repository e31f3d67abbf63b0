"""An add-on of the replay memory: n-step returns, made when a transition is sampled."""

from typing import NamedTuple

import torch
from torch import Tensor

from objloc.network.device import CPU


class EpisodeStep(NamedTuple):
    """The place of n transitions in their episodes.

    Attributes:
        slots: ``[n]`` int64, the environment of each; all different.
        ended: ``[n]`` bool, whether the episode ended with it, by the trigger or the step
            limit.
    """

    slots: Tensor
    ended: Tensor


class NStepReturns:
    """Links from each stored transition to the next one of its episode.

    When a transition is sampled, rewards are summed along the links. The state after
    them is that of the last transition, with its own past windows and actions. If the
    episode was truncated or goes on beyond the memory, the return has fewer steps and
    bootstraps from the last known state.

    Source: Sutton (1988); Mnih et al. (2016) for deep Q-learning.

    Args:
        size: rows of the memory.
        slots: number of environments, whose transitions are interleaved.
        steps: n, the maximum number of rewards summed.
        discount: gamma.
        device: that of the memory.
    """

    def __init__(
        self, size: int, slots: int, steps: int, discount: float, device: torch.device = CPU
    ) -> None:
        # One row more takes what has no row.
        self._following = torch.full((size + 1,), -1, dtype=torch.int32, device=device)
        self._newest = torch.full((slots,), -1, device=device)
        self._discounts = [discount**step for step in range(steps)]

    def add(self, rows: Tensor, step: EpisodeStep) -> None:
        """Link the transitions now at some rows, ``[n]`` int64, to those before them."""
        previous = self._newest[step.slots]
        spare = len(self._following) - 1
        self._following[torch.where(previous < 0, spare, previous)] = rows.int()
        # After the line above: in a small memory the new one may overwrite the previous.
        self._following[rows] = -1
        self._newest[step.slots] = torch.where(step.ended, -1, rows)

    def returns(self, rows: Tensor, reward_t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Sum the rewards of up to n steps from some rows on.

        Args:
            rows: ``[n]`` int64, rows of the first steps.
            reward_t: rewards of all rows of the memory, float32.

        Returns:
            Discounted sums ``[n]`` float32, their numbers of steps ``[n]`` int64, and
            the rows of their last steps ``[n]`` int64.
        """
        last, steps, total = rows, torch.ones_like(rows), reward_t[rows]
        for discount in self._discounts[1:]:
            following = self._following[last].long()
            goes_on = following >= 0
            last = torch.where(goes_on, following, last)
            total = total + torch.where(goes_on, discount * reward_t[last], 0.0)
            steps = steps + goes_on
        return total, steps, last

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """All that grows with the number of transitions."""
        return (self._following,)

    def state_dict(self, length: int) -> dict[str, Tensor]:
        """Everything that changes, for the first ``length`` rows."""
        return {"following": self._following[:length].clone(), "newest": self._newest.clone()}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Restore a state."""
        self._following[: len(state["following"])] = state["following"]
        self._newest.copy_(state["newest"])
