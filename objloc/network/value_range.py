"""Trigger values as shares of the range that they can have."""

from typing import NamedTuple, Self

from torch import Tensor

from objloc.network.q_network import QNetwork
from objloc.params import Mdp


class TriggerRange(NamedTuple):
    """The least and the greatest value that a trigger can have."""

    least: float
    greatest: float

    @classmethod
    def of(cls, network: QNetwork, mdp: Mdp) -> Self:
        """That of a network trained in a decision process."""
        if network.bounds is None:
            return cls(-mdp.trigger_cost, mdp.trigger_reward)
        least, greatest = network.bounds[:, -1].tolist()
        return cls(least, greatest)

    def share(self, values: Tensor) -> Tensor:
        """Values as shares of the range; with discount 0 the chance that a trigger is right."""
        return (values - self.least) / (self.greatest - self.least)

    def value(self, shares: Tensor) -> Tensor:
        """Shares of the range as values."""
        return self.least + (self.greatest - self.least) * shares
