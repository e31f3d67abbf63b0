"""What is searched for, and what a search looked at."""

from dataclasses import dataclass, fields
from typing import Self

import torch
from torch import Tensor

from objloc.data.store import SampleStore


@dataclass(frozen=True)
class Tasks:
    """What is searched for where.

    Attributes:
        images: ``[N]`` int64, indices into the store.
        searched: ``[N, C]`` bool, the categories searched for in each. Windows are
            valued for the others too, but none is looked at or triggered on for them.
    """

    images: Tensor
    searched: Tensor

    @classmethod
    def every(cls, store: SampleStore) -> Self:
        """All categories in all images."""
        number = len(store)
        everything = torch.ones(number, len(store.categories), dtype=torch.bool)
        return cls(torch.arange(number), everything)


@dataclass(frozen=True)
class Looks:
    """All windows looked at in N images, in the order of looking.

    Of W windows of an image the first ``number`` are real. The looks of a smaller
    budget are the first ones of a larger.

    Attributes:
        boxes: ``[N, W, 4]`` float64 pixels.
        number: ``[N]`` int64.
        values: ``[N, W, C]`` float32, the trigger's Q-value for each category.
        q_values: ``[N, W, C, A]`` float32, of all actions.
        triggered: ``[N, W, C]`` int64, the number of windows looked at when the
            agent triggered on the window for the category; 0 where it did not.
        depth: ``[N, W]`` int64, windows on the way from a start window, itself included.
        parent: ``[N, W]`` int64, the window it was reached from; -1 for a start.
        category: ``[N, W]`` int64, whose search went there from the parent; -1 for a
            start.
        moves: ``[N, W, M]`` int64, the actions by which it did, in their order; -1
            after the last. Behind those of the actions: by learned steps; by a learned zoom.
    """

    boxes: Tensor
    number: Tensor
    values: Tensor
    q_values: Tensor
    triggered: Tensor
    depth: Tensor
    parent: Tensor
    category: Tensor
    moves: Tensor

    def real(self, budget: int | None = None) -> Tensor:
        """``[N, W]`` bool: looked at, within the first ``budget`` looks."""
        number = self.number if budget is None else self.number.clamp(max=budget)
        return first_windows(number, self.boxes.shape[1])


def joined(parts: list[Looks]) -> Looks:
    """The looks of several batches as one."""
    return Looks(
        **{f.name: torch.cat([getattr(part, f.name) for part in parts]) for f in fields(Looks)}
    )


def first_windows(number: Tensor, windows: int) -> Tensor:
    """``[..., W]`` bool: the first ``number`` ``[...]`` of so many windows."""
    return torch.arange(windows) < number[..., None]
