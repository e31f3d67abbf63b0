"""The record of a search with a budget: every window visited, as tensors.

Shapes here and in the modules of the search:
    N images, n of them still searched, W windows of one image, V of them looked through,
    R searches of an image that continue in one round,
    C categories, A actions (the last is the trigger),
    F past windows and H past actions that the network sees, M moves made after one look,
    K quarters of a window (4, or 0 where the network has learned no zooms).
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Self

import torch
from torch import Tensor

from objloc.box import iou
from objloc.data.store import SampleStore


@dataclass(frozen=True)
class SearchTasks:
    """The images to search, and the categories to search for in each.

    Attributes:
        images: ``[N]`` int64, indices into the store.
        searched: ``[N, C]`` bool, the categories searched for in each image. Windows are
            valued for the others too, but none is visited or triggered on for them.
    """

    images: Tensor
    searched: Tensor

    @classmethod
    def every(cls, store: SampleStore) -> Self:
        """All categories in all images."""
        number = len(store)
        everything = torch.ones(number, len(store.categories), dtype=torch.bool)
        return cls(torch.arange(number), everything)

    def split(self, size: int) -> Iterable[Self]:
        """Batches of ``size`` images."""
        for part in torch.split(torch.arange(len(self.images)), size):
            yield type(self)(self.images[part], self.searched[part])


@dataclass(frozen=True)
class SearchTrace:
    """All windows visited in N images, in the order of visiting.

    The first ``num_windows`` of an image's W windows are real. A smaller budget visits the
    first windows of a larger one.

    Attributes:
        boxes: ``[N, W, 4]`` float64 pixels.
        num_windows: ``[N]`` int64.
        q_values: ``[N, W, C, A]`` float32; -inf where no window was visited.
        triggered: ``[N, W, C]`` int64, the number of windows visited when the agent
            triggered on the window for the category; 0 where it did not.
        depth: ``[N, W]`` int64, number of windows on the way from a start window, both ends
            included.
        parent: ``[N, W]`` int64, the window it was reached from; -1 for a start window.
        category: ``[N, W]`` int64, the category for which the search went there; -1 for a
            start window.
        moves: ``[N, W, M]`` int64, the actions that led there, in their order; -1 after the
            last. The two numbers after those of the actions stand for learned steps and for
            a learned zoom.
    """

    boxes: Tensor
    num_windows: Tensor
    q_values: Tensor
    triggered: Tensor
    depth: Tensor
    parent: Tensor
    category: Tensor
    moves: Tensor

    @property
    def trigger_values(self) -> Tensor:
        """``[N, W, C]`` float32: the trigger's Q-value for each category."""
        return self.q_values[..., -1]

    def visited(self, budget: int | None = None) -> Tensor:
        """``[N, W]`` bool: the real windows, within the first ``budget`` ones."""
        number = self.num_windows if budget is None else self.num_windows.clamp(max=budget)
        return torch.arange(self.boxes.shape[1]) < number[:, None]

    def consensus(self, chances: Tensor) -> Tensor:
        """The window that overlaps most with all windows, each weighted by its chance.

        The value of a single window errs; the object is where many windows close to each
        other are valued. If the chances were a distribution of its place, this would be the
        window of the highest expected IoU.

        Args:
            chances: ``[N, W]``, that a window is right; clamped to 0 to 1.

        Returns:
            ``[N]`` int64, the number of the window.
        """
        visited = self.visited()
        weights = torch.where(visited, chances.clamp(0, 1), 0.0).double()
        overlaps = iou(self.boxes[:, :, None], self.boxes[:, None])
        agreed = (overlaps @ weights[..., None])[..., 0]
        return torch.where(visited, agreed, -torch.inf).argmax(dim=1)

    @classmethod
    def concatenate(cls, parts: Iterable[Self]) -> Self:
        """The traces of several batches as one."""
        parts = list(parts)
        return cls(
            **{f.name: torch.cat([getattr(part, f.name) for part in parts]) for f in fields(cls)}
        )
