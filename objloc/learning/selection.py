"""Selection by masks, in shapes that suit the device.

Where a device does not stall (``objloc.network.device.stalls``) only what a mask selects is
taken, and computed with. Elsewhere shapes must not depend on data: there is room for as many as
can be expected, and what is not taken counts nothing.
"""

import torch
from torch import Tensor

from objloc.network.device import stalls


def selected(values: Tensor, mask: Tensor) -> Tensor:
    """Values where a mask is True, in order; on a device that stalls all, the others as zeros.

    Shapes: ``[..., n]``, ``[...]`` bool to ``[k, n]``, without n for as many dimensions.
    """
    if not stalls(mask.device):
        return values[mask]
    wide = mask.view(*mask.shape, *[1] * (values.dim() - mask.dim()))
    return values.masked_fill(~wide, 0).flatten(0, mask.dim() - 1)


def places(mask: Tensor, most: int) -> tuple[Tensor, Tensor]:
    """Where a mask is True, in order.

    Args:
        mask: ``[n]`` bool.
        most: k on a device that stalls; later places are left out.

    Returns:
        Places ``[k]`` int64, and ``[k]`` bool, whether each is one; the others are 0.
    """
    if not stalls(mask.device):
        found = mask.nonzero().squeeze(1)
        return found, torch.ones_like(found, dtype=torch.bool)
    rank = torch.where(mask, mask.cumsum(0) - 1, most).clamp(max=most)
    every = torch.arange(len(mask), device=mask.device)
    # One place more takes what has none.
    found = every.new_full((most + 1,), -1).scatter_(0, rank, every)[:most]
    return found.clamp(min=0), found >= 0


def distinct(values: Tensor, most: int) -> tuple[Tensor, Tensor]:
    """Distinct values in ascending order.

    Args:
        values: ``[n]`` int64.
        most: m on a device that stalls, at least their number; the last is repeated up to it.

    Returns:
        Distinct values ``[m]``, and ``[n]`` int64, which of them each value is.
    """
    if not stalls(values.device):
        found, index = torch.unique(values, return_inverse=True)
        return found, index
    ordered, order = values.sort()
    first = torch.ones_like(ordered, dtype=torch.bool)
    first[1:] = ordered[1:] != ordered[:-1]
    number = first.cumsum(0) - 1
    index = torch.empty_like(number).scatter_(0, order, number)
    last = values.amax()
    return last.expand(most).scatter(0, number, ordered), index
