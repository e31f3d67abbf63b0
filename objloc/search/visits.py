"""The windows visited in a batch of images while their search goes on.

All of it lies on the network's device, in tensors whose shapes do not depend on what the search
finds: the host need not wait for the device to go on. Every tensor has one window more than the
budget, the *spare* one: what a search that is idle in a round would write goes there.

The shape letters are those of ``objloc.search.trace``.
"""

from collections.abc import Sequence
from dataclasses import fields
from typing import NamedTuple

import torch
from torch import Tensor

from objloc.box import iou
from objloc.data.store import SampleStore
from objloc.network.device import stalls
from objloc.network.valuer import NUM_STEPS, QUARTERS, Valuer
from objloc.network.windows import Windows
from objloc.search.policy import shares
from objloc.search.trace import SearchTrace

_SAME = 0.9
"""Windows that overlap by a higher IoU are one: a search that reaches the second continues
from the first."""


class Ways(NamedTuple):
    """Where searches lead, and how.

    Attributes:
        frames: ``[n, R, F, 4]`` float64 pixels, the last windows of each, newest last.
        past: ``[n, R, H]`` int64, the last actions of each.
        moves: ``[n, R, M]`` int64, see ``SearchTrace.moves``.
        parent: ``[n, R]`` int64, the window where the way begins; -1 for none.
        category: ``[n, R]`` int64, for which it is gone; -1 for none.
    """

    frames: Tensor
    past: Tensor
    moves: Tensor
    parent: Tensor
    category: Tensor

    @property
    def boxes(self) -> Tensor:
        """``[n, R, 4]`` float64 pixels, where they lead."""
        return self.frames[:, :, -1]


class Arrivals(NamedTuple):
    """Where searches have arrived.

    Attributes:
        fresh: ``[n, R]`` bool, at a window that nobody has visited before.
        visited: ``[n, R]`` bool, at a visited window, fresh ones included; not if the budget is
            spent or another search of the group came there first.
        window: ``[n, R]`` int64, its number where visited.
        before: ``[n]`` int64, windows visited before the last group.
    """

    fresh: Tensor
    visited: Tensor
    window: Tensor
    before: Tensor


class Visits:
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
        device: that of all tensors.
        spare: the number of the spare window.
        rows: ``[n]`` int64, the images still searched, among the N.
        sizes: ``[N, 2]`` float64, width and height of the images in pixels.
        num_windows, boxes, q_values, triggered, depth, parent, category, moves: see
            ``SearchTrace``, with the spare window.
        presence: ``[N, W + 1, C]`` float32, probability that the window holds an object of the
            category; 1 where the network has not learned it.
        steps: ``[N, W + 1, C, 4]`` float32, the learned steps; ``[N, W + 1, C, 0]`` where the
            network has not learned any.
        zooms: ``[N, W + 1, C, K]`` float32, probability that a quarter holds a small object.
        zoom_steps: ``[N, W + 1, C, K, 4]`` float32, where in the quarter it lies.
        frames: ``[N, W + 1, F, 4]`` float64 pixels, the last windows on the way there, newest
            last.
        past: ``[N, W + 1, H]`` int64, the last actions on the way there, newest last.
    """

    def __init__(
        self, store: SampleStore, network: Valuer, images: Tensor, budget: int, moves: int
    ) -> None:
        self._network = network
        self.device = device = network.device
        with torch.no_grad():
            self._views = network.encode(store.images[images].to(device))
        self.sizes = store.sizes[images].to(device)
        self.spare = budget
        self.rows = torch.arange(len(images), device=device)
        windows = (len(images), budget + 1)
        pairs = (*windows, len(store.categories))
        exact = torch.float64
        self.num_windows = torch.zeros(len(images), dtype=torch.int64, device=device)
        self.boxes = torch.zeros(*windows, 4, dtype=exact, device=device)
        self.q_values = torch.full((*pairs, network.num_actions), -torch.inf, device=device)
        self.triggered = torch.zeros(pairs, dtype=torch.int64, device=device)
        self.depth = torch.zeros(windows, dtype=torch.int64, device=device)
        self.parent = torch.full(windows, -1, device=device)
        self.category = torch.full(windows, -1, device=device)
        self.moves = torch.full((*windows, moves), -1, device=device)
        self.presence = torch.ones(pairs, device=device)
        self.steps = torch.zeros(*pairs, NUM_STEPS * network.learned_steps, device=device)
        quarters = QUARTERS * network.learned_zooms
        self.zooms = torch.zeros(*pairs, quarters, device=device)
        self.zoom_steps = torch.zeros(*pairs, quarters, NUM_STEPS, device=device)
        self.frames = torch.zeros(*windows, network.frames, 4, dtype=exact, device=device)
        self.past = torch.full((*windows, network.action_history), -1, device=device)

    def trace(self) -> SearchTrace:
        """The trace so far, on the CPU."""
        found = {
            each.name: getattr(self, each.name)[:, : self.spare].cpu()
            for each in fields(SearchTrace)
            if each.name != "num_windows"
        }
        return SearchTrace(num_windows=self.num_windows.cpu(), **found)

    @property
    def budget_left(self) -> Tensor:
        """``[n]`` bool: the images in which another window may be visited."""
        left: Tensor = self.num_windows[self.rows] < self.spare
        return left

    def overlaps(self, boxes: Tensor, limit: int) -> Tensor:
        """``[n, R, V]``: IoU of windows ``[n, R, 4]`` with the visited ones of their images.

        Args:
            boxes: the windows.
            limit: V, at least the number of windows visited in any of the images.
        """
        known = torch.arange(limit, device=self.device) < self.num_windows[self.rows, None]
        beside = iou(boxes[:, :, None], self.boxes[:, :limit][self.rows][:, None])
        return torch.where(known[:, None], beside, 0.0)

    def visit(self, groups: Sequence[Tensor], ways: Ways, overlaps: Tensor) -> Arrivals:
        """Visit the windows that ways lead to, where they are new, group after group.

        Args:
            groups: searches that go together, ``[n, R]`` bool each. Those of the first group do
                not ask whether another of it is beside them: start windows are all looked at.
            ways: the ways of all.
            overlaps: IoU of the windows there, see ``overlaps``.
        """
        arrivals = self._places(groups, ways.boxes, overlaps)
        rows, at = self.rows[:, None], torch.where(arrivals.fresh, arrivals.window, self.spare)
        self.depth[rows, at] = torch.where(
            ways.parent < 0, 1, self.depth[rows, ways.parent.clamp(min=0)] + 1
        )
        self.frames[rows, at], self.past[rows, at] = ways.frames, ways.past
        self.boxes[rows, at], self.moves[rows, at] = ways.boxes, ways.moves
        self.parent[rows, at], self.category[rows, at] = ways.parent, ways.category
        self.num_windows[self.rows] += arrivals.fresh.sum(dim=1)
        self._look(at, arrivals.fresh)
        return arrivals

    def _places(self, groups: Sequence[Tensor], boxes: Tensor, overlaps: Tensor) -> Arrivals:
        """The window of each that goes: one that is there already, or the next free one."""
        most, same = overlaps.max(dim=2)
        beside = iou(boxes[:, :, None], boxes[:, None])
        earlier = torch.ones_like(beside[0], dtype=torch.bool).tril(-1)
        number = before = self.num_windows[self.rows]
        fresh = visited = torch.zeros_like(groups[0])
        window = torch.full_like(same, self.spare)
        for order, group in enumerate(groups):
            before, new = number, group
            if order:
                # The group before has come to windows, too.
                there = torch.where(fresh[:, None], beside, 0.0)
                closest, other = there.max(dim=2)
                same = torch.where(closest > most, window.gather(1, other), same)
                most = torch.maximum(most, closest)
                # Another of this group may have come to the same window first.
                twin = group[:, None] & earlier & (beside > _SAME)
                new = new & ~twin.any(dim=2)
            new = new & (most <= _SAME)
            place = number[:, None] + new.cumsum(dim=1) - 1
            new = new & (place < self.spare)
            window = torch.where(group, torch.where(new, place, same), window)
            visited = visited | new | (group & (most > _SAME))
            fresh = fresh | new
            number = number + new.sum(dim=1)
        return Arrivals(fresh, visited, window, before)

    @torch.no_grad()
    def _look(self, at: Tensor, fresh: Tensor) -> None:
        """Value the windows at ``[n, R]`` for every category, where they are fresh."""
        image = self.rows[:, None].expand_as(at).flatten()
        at = at.flatten()
        if not stalls(self.device):
            image, at = image[fresh.flatten()], at[fresh.flatten()]
            if len(at) == 0:
                return
        boxes = shares(self.frames[image, at], self.sizes[image])
        windows = Windows(image, boxes, self.past[image, at])
        outputs = self._network.outputs(self._views, windows)
        self.q_values[image, at] = self._network.values_of(outputs)
        if self._network.presence:
            self.presence[image, at] = self._network.presence_of(outputs)
        if self._network.learned_steps:
            self.steps[image, at] = self._network.steps_of(outputs)
        if self._network.learned_zooms:
            odds, steps = self._network.zooms_of(outputs)
            self.zooms[image, at], self.zoom_steps[image, at] = torch.sigmoid(odds), steps
