"""An add-on of the replay memory: sampling in proportion to TD errors."""

import torch
from torch import Tensor

from objloc.learning.selection import places
from objloc.network.device import CPU, stalls

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
        device: that of the memory.
    """

    def __init__(
        self,
        number: int,
        of_images: bool,
        exponent: float,
        importance_exponent: float,
        device: torch.device = CPU,
    ) -> None:
        self.of_images = of_images
        self._exponent = exponent
        self._importance_exponent = importance_exponent
        # 0 stands for new; every other one is at least _MIN_PRIORITY.
        self._values = torch.zeros(number, device=device)
        self._maximum = torch.tensor(_MIN_PRIORITY, device=device)

    def reset(self, keys: Tensor) -> None:
        """Make some keys new: ``[n]`` int64."""
        self._values[keys] = 0

    def draw(self, held: Tensor, number: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw some keys without replacement; all if there are fewer.

        Args:
            held: ``[k]`` bool, the keys to draw from among the first k.
            number: m, the number to draw; on a device that stalls keys come again if there are
                fewer.
            generator: source of random draws.

        Returns:
            Keys, ``[m]`` int64, and their importance weights, ``[m]`` float32, at most 1.
        """
        keys, real = places(held, len(held))
        values = self._values[keys]
        priorities = torch.where(values == 0, self._maximum, values).double()
        weights = torch.where(real, priorities**self._exponent, 0.0)
        if not stalls(held.device):
            number = min(number, len(keys))
        probabilities = inclusion_probabilities(weights, number)
        chosen = systematic_sample(probabilities, number, generator)
        importance = probabilities[chosen] ** -self._importance_exponent
        return keys[chosen], (importance / importance.max()).float()

    def update(self, keys: Tensor, errors: Tensor, real: Tensor) -> None:
        """Set priorities after an update.

        Args:
            keys: ``[n]`` int64; errors of the same key are averaged.
            errors: ``[n]`` float32, absolute TD errors.
            real: ``[n]`` bool, False where there is none.
        """
        counts, sums = self._values.new_zeros(2, len(self._values))
        counts.index_add_(0, keys, real.float())
        sums.index_add_(0, keys, torch.where(real, errors, 0.0))
        updated = torch.where(counts > 0, sums / counts + _MIN_PRIORITY, 0.0)
        self._values = torch.where(counts > 0, updated, self._values)
        self._maximum = torch.maximum(self._maximum, updated.max())

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """All that grows with the number of transitions."""
        return (self._values,)

    def state_dict(self) -> dict[str, Tensor]:
        """Everything that changes."""
        return {"priorities": self._values.clone(), "greatest_priority": self._maximum.clone()}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Restore a state, which may be that of a smaller memory."""
        self._values[: len(state["priorities"])] = state["priorities"]
        self._maximum.copy_(state["greatest_priority"])


def inclusion_probabilities(weights: Tensor, number: int) -> Tensor:
    """Probability of each item to be among those drawn: ``[n]`` float64, in sum ``number``.

    They are in proportion to the weights, but at most 1.

    Args:
        weights: ``[n]`` float64; an item of weight 0 is never drawn.
        number: number of items to draw; with fewer above 0 the sum is theirs.
    """
    heaviest = weights.topk(min(number, len(weights))).values
    # The sum of each of the heaviest and all lighter ones.
    lighter = (weights.sum() - heaviest.sum()).clamp(min=0)
    rest = heaviest.flip(0).cumsum(0).flip(0) + lighter
    left = number - torch.arange(len(heaviest), device=weights.device)
    # Each in turn is certain if its share of the draws that are left is more than one.
    is_certain = (left * heaviest > rest).long().cumprod(0)
    certain = is_certain.sum()
    least = torch.where(is_certain > 0, heaviest, torch.inf).amin()
    # By a vector of one index: a number's would be asked for.
    rest = torch.cat([rest, lighter[None]]).index_select(0, certain[None])
    shares = weights * ((number - certain) / rest).nan_to_num(0.0, 0.0)
    return torch.where(weights >= least, 1.0, shares.clamp(max=1))


def systematic_sample(probabilities: Tensor, number: int, generator: torch.Generator) -> Tensor:
    """Draw distinct items, each with exactly its inclusion probability: ``[m]`` int64.

    Intervals as long as the probabilities are laid end to end in random order; the
    items at marks one apart are drawn.
    Source: systematic sampling with unequal probabilities (Madow 1949).

    Args:
        probabilities: ``[n]`` float64, at most 1, in sum m; if it is less, items come again.
        number: m.
        generator: source of random draws, of the same device.
    """
    device = probabilities.device
    order = torch.randperm(len(probabilities), generator=generator, device=device)
    ends = probabilities[order].cumsum(0)
    offset = torch.rand((), generator=generator, dtype=torch.float64, device=device)
    marks = (offset + torch.arange(number, device=device)) % ends[-1]
    # A rounded sum may end just before its last mark.
    return order[torch.searchsorted(ends, marks, right=True).clamp(max=len(order) - 1)]
