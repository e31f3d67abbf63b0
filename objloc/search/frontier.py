"""The frontier of a search with a budget: who may continue from where, and who comes first.

A search is a pair of a window and a category. It may continue *onward*, by an action or by
learned steps, or zoom into a quarter of its window. Priorities are kept, and changed where a
round changed something: most of them stay as they are.

The shape letters are those of ``objloc.search.trace``.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from objloc.box import iou
from objloc.network.value_range import TriggerRange
from objloc.params import Search
from objloc.search.visits import Visits


class Slots(NamedTuple):
    """The searches that continue in a round, up to R in each image, of highest priority first.

    A slot is of one kind or idle. One that continues no search has the spare window.

    Attributes:
        start: ``[n, R]`` bool: opens the next start window.
        zoom: ``[n, R]`` bool: zooms into a quarter.
        onward: ``[n, R]`` bool: goes on.
        window: ``[n, R]`` int64.
        category: ``[n, R]`` int64.
        part: ``[n, R]`` int64, the quarter; 0 where it does not zoom.
    """

    start: Tensor
    zoom: Tensor
    onward: Tensor
    window: Tensor
    category: Tensor
    part: Tensor


class Frontier:
    """The searches of N images, open and closed.

    Args:
        visits: the windows visited.
        params: the order of looking.
        values: range of the trigger's values.
        searched: ``[N, C]`` bool, the categories searched for.
        starts: number of start windows.
        first: number of those that are looked at before any search continues.
    """

    def __init__(
        self,
        visits: Visits,
        params: Search,
        values: TriggerRange,
        searched: Tensor,
        starts: int,
        first: int,
    ) -> None:
        self._visits, self._params, self._range = visits, params, values
        self._searched, self._num_starts = searched.to(visits.device), starts
        pairs, device = visits.presence.shape, visits.device
        quarters = 0 if params.learned_zooms is None else visits.zooms.shape[-1]
        # Whether a search may go onward from here, how often it has, and whether by learned steps.
        self.open = torch.zeros(pairs, dtype=torch.bool, device=device)
        self.branch = torch.zeros(pairs, dtype=torch.int64, device=device)
        self.stepped = torch.zeros(pairs, dtype=torch.bool, device=device)
        # Whether it has been here, and into which quarters it has zoomed.
        self.reached = torch.zeros(pairs, dtype=torch.bool, device=device)
        self.zoomed = torch.zeros(*pairs, quarters, dtype=torch.bool, device=device)
        # What it promises to go onward and to zoom, if it may; its priority, -inf if it may not.
        self._promise = torch.full((*pairs, 1 + quarters), -torch.inf, device=device)
        self._priority = self._promise.clone()
        self.started = torch.full(visits.num_windows.shape, first, device=device)
        self._every = torch.arange(pairs[2], device=device)

    def choose(self, among: int) -> Slots:
        """Choose the searches of highest priority in every image.

        Args:
            among: V, at least the number of windows visited in any image.
        """
        visits, rows = self._visits, self._visits.rows
        waiting = self.started[rows] < self._num_starts
        start = torch.where(waiting, self._params.start_promise, -torch.inf)
        ways = self._priority[:, :among].index_select(0, rows)
        candidates = torch.cat([ways.flatten(1), start[:, None]], dim=1)
        number = min(self._params.searches_per_round, candidates.shape[1])
        best, place = candidates.topk(number, dim=1)
        chosen = best.isfinite() & visits.budget_left[:, None]
        start = chosen & (place == candidates.shape[1] - 1)
        searching = chosen & ~start
        categories, ways_on = ways.shape[2:]
        part = place % ways_on - 1
        return Slots(
            start,
            searching & (part >= 0),
            searching & (part < 0),
            torch.where(searching, place // (categories * ways_on), visits.spare),
            place // ways_on % categories,
            part.clamp(min=0),
        )

    def steps_first(self, slots: Slots) -> Tensor:
        """``[n, R]`` bool: the searches that follow learned steps before anything else."""
        minimum = self._params.learned_steps
        if minimum is None or not self._visits.steps.shape[-1]:
            return torch.zeros_like(slots.onward)
        at = (self._visits.rows[:, None], slots.window, slots.category)
        likely = self._range.fraction(self._visits.q_values[at][..., -1]) >= minimum
        first: Tensor = slots.onward & likely & ~self.stepped[at]
        return first

    def open_starts(self, window: Tensor) -> None:
        """Open the searches of start windows ``[n, S]`` that promise enough."""
        rows, number = self._visits.rows[:, None], self._visits.rows.shape[0]
        searched = self._searched[rows]
        likely = self._visits.presence[rows, window] >= self._params.least_presence
        self.open[rows, window] = likely & searched
        self.reached[rows, window] = searched.expand_as(likely)
        slots = torch.arange(window.shape[1], device=window.device)
        pairs = torch.cartesian_prod(slots, self._every)
        self.update(window[:, pairs[:, 0]], pairs[:, 1].expand(number, -1))

    def near(self, window: Tensor, limit: int) -> Tensor:
        """``[n, R, V]`` bool: the visited windows beside windows ``[n, R]``: inhibition's reach.

        Args:
            window: numbers of the windows.
            limit: V.
        """
        visits, rows = self._visits, self._visits.rows
        boxes = visits.boxes[rows[:, None], window]
        return visits.overlaps(boxes, limit) > self._params.inhibition

    def inhibited(self, near: Tensor, category: Tensor) -> Tensor:
        """``[n, R]`` bool: an object of the category has been found near the window.

        Args:
            near: ``[n, R, V]``, see ``near``.
            category: ``[n, R]`` int64.
        """
        visits, rows = self._visits, self._visits.rows[:, None]
        found = visits.triggered[:, : near.shape[2]].transpose(1, 2)[rows, category] > 0
        return (found & near).any(dim=2)

    def open_searches(
        self, window: Tensor, category: Tensor, wanted: Tensor, inhibited: Tensor
    ) -> None:
        """Open the ``wanted`` searches that have never continued before.

        Not where an object of the category has been found already.

        Shapes: ``[n, R]`` each.
        """
        rows = self._visits.rows[:, None]
        wanted = wanted & (self.branch[rows, window, category] == 0)
        at = (rows, torch.where(wanted, window, self._visits.spare), category)
        self.open[at] = ~inhibited
        self.reached[at] = True

    def trigger(self, slots: Slots, trigger: Tensor, number: Tensor, limit: int) -> None:
        """Trigger; searches of the category near the found object end.

        Args:
            slots: the searches of this round.
            trigger: ``[n, R]`` bool, which of them trigger.
            number: ``[n]`` int64, the number of windows visited.
            limit: V.
        """
        visits, rows = self._visits, self._visits.rows[:, None]
        boxes = visits.boxes[rows, slots.window]
        beside = iou(boxes[:, :, None], boxes[:, None]) > self._params.inhibition
        same = slots.category[:, :, None] == slots.category[:, None]
        # So do those that would trigger beside one of higher priority in this round.
        earlier = (trigger[:, None] & same & beside).tril(-1)
        trigger = trigger & ~earlier.any(dim=2)
        at = torch.where(trigger, slots.window, visits.spare)
        visits.triggered[rows, at, slots.category] = number[:, None].expand_as(at)
        near = self.near(slots.window, limit) & trigger[..., None]
        windows = torch.where(near, torch.arange(limit, device=visits.device), visits.spare)
        closed = (rows[..., None], windows, slots.category[..., None])
        self.open[closed] = False
        self._priority[..., 0][closed] = -torch.inf

    def learn(self, window: Tensor) -> None:
        """Note what new windows ``[n, R]`` promise."""
        visits, params, rows = self._visits, self._params, self._visits.rows[:, None]
        onward = self._range.fraction(visits.q_values[..., -1][rows, window])
        promise = (onward + params.presence_weight * visits.presence[rows, window])[..., None]
        if params.learned_zooms is not None and visits.zooms.shape[-1]:
            chance = visits.zooms[rows, window]
            likely = chance >= params.least_presence
            zooms = torch.where(likely, params.learned_zooms * chance, -torch.inf)
            promise = torch.cat([promise, zooms], dim=-1)
        self._promise[rows, window] = promise

    def update(self, window: Tensor, category: Tensor) -> None:
        """Compute the priorities of some searches again.

        Args:
            window: ``[n, P]`` int64.
            category: ``[n, P]`` int64.
        """
        at = (self._visits.rows[:, None], window, category)
        promise = self._promise[at]
        onward = promise[..., :1] - self._params.branch_cost * self.branch[at][..., None]
        ways = torch.where(self.open[at][..., None], onward, -torch.inf)
        if self.zoomed.shape[-1]:
            may = self.reached[at][..., None] & ~self.zoomed[at]
            ways = torch.cat([ways, torch.where(may, promise[..., 1:], -torch.inf)], dim=-1)
        self._priority[at] = ways
