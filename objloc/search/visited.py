"""The windows that a batch of searches has looked at, and what the agent saw in them."""

import torch
from torch import Tensor

from objloc.box import iou
from objloc.data.store import SampleStore
from objloc.network.valuer import NUM_STEPS, QUARTERS, Valuer
from objloc.network.windows import Windows
from objloc.search.policy import shares
from objloc.search.trace import first_windows

_SAME = 0.9
"""Windows that overlap by a higher IoU are one: a search that comes to the second
goes on from the first."""


class Visited:
    """Windows of N images, W at most of each, in the order of looking.

    Args:
        store: the images.
        network: in evaluation mode.
        images: ``[N]`` int64, which are searched.
        windows: W.
        moves: M, made before one look at most.

    Attributes:
        sizes: ``[N, 2]`` float64, of the images in pixels.
        number: ``[N]`` int64, windows looked at.
        boxes: ``[N, W, 4]`` float64 pixels.
        values: ``[N, W, C, A]`` float32, Q-values; minus infinity where nothing was
            looked at.
        presence: ``[N, W, C]`` float32, 1 where the network has not learned it.
        steps: ``[N, W, C, 4]`` float32; ``[N, W, C, 0]`` likewise.
        zooms: ``[N, W, C, 4]`` float32, the chance that each quarter holds something small;
            ``[N, W, C, 0]`` where the network has not learned it.
        zoom_steps: ``[N, W, C, 4, 4]`` float32, where it lies; likewise.
        frames: ``[N, W, frames, 4]``, the last windows on the way that led there first,
            newest last.
        past: ``[N, W, H]``, the last actions on it.
        depth: see ``Looks``.
        parent: likewise.
        category: likewise.
        made: likewise, as ``moves``.
    """

    def __init__(
        self, store: SampleStore, network: Valuer, images: Tensor, windows: int, moves: int
    ) -> None:
        self._network = network
        self._device = network.device
        with torch.no_grad():
            self._views = network.encode(store.images[images].to(self._device))
        number, categories = len(images), len(store.categories)
        self.sizes = store.sizes[images]
        self.number = torch.zeros(number, dtype=torch.int64)
        self.boxes = torch.zeros(number, windows, 4, dtype=torch.float64)
        self.values = torch.full((number, windows, categories, network.num_actions), -torch.inf)
        self.presence = torch.ones(number, windows, categories)
        self.steps = torch.zeros(number, windows, categories, NUM_STEPS * network.learned_steps)
        quarters = QUARTERS * network.learned_zooms
        self.zooms = torch.zeros(number, windows, categories, quarters)
        self.zoom_steps = torch.zeros(number, windows, categories, quarters, NUM_STEPS)
        self.frames = torch.zeros(number, windows, network.frames, 4, dtype=torch.float64)
        self.past = torch.full((number, windows, network.action_history), -1)
        self.depth = torch.zeros(number, windows, dtype=torch.int64)
        self.parent = torch.full((number, windows), -1)
        self.category = torch.full((number, windows), -1)
        self.made = torch.full((number, windows, moves), -1)

    @property
    def room(self) -> Tensor:
        """``[N]`` bool: where a further window may be looked at."""
        return self.number < self.boxes.shape[1]

    def start(self, image: Tensor, starts: Tensor) -> tuple[Tensor, Tensor]:
        """Look through start windows, where they are new and there is room.

        Args:
            image: ``[S]`` int64.
            starts: ``[S, 4]`` float64, shares of the image's sides.

        Returns:
            Images ``[P]`` and windows ``[P]`` int64: those looked at.
        """
        boxes = starts * self.sizes[image].repeat(1, 2)
        fresh = self._overlaps(image, boxes).amax(dim=1) <= _SAME
        place = self.number[image] + _rank(image, fresh)
        fresh &= place < self.boxes.shape[1]
        new = (image[fresh], place[fresh])
        self.frames[new] = boxes[fresh][:, None]
        self.depth[new] = 1
        self._look(*new)
        return new

    def arrive(
        self,
        image: Tensor,
        window: Tensor,
        category: Tensor,
        frames: Tensor,
        past: Tensor,
        made: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Look through the windows that searches came to, where they are new.

        Args:
            image: ``[P]`` int64.
            window: ``[P]`` int64, from where they came.
            category: ``[P]`` int64, for which.
            frames: ``[P, frames, 4]``, their last windows, newest last.
            past: ``[P, H]``, their last actions.
            made: ``[P, M]``, see ``Looks.moves``.

        Returns:
            The window that each came to ``[P]`` int64, of those looked at; ``[P]`` bool,
            False where there is none: no looks were left, or another search of this
            round came there first.
        """
        boxes = frames[:, -1]
        most, same = self._overlaps(image, boxes).max(dim=1)
        # Another search of this round may have come to the same window first.
        together = (image[:, None] == image) & (iou(boxes[:, None], boxes[None]) > _SAME)
        together &= torch.ones_like(together).tril(-1)
        first = ~together.any(dim=1)
        fresh = (most <= _SAME) & first
        place = self.number[image] + _rank(image, fresh)
        fresh &= place < self.boxes.shape[1]
        new = (image[fresh], place[fresh])
        self.frames[new], self.past[new] = frames[fresh], past[fresh]
        self.depth[new] = self.depth[image[fresh], window[fresh]] + 1
        self.parent[new], self.category[new] = window[fresh], category[fresh]
        self.made[new] = made[fresh]
        self._look(*new)
        return torch.where(fresh, place, same), fresh | (most > _SAME)

    def _overlaps(self, image: Tensor, boxes: Tensor) -> Tensor:
        """``[P, W]``: IoU of windows ``[P, 4]`` with those looked at in their images."""
        known = first_windows(self.number[image], self.boxes.shape[1])
        return torch.where(known, iou(boxes[:, None], self.boxes[image]), 0.0)

    @torch.no_grad()
    def _look(self, image: Tensor, window: Tensor) -> None:
        """Value the newest frames of windows ``[P]`` for every category."""
        self.boxes[image, window] = self.frames[image, window, -1]
        self.number += torch.bincount(image, minlength=len(self.number))
        if len(image) == 0:
            return
        boxes = shares(self.frames[image, window], self.sizes[image])
        windows = Windows(image, boxes, self.past[image, window]).to(self._device)
        outputs = self._network.outputs(self._views, windows)
        self.values[image, window] = self._network.values_of(outputs).cpu()
        if self._network.presence:
            self.presence[image, window] = self._network.presence_of(outputs).cpu()
        if self._network.learned_steps:
            self.steps[image, window] = self._network.steps_of(outputs).cpu()
        if self._network.learned_zooms:
            odds, steps = self._network.zooms_of(outputs)
            self.zooms[image, window] = torch.sigmoid(odds).cpu()
            self.zoom_steps[image, window] = steps.cpu()


def _rank(image: Tensor, fresh: Tensor) -> Tensor:
    """``[P]`` int64: how many fresh windows of the same image come before each."""
    same = (image[:, None] == image) & fresh
    return (same & torch.ones_like(same).tril(-1)).sum(dim=1)
