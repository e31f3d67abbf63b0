"""An add-on of the replay memory: sampling in proportion to TD errors."""

import torch
from torch import Tensor

_MIN_PRIORITY = 1e-3
"""Added to every error, so that transitions without one are still sampled."""


class Priorities:
    """Priority of each transition, or of each image.

    A priority is the mean absolute TD error in the last update. New keys have the
    maximum priority so far.

    Source: Schaul et al. (2016), the proportional variant; here sampled without
    replacement.

    Args:
        number: number of keys: rows of the memory, or images of the store.
        of_images: whether keys are images instead of rows.
        exponent: alpha; probabilities are in proportion to priorities to this power.
        importance_exponent: beta, exponent of the importance weights.
    """

    def __init__(
        self, number: int, of_images: bool, exponent: float, importance_exponent: float
    ) -> None:
        self.of_images = of_images
        self._exponent = exponent
        self._importance_exponent = importance_exponent
        # 0 stands for new; every other one is at least _MIN_PRIORITY.
        self._values = torch.zeros(number)
        self._maximum = torch.tensor(_MIN_PRIORITY)

    def reset(self, keys: Tensor) -> None:
        """Make some keys new: ``[n]`` int64."""
        self._values[keys] = 0

    def draw(self, keys: Tensor, number: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw some of the given keys without replacement; all if there are fewer.

        Args:
            keys: ``[n]`` int64.
            number: m, the number to draw.
            generator: source of random draws.

        Returns:
            Positions in ``keys``, ``[m]`` int64, and their importance weights,
            ``[m]`` float32, at most 1.
        """
        values = self._values[keys]
        priorities = torch.where(values == 0, self._maximum, values).double()
        probabilities = inclusion_probabilities(priorities**self._exponent, min(number, len(keys)))
        chosen = systematic_sample(probabilities, generator)
        importance = probabilities[chosen] ** -self._importance_exponent
        return chosen, (importance / importance.max()).float()

    def update(self, keys: Tensor, errors: Tensor) -> None:
        """Set priorities after an update.

        Args:
            keys: ``[n]`` int64; errors of the same key are averaged.
            errors: ``[n]`` float32, absolute TD errors.
        """
        unique, index, counts = torch.unique(keys, return_inverse=True, return_counts=True)
        sums = torch.zeros(len(unique)).index_add_(0, index, errors)
        self._values[unique] = sums / counts + _MIN_PRIORITY
        self._maximum = torch.maximum(self._maximum, self._values[unique].max())

    def state_dict(self) -> dict[str, Tensor]:
        """Everything that changes."""
        return {"priorities": self._values.clone(), "greatest_priority": self._maximum.clone()}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Restore a state, which may be that of a smaller memory."""
        self._values[: len(state["priorities"])] = state["priorities"]
        self._maximum = state["greatest_priority"].clone()


def inclusion_probabilities(weights: Tensor, number: int) -> Tensor:
    """Probability of each item to be among those drawn: ``[n]`` float64, in sum ``number``.

    They are in proportion to the weights, but at most 1.

    Args:
        weights: ``[n]`` float64, above 0.
        number: number of items to draw, at most n.
    """
    certain = torch.zeros(len(weights), dtype=torch.bool)
    while True:
        rest = weights.masked_fill(certain, 0.0)
        probabilities = (number - certain.sum()) * rest / rest.sum()
        probabilities[certain] = 1.0
        over = probabilities > 1
        if not over.any():
            return probabilities
        certain |= over


def systematic_sample(probabilities: Tensor, generator: torch.Generator) -> Tensor:
    """Draw distinct items, each with exactly its inclusion probability: ``[m]`` int64.

    Intervals as long as the probabilities are laid end to end in random order; the
    items at marks one apart are drawn.
    Source: systematic sampling with unequal probabilities (Madow 1949).

    Args:
        probabilities: ``[n]`` float64, at most 1, in sum the integer m.
        generator: source of random draws.
    """
    order = torch.randperm(len(probabilities), generator=generator)
    ends = probabilities[order].cumsum(0)
    offset = torch.rand((), generator=generator, dtype=torch.float64)
    marks = offset + torch.arange(round(float(ends[-1])))
    # Rounded sums may end just before the last mark.
    return order[torch.searchsorted(ends, marks, right=True).clamp(max=len(order) - 1)]
