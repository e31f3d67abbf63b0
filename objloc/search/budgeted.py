"""A search with a budget: all categories of an image share the windows visited.

A greedy episode follows one category from one window until it triggers. Here an image is
searched for everything at once, and each look serves all categories, because one pass of
the network values a window for all of them. A *search* is a pair of a window and a
category. The searches of highest priority continue first.

The shape letters are those of ``objloc.search.trace``.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from objloc.data.store import SampleStore
from objloc.network.value_range import TriggerRange
from objloc.network.valuer import Valuer
from objloc.params import Mdp, Search
from objloc.search.frontier import Frontier, Slots
from objloc.search.time_limit import check_time
from objloc.search.trace import SearchTasks, SearchTrace
from objloc.search.visits import Arrivals, Visits, Ways
from objloc.search.ways import WayFinder

BATCH = 64
"""Images searched at once, unless a caller says how many."""
_ROUNDS = 4
"""Rounds before the host asks which images are done."""
_WINDOWS = 32
"""Windows by which the part of the trace that is looked through grows."""


@dataclass(frozen=True)
class Searcher:
    """An agent that can search with a budget.

    Attributes:
        network: in evaluation mode.
        mdp: the decision process it was trained in.
        params: which windows it visits next.
    """

    network: Valuer
    mdp: Mdp
    params: Search

    @property
    def trigger_range(self) -> TriggerRange:
        """The range of the trigger's Q-values."""
        return TriggerRange.of(self.network.bounds, self.mdp)


def run_budgeted_search(
    store: SampleStore,
    searcher: Searcher,
    budget: int,
    tasks: SearchTasks | None = None,
    batch: int = BATCH,
    triggering: bool = True,
) -> Iterator[SearchTrace]:
    """Search images for several categories at once; yield the trace of each batch of images.

    Args:
        store: the images.
        searcher: the agent.
        budget: maximum number of windows visited in an image.
        tasks: the images and the categories searched for in each; None: all of both.
        batch: images at once.
        triggering: False: the agent makes its best move where it would trigger, until every
            budget is spent.
    """
    for part in (tasks or SearchTasks.every(store)).split(batch):
        search = BudgetedSearch(store, searcher, budget, part, triggering)
        search.start()
        yield search.run()


class BudgetedSearch:
    """The searches of a batch of images, side by side.

    In a round up to R searches of each image continue, and the network values all windows they
    come to at once. A round is a fixed number of operations on tensors of fixed shapes; the
    host asks the device what has come of it after several.

    Args: see ``run_budgeted_search``.
    """

    def __init__(
        self,
        store: SampleStore,
        searcher: Searcher,
        budget: int,
        tasks: SearchTasks,
        triggering: bool,
    ) -> None:
        self._params, self._triggering = searcher.params, triggering
        self._visits = Visits(
            store, searcher.network, tasks.images, budget, self._params.moves_per_look
        )
        self._ways = WayFinder(self._visits, searcher.mdp, self._params)
        starts = len(self._ways.starts)
        self._first = min(self._params.first_starts or starts, starts)
        self._frontier = Frontier(
            self._visits, self._params, searcher.trigger_range, tasks.searched, starts, self._first
        )

    def run(self) -> SearchTrace:
        """Visit windows until every budget is spent or no search is open; ``start`` first.

        Raises:
            ObjlocError: no time is left (``objloc.search.time_limit``).
        """
        visits, among = self._visits, self._first
        while len(visits.rows):
            most = int(visits.num_windows.max()) + _ROUNDS * self._params.searches_per_round
            limit = min(visits.spare, -(-most // _WINDOWS) * _WINDOWS)
            for _ in range(_ROUNDS):
                continues = self.round(among, limit)
                among = limit
            visits.rows = visits.rows[continues]
            check_time()
        return visits.trace()

    def start(self) -> None:
        """Look at the first start windows of all images."""
        number = torch.arange(self._first, device=self._visits.device)
        ways = self._ways.to_starts(number.expand(len(self._visits.rows), -1))
        group = torch.ones_like(ways.parent, dtype=torch.bool)
        arrivals = self._visits.visit([group], ways, self._visits.overlaps(ways.boxes, 1))
        window = torch.where(arrivals.fresh, arrivals.window, self._visits.spare)
        self._frontier.learn(window)
        self._frontier.open_starts(window)

    def round(self, among: int, limit: int) -> Tensor:
        """Continue the searches of highest priority in every image.

        Args:
            among: at least the number of windows that any image has visited.
            limit: V, at least the number of windows that any image has visited and visits in
                this round.

        Returns:
            ``[n]`` bool: the images in which a search continued. The others are done.
        """
        visits, frontier = self._visits, self._frontier
        slots = frontier.choose(among)
        steps = frontier.steps_first(slots)
        acting = slots.onward & ~steps
        choice = self._choose(slots, acting)
        ways = self._find_ways(slots, steps, choice.action)
        overlaps = visits.overlaps(ways.boxes, limit)
        zooming = slots.zoom & self._unseen(slots, overlaps)
        groups = [slots.start, zooming, steps, acting & choice.moves]
        arrivals = visits.visit(groups, ways, overlaps)
        self._update(slots, groups, choice, arrivals, limit)
        frontier.started[visits.rows] += slots.start.sum(dim=1)
        return (slots.start | slots.zoom | slots.onward).any(dim=1)

    def _choose(self, slots: Slots, acting: Tensor) -> "_Choice":
        """Choose the best action of each search, or the next best if it continued before."""
        at = (self._visits.rows[:, None], slots.window, slots.category)
        values = self._visits.q_values[at]
        before = torch.where(acting, self._frontier.branch[at], 0)
        last = values.shape[2] - 1
        trigger = acting & (values.argmax(dim=2) == last) & (before == 0) & self._triggering
        if self._params.beyond_triggers or not self._triggering:
            values[..., last] = -torch.inf
        order = values.argsort(dim=2, descending=True)
        action = order.gather(2, before[..., None])[..., 0]
        # A second try is for another way, not for a trigger.
        action = torch.where((action == last) & (before > 0), order[..., 0], action)
        tried = before + 1 >= min(self._params.branches, last)
        return _Choice(acting, action, action < last, trigger, before + 1, ~tried & (action < last))

    def _find_ways(self, slots: Slots, steps: Tensor, action: Tensor) -> Ways:
        """Find the way of each search."""
        number = self._frontier.started[self._visits.rows].clamp(max=len(self._ways.starts) - 1)
        to_starts = self._ways.to_starts(number[:, None].expand_as(slots.window))
        learned, acted = self._ways.by_learned_moves(slots), self._ways.by_actions(slots, action)
        onward = (
            torch.where(_wide(slots.zoom | steps, one), one, other)
            for one, other in zip(learned, acted, strict=True)
        )
        return Ways(
            *(
                torch.where(_wide(slots.start, one), one, other)
                for one, other in zip(to_starts, onward, strict=True)
            )
        )

    def _unseen(self, slots: Slots, overlaps: Tensor) -> Tensor:
        """``[n, R]`` bool: whether the category has been nowhere near that window.

        Args:
            slots: the searches of this round.
            overlaps: ``[n, R, V]``, of the windows they lead to.
        """
        mine = self._visits.category[:, : overlaps.shape[2]][self._visits.rows]
        near = torch.where(mine[:, None] == slots.category[..., None], overlaps, 0.0)
        return near.amax(dim=2) < self._params.zoom_inhibition

    def _update(
        self,
        slots: Slots,
        groups: Sequence[Tensor],
        choice: "_Choice",
        arrivals: Arrivals,
        limit: int,
    ) -> None:
        """Open and close searches where this round's have come to, group after group.

        A search that follows learned steps continues from the better window. So the agent
        triggers on no window before it has seen whether the object lies better in the next.

        Args:
            slots: the searches of this round.
            groups: ``[n, R]`` bool each: who went to start windows, by learned zooms, by
                learned steps and by actions.
            choice: what acting searches chose.
            arrivals: where all arrived.
            limit: V.
        """
        visits, frontier, spare = self._visits, self._frontier, self._visits.spare
        rows, category = visits.rows[:, None], slots.category
        start, zoom, steps, move = (each & arrivals.visited for each in groups)
        new = torch.where(arrivals.fresh, arrivals.window, spare)
        there = torch.where(arrivals.visited, arrivals.window, spare)

        def of(those: Tensor) -> tuple[Tensor, ...]:
            return rows, torch.where(those, slots.window, spare), category

        frontier.learn(new)
        frontier.open_starts(torch.where(start, new, spare).amin(dim=1, keepdim=True))
        if frontier.zoomed.shape[-1]:
            frontier.zoomed[(*of(slots.zoom), slots.part)] = True
        near = frontier.near(there, limit)
        inhibited = frontier.inhibited(near, category)
        frontier.open_searches(there, category, zoom, inhibited)
        values = visits.q_values[..., -1]
        better = steps & (values[rows, there, category] > values[rows, slots.window, category])
        frontier.stepped[of(groups[2])] = True
        frontier.open[of(better)] = False
        frontier.open_searches(there, category, better, inhibited)
        frontier.branch[of(choice.acting)] = choice.branch
        frontier.open[of(choice.acting)] = choice.stays_open
        frontier.trigger(slots, choice.trigger, arrivals.before, limit)
        frontier.open_searches(there, category, move, frontier.inhibited(near, category))
        frontier.update(torch.cat([slots.window, there], dim=1), category.repeat(1, 2))


class _Choice(NamedTuple):
    """Choices of the searches of a round.

    Attributes:
        acting: ``[n, R]`` bool, which of them chose; the others chose nothing.
        action: ``[n, R]`` int64.
        moves: ``[n, R]`` bool: the action is a move.
        trigger: ``[n, R]`` bool: the search triggers. It does before it moves.
        branch: ``[n, R]`` int64, how often it has chosen here.
        stays_open: ``[n, R]`` bool: it may choose again.
    """

    acting: Tensor
    action: Tensor
    moves: Tensor
    trigger: Tensor
    branch: Tensor
    stays_open: Tensor


def _wide(mask: Tensor, values: Tensor) -> Tensor:
    """A mask ``[n, R]`` with as many dimensions as values ``[n, R, ...]``."""
    return mask[(..., *[None] * (values.dim() - mask.dim()))]
