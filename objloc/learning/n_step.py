"""Returns of several steps, from transitions that are remembered one by one."""

from typing import NamedTuple

import torch
from torch import Tensor


class Played(NamedTuple):
    """Where n transitions come from.

    Attributes:
        slots: ``[n]`` int64, the environment of each; none twice.
        ended: ``[n]`` bool, the episode ended with it, by the trigger or the step limit.
    """

    slots: Tensor
    ended: Tensor


class Successors:
    """Which transition followed which in its episode.

    Rewards of several steps are added up when a transition is drawn, and what is seen
    after them is what the last of these transitions led to, with past windows and
    actions of its own. An episode that was truncated, or is not played further yet,
    gives a shorter return, from whose last state one bootstraps.

    Source: Sutton (1988); Mnih et al. (2016) for deep Q-learning.

    Args:
        size: rows of the memory.
        slots: environments whose episodes come interleaved.
        steps: n, the most that are added up.
        discount: gamma.
    """

    def __init__(self, size: int, slots: int, steps: int, discount: float) -> None:
        self._following = torch.full((size,), -1, dtype=torch.int32)
        self._newest = torch.full((slots,), -1)
        self._discounts = [discount**step for step in range(steps)]

    def add(self, rows: Tensor, played: Played) -> None:
        """Continue episodes by the transitions now at some rows: ``[n]`` int64."""
        previous = self._newest[played.slots]
        goes_on = previous >= 0
        self._following[previous[goes_on]] = rows[goes_on].int()
        # After the line above: a memory that is small may forget the previous one now.
        self._following[rows] = -1
        self._newest[played.slots] = torch.where(played.ended, -1, rows)

    def returns(self, rows: Tensor, reward_t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Rewards of up to n steps from some rows on, added up.

        Args:
            rows: ``[n]`` int64.
            reward_t: the memory's column of rewards, float32.

        Returns:
            Discounted sums ``[n]`` float32, of how many steps each is ``[n]`` int64,
            and the row of the last of them ``[n]`` int64.
        """
        last, steps, total = rows, torch.ones_like(rows), reward_t[rows]
        for discount in self._discounts[1:]:
            following = self._following[last].long()
            goes_on = following >= 0
            last = torch.where(goes_on, following, last)
            total = total + torch.where(goes_on, discount * reward_t[last], 0.0)
            steps = steps + goes_on
        return total, steps, last

    def state_dict(self, length: int) -> dict[str, Tensor]:
        """What changes, of the first ``length`` rows."""
        return {"following": self._following[:length].clone(), "newest": self._newest.clone()}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on from a state."""
        self._following[: len(state["following"])] = state["following"]
        self._newest = state["newest"].clone()
