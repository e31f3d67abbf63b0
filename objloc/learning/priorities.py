"""Prioritised replay: what the network is most wrong about is drawn most."""

import torch
from torch import Tensor

_LEAST = 1e-3
"""Added to every error: what is known by heart may still be drawn."""


class Priorities:
    """How often each transition, or each image, is drawn.

    A priority is the mean absolute TD error of the last update; what is new counts as
    the greatest so far.

    Source: Schaul et al. (2016), the proportional variant; those drawn are distinct.

    Args:
        number: keys there can be: rows of the memory, or images of the store.
        of_images: keys are images, not rows.
        exponent: alpha: chances are in proportion to priorities to its power.
        importance_exponent: beta, of the weights that make up for unequal chances.
    """

    def __init__(
        self, number: int, of_images: bool, exponent: float, importance_exponent: float
    ) -> None:
        self.of_images = of_images
        self._exponent = exponent
        self._importance_exponent = importance_exponent
        # 0: new. Every other is _LEAST or more.
        self._values = torch.zeros(number)
        self._greatest = torch.tensor(_LEAST)

    def renew(self, keys: Tensor) -> None:
        """Forget what was known of some keys: ``[n]`` int64."""
        self._values[keys] = 0

    def draw(self, keys: Tensor, number: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw distinct ones of some keys, fewer than asked for if they are fewer.

        Args:
            keys: ``[n]`` int64.
            number: m.
            generator: of the draw.

        Returns:
            Places in ``keys``, ``[m]`` int64, and importance, the weight of each one's
            loss: ``[m]`` float32, at most 1.
        """
        values = self._values[keys]
        priorities = torch.where(values == 0, self._greatest, values).double()
        chances = chances_in_proportion(priorities**self._exponent, min(number, len(keys)))
        chosen = draw_distinct(chances, generator)
        importance = chances[chosen] ** -self._importance_exponent
        return chosen, (importance / importance.max()).float()

    def update(self, keys: Tensor, errors: Tensor) -> None:
        """Take over the absolute TD errors of an update.

        Args:
            keys: ``[n]`` int64; of one that comes several times the mean counts.
            errors: ``[n]`` float32, 0 or more.
        """
        unique, index, counts = torch.unique(keys, return_inverse=True, return_counts=True)
        sums = torch.zeros(len(unique)).index_add_(0, index, errors)
        self._values[unique] = sums / counts + _LEAST
        self._greatest = torch.maximum(self._greatest, self._values[unique].max())

    def state_dict(self) -> dict[str, Tensor]:
        """All that changes, to go on later."""
        return {"priorities": self._values.clone(), "greatest_priority": self._greatest.clone()}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on from a state, of a memory that may have been smaller."""
        self._values[: len(state["priorities"])] = state["priorities"]
        self._greatest = state["greatest_priority"].clone()


def chances_in_proportion(weights: Tensor, number: int) -> Tensor:
    """Chances to be among so many distinct ones drawn: ``[n]`` float64, in sum ``number``.

    In proportion to weights, but for those whose share would be more than one draw:
    they are drawn for certain.

    Args:
        weights: ``[n]`` float64, above 0.
        number: at most n.
    """
    certain = torch.zeros(len(weights), dtype=torch.bool)
    while True:
        rest = weights.masked_fill(certain, 0.0)
        chances = (number - certain.sum()) * rest / rest.sum()
        chances[certain] = 1.0
        over = chances > 1
        if not over.any():
            return chances
        certain |= over


def draw_distinct(chances: Tensor, generator: torch.Generator) -> Tensor:
    """Draw distinct places, each with exactly its chance: ``[m]`` int64.

    Chances are laid end to end in random order; what lies at marks one apart is drawn.
    Source: systematic sampling with unequal probabilities (Madow 1949).

    Args:
        chances: ``[n]`` float64, at most 1, in sum the whole number m.
        generator: of the draw.
    """
    order = torch.randperm(len(chances), generator=generator)
    ends = chances[order].cumsum(0)
    offset = torch.rand((), generator=generator, dtype=torch.float64)
    marks = offset + torch.arange(round(float(ends[-1])))
    # Rounded sums may end just before the last mark.
    return order[torch.searchsorted(ends, marks, right=True).clamp(max=len(order) - 1)]
