"""The record of a search with a budget: every window visited, as tensors.

Shapes here and in ``budgeted.py``:
    N images, W windows of one image, C categories, A actions (the last is the trigger),
    F past windows and H past actions that the network sees, M moves made after one look,
    K quarters of a window (4, or 0 where the network has learned no zooms),
    P windows that are handled at once, each of an image and for a category.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Self

import torch
from torch import Tensor

from objloc.box import iou
from objloc.data.store import SampleStore
from objloc.network.valuer import NUM_STEPS, QUARTERS, Valuer
from objloc.network.windows import Windows
from objloc.search.policy import shares

_SAME = 0.9
"""Windows that overlap by a higher IoU are one: a search that reaches the second continues
from the first."""


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
        return _first(number, self.boxes.shape[1])

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


class TraceBuilder:
    """A trace that grows: visits windows of N images, W of each at most.

    Beside the trace it keeps what the network says about each window and what the next look
    from there needs.

    Args:
        store: the images.
        network: in evaluation mode.
        images: ``[N]`` int64, the images searched.
        budget: W.
        moves: M.

    Attributes:
        sizes: ``[N, 2]`` float64, width and height of the images in pixels.
        num_windows, boxes, q_values, triggered, depth, parent, category, moves: see
            ``SearchTrace``.
        presence: ``[N, W, C]`` float32, probability that the window holds an object of the
            category; 1 where the network has not learned it.
        steps: ``[N, W, C, 4]`` float32, the learned steps; ``[N, W, C, 0]`` where the
            network has not learned any.
        zooms: ``[N, W, C, K]`` float32, probability that a quarter holds a small object.
        zoom_steps: ``[N, W, C, K, 4]`` float32, where in the quarter it lies.
        frames: ``[N, W, F, 4]`` float64 pixels, the last windows on the way there, newest
            last.
        past: ``[N, W, H]`` int64, the last actions on the way there, newest last.
    """

    def __init__(
        self, store: SampleStore, network: Valuer, images: Tensor, budget: int, moves: int
    ) -> None:
        self._network = network
        self._device = network.device
        with torch.no_grad():
            self._views = network.encode(store.images[images].to(self._device))
        self.sizes = store.sizes[images]
        windows = (len(images), budget)
        pairs = (*windows, len(store.categories))
        self.num_windows = torch.zeros(len(images), dtype=torch.int64)
        self.boxes = torch.zeros(*windows, 4, dtype=torch.float64)
        self.q_values = torch.full((*pairs, network.num_actions), -torch.inf)
        self.triggered = torch.zeros(pairs, dtype=torch.int64)
        self.depth = torch.zeros(windows, dtype=torch.int64)
        self.parent = torch.full(windows, -1)
        self.category = torch.full(windows, -1)
        self.moves = torch.full((*windows, moves), -1)
        self.presence = torch.ones(pairs)
        self.steps = torch.zeros(*pairs, NUM_STEPS * network.learned_steps)
        quarters = QUARTERS * network.learned_zooms
        self.zooms = torch.zeros(*pairs, quarters)
        self.zoom_steps = torch.zeros(*pairs, quarters, NUM_STEPS)
        self.frames = torch.zeros(*windows, network.frames, 4, dtype=torch.float64)
        self.past = torch.full((*windows, network.action_history), -1)

    def trace(self) -> SearchTrace:
        """The trace so far."""
        return SearchTrace(**{each.name: getattr(self, each.name) for each in fields(SearchTrace)})

    @property
    def budget_left(self) -> Tensor:
        """``[N]`` bool: the images in which another window may be visited."""
        return self.num_windows < self.boxes.shape[1]

    def visit_starts(self, image: Tensor, starts: Tensor) -> tuple[Tensor, Tensor]:
        """Visit start windows that are new, as far as the budget allows.

        Args:
            image: ``[P]`` int64.
            starts: ``[P, 4]`` float64, fractions of the image's sides.

        Returns:
            Images ``[P']`` and windows ``[P']`` int64: those visited.
        """
        boxes = starts * self.sizes[image].repeat(1, 2)
        fresh = self._overlaps(image, boxes).amax(dim=1) <= _SAME
        place = self.num_windows[image] + _rank(image, fresh)
        fresh &= place < self.boxes.shape[1]
        new = (image[fresh], place[fresh])
        self.frames[new] = boxes[fresh][:, None]
        self.depth[new] = 1
        self._look(*new)
        return new

    def visit(
        self,
        image: Tensor,
        window: Tensor,
        category: Tensor,
        frames: Tensor,
        past: Tensor,
        moves: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Visit the windows that moves led to, where they are new.

        Args:
            image: ``[P]`` int64.
            window: ``[P]`` int64, where the moves began.
            category: ``[P]`` int64, for which they were made.
            frames: ``[P, F, 4]``, the last windows of each, newest last.
            past: ``[P, H]``, the last actions of each.
            moves: ``[P, M]``, see ``SearchTrace.moves``.

        Returns:
            The visited window ``[P]`` int64 that each is at; ``[P]`` bool, False where there
            is none, because the budget is spent or another search of this round came there
            first.
        """
        boxes = frames[:, -1]
        overlap, same = self._overlaps(image, boxes).max(dim=1)
        # Another search of this round may have come to the same window first.
        together = (image[:, None] == image) & (iou(boxes[:, None], boxes[None]) > _SAME)
        together &= torch.ones_like(together).tril(-1)
        first = ~together.any(dim=1)
        fresh = (overlap <= _SAME) & first
        place = self.num_windows[image] + _rank(image, fresh)
        fresh &= place < self.boxes.shape[1]
        new = (image[fresh], place[fresh])
        self.frames[new], self.past[new] = frames[fresh], past[fresh]
        self.depth[new] = self.depth[image[fresh], window[fresh]] + 1
        self.parent[new], self.category[new] = window[fresh], category[fresh]
        self.moves[new] = moves[fresh]
        self._look(*new)
        return torch.where(fresh, place, same), fresh | (overlap > _SAME)

    def trigger(self, image: Tensor, window: Tensor, category: Tensor) -> None:
        """Record a trigger on windows: ``[P]`` int64 each."""
        self.triggered[image, window, category] = self.num_windows[image]

    def _overlaps(self, image: Tensor, boxes: Tensor) -> Tensor:
        """``[P, W]``: IoU of windows ``[P, 4]`` with those visited in their images."""
        known = _first(self.num_windows[image], self.boxes.shape[1])
        return torch.where(known, iou(boxes[:, None], self.boxes[image]), 0.0)

    @torch.no_grad()
    def _look(self, image: Tensor, window: Tensor) -> None:
        """Value the newest frames of windows ``[P]`` for every category."""
        self.boxes[image, window] = self.frames[image, window, -1]
        self.num_windows += torch.bincount(image, minlength=len(self.num_windows))
        if len(image) == 0:
            return
        boxes = shares(self.frames[image, window], self.sizes[image])
        windows = Windows(image, boxes, self.past[image, window]).to(self._device)
        outputs = self._network.outputs(self._views, windows)
        self.q_values[image, window] = self._network.values_of(outputs).cpu()
        if self._network.presence:
            self.presence[image, window] = self._network.presence_of(outputs).cpu()
        if self._network.learned_steps:
            self.steps[image, window] = self._network.steps_of(outputs).cpu()
        if self._network.learned_zooms:
            odds, steps = self._network.zooms_of(outputs)
            self.zooms[image, window] = torch.sigmoid(odds).cpu()
            self.zoom_steps[image, window] = steps.cpu()


def _first(number: Tensor, windows: int) -> Tensor:
    """``[..., W]`` bool: True for the first ``number`` ``[...]`` of W windows."""
    return torch.arange(windows) < number[..., None]


def _rank(image: Tensor, fresh: Tensor) -> Tensor:
    """``[P]`` int64: how many fresh windows of the same image come before each."""
    same = (image[:, None] == image) & fresh
    return (same & torch.ones_like(same).tril(-1)).sum(dim=1)
