"""A search with a budget: all categories of an image share the windows visited.

A greedy episode follows one category from one window until it triggers. Here an image is
searched for everything at once, and each look serves all categories, because one pass of
the network values a window for all of them. A *search* is a pair of a window and a
category. The searches of highest priority continue first.

The shape letters are those of ``objloc.search.trace``.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from objloc.box import iou, quarter
from objloc.data.store import SampleStore
from objloc.mdp.action import Moves, axes_of, start_windows
from objloc.network.value_range import TriggerRange
from objloc.network.valuer import Valuer
from objloc.params import Mdp, Search
from objloc.search.time_limit import check_time
from objloc.search.trace import SearchTasks, SearchTrace, TraceBuilder

_STEPS, _ZOOM = 0, 1
"""Numbers of the learned moves after those of the actions; see ``SearchTrace.moves``."""


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
    batch: int = 64,
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
        yield BudgetedSearch(store, searcher, budget, part, triggering).run()


class BudgetedSearch:
    """The searches of a batch of images, side by side.

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
        self._range = searcher.trigger_range
        self._moves, self._axes = Moves(searcher.mdp), axes_of(searcher.mdp)
        self._searched = tasks.searched
        moves = self._params.moves_per_look
        self._trace = TraceBuilder(store, searcher.network, tasks.images, budget, moves)
        pairs = self._trace.presence.shape
        # Whether a search may continue from here, how often it has, and whether by learned steps.
        self._open = torch.zeros(pairs, dtype=torch.bool)
        self._branch = torch.zeros(pairs, dtype=torch.int64)
        self._stepped = torch.full(pairs, not searcher.network.learned_steps)
        # Whether it has been here, and into which quarters it has zoomed.
        self._reached = torch.zeros(pairs, dtype=torch.bool)
        parts = 0 if self._params.learned_zooms is None else self._trace.zooms.shape[-1]
        self._zoomed = torch.zeros(*pairs, parts, dtype=torch.bool)
        self._starts = start_windows(self._params.starts or searcher.mdp.starts)[:budget]
        first = min(self._params.first_starts or len(self._starts), len(self._starts))
        number = len(tasks.images)
        self._started = torch.full((number,), first)
        self._start(*torch.cartesian_prod(torch.arange(number), torch.arange(first)).T)

    def run(self) -> SearchTrace:
        """Visit windows until every budget is spent or no search is open.

        Raises:
            ObjlocError: no time is left (``objloc.search.time_limit``).
        """
        while self._continue():
            check_time()
        return self._trace.trace()

    def _start(self, image: Tensor, number: Tensor) -> None:
        """Visit the ``number``-th ``[P]`` start window of images ``[P]``."""
        if len(image) == 0:
            return
        new = self._trace.visit_starts(image, self._starts[number])
        likely = self._trace.presence[new] >= self._params.least_presence
        self._open[new] = likely & self._searched[new[0]]
        self._reached[new] = self._searched[new[0]]

    def _continue(self) -> bool:
        """Continue the searches of highest priority in every image; False if none is left."""
        priorities = self._priorities()
        rounds = min(self._params.searches_per_round, priorities.shape[1])
        best, place = priorities.topk(rounds, dim=1)
        chosen = best.isfinite() & self._trace.budget_left[:, None]
        if not chosen.any():
            return False
        image, place = chosen.nonzero()[:, 0], place[chosen]
        starts = place == priorities.shape[1] - 1
        self._start(image[starts], self._started[image[starts]])
        self._started[image[starts]] += 1
        image, place = image[~starts], place[~starts]
        categories, ways = self._open.shape[2], 1 + self._zoomed.shape[3]
        window, category = place // (categories * ways), place // ways % categories
        part = place % ways - 1
        zooms = part >= 0
        self._zoom(image[zooms], window[zooms], category[zooms], part[zooms])
        image, window, category = image[~zooms], window[~zooms], category[~zooms]
        steps = self._steps_first(image, window, category)
        self._follow_steps(image[steps], window[steps], category[steps])
        image, window, category = image[~steps], window[~steps], category[~steps]
        action, trigger = self._choose(image, window, category)
        self._trigger(image[trigger], window[trigger], category[trigger])
        moving = action < self._trace.q_values.shape[-1] - 1
        self._move(image[moving], window[moving], category[moving], action[moving])
        return True

    def _priorities(self) -> Tensor:
        """Priority of each candidate: ``[N, V * C * (1 + K) + 1]``.

        A candidate continues from one of the V visited windows (V of the image that has most)
        for a category, or zooms into a quarter of it. The last one opens the next start
        window. Closed candidates are -inf.
        """
        params, trace = self._params, self._trace
        # Windows not yet visited have no rank: early in a search that is most of them.
        visited = slice(int(trace.num_windows.max()))
        onward = (
            self._range.fraction(trace.q_values[:, visited, :, -1])
            + params.presence_weight * trace.presence[:, visited]
            - params.branch_cost * self._branch[:, visited]
        )
        ways = torch.where(self._open[:, visited], onward, -torch.inf)[..., None]
        if params.learned_zooms is not None and self._zoomed.shape[-1]:
            chance = trace.zooms[:, visited]
            open_ = self._reached[:, visited, :, None] & ~self._zoomed[:, visited]
            open_ &= chance >= params.least_presence
            zooms = torch.where(open_, params.learned_zooms * chance, -torch.inf)
            ways = torch.cat([ways, zooms], dim=-1)
        waiting = self._started < len(self._starts)
        start = torch.where(waiting, params.start_promise, -torch.inf)
        return torch.cat([ways.flatten(1), start[:, None]], dim=1)

    def _zoom(self, image: Tensor, window: Tensor, category: Tensor, part: Tensor) -> None:
        """Visit the windows of learned zooms, unless the category has been there already."""
        if len(image) == 0:
            return
        self._zoomed[image, window, category, part] = True
        steps = self._trace.zoom_steps[image, window, category, part].double()
        here, sizes = self._trace.boxes[image, window], self._trace.sizes[image]
        boxes = self._moves.by(quarter(here, part), sizes, steps)
        known = self._trace.category[image] == category[:, None]
        near = torch.where(known, iou(boxes[:, None], self._trace.boxes[image]), 0.0)
        new = near.amax(dim=1) < self._params.zoom_inhibition
        image, window, category, boxes = image[new], window[new], category[new], boxes[new]
        if len(image) == 0:
            return
        there, visited = self._visit_learned(image, window, category, boxes, _ZOOM)
        self._open_searches(image, there, category, visited)

    def _steps_first(self, image: Tensor, window: Tensor, category: Tensor) -> Tensor:
        """``[P]`` bool: the searches that follow learned steps before anything else."""
        minimum = self._params.learned_steps
        if minimum is None:
            return torch.zeros_like(image, dtype=torch.bool)
        values = self._trace.q_values[image, window, category, -1]
        likely = self._range.fraction(values) >= minimum
        return likely & ~self._stepped[image, window, category]

    def _follow_steps(self, image: Tensor, window: Tensor, category: Tensor) -> None:
        """Visit the windows of learned steps; searches continue from the better window.

        So the agent triggers on no window before it has seen whether the object lies better
        in the next.
        """
        if len(image) == 0:
            return
        self._stepped[image, window, category] = True
        steps = self._trace.steps[image, window, category].double()
        here, sizes = self._trace.boxes[image, window], self._trace.sizes[image]
        boxes = self._moves.by(here, sizes, steps)
        there, visited = self._visit_learned(image, window, category, boxes, _STEPS)
        values = self._trace.q_values[..., -1]
        better = visited & (values[image, there, category] > values[image, window, category])
        self._open[image[better], window[better], category[better]] = False
        self._open_searches(image, there, category, better)

    def _visit_learned(
        self, image: Tensor, window: Tensor, category: Tensor, boxes: Tensor, move: int
    ) -> tuple[Tensor, Tensor]:
        """Visit the windows ``[P, 4]`` of a learned move; see ``TraceBuilder.visit``.

        Args:
            image: ``[P]`` int64.
            window: ``[P]`` int64, where the move begins.
            category: ``[P]`` int64.
            boxes: where it leads.
            move: its number after those of the actions.
        """
        moves = torch.full((len(image), self._params.moves_per_look), -1)
        moves[:, 0] = self._trace.q_values.shape[-1] + move
        frames = _append(self._trace.frames[image, window], boxes)
        past = self._trace.past[image, window]
        return self._trace.visit(image, window, category, frames, past, moves)

    def _choose(self, image: Tensor, window: Tensor, category: Tensor) -> tuple[Tensor, Tensor]:
        """Choose the best action of each search, or the next best if it continued before.

        Returns:
            Actions ``[P]``; ``[P]`` bool, whether the search triggers. It triggers before it
            moves if the action is a move.
        """
        values = self._trace.q_values[image, window, category]
        before = self._branch[image, window, category]
        last = values.shape[1] - 1
        trigger = (values.argmax(dim=1) == last) & (before == 0) & self._triggering
        if self._params.beyond_triggers or not self._triggering:
            values[:, last] = -torch.inf
        order = values.argsort(dim=1, descending=True)
        action = order.gather(1, before[:, None])[:, 0]
        # A second try is for another way, not for a trigger.
        action = torch.where((action == last) & (before > 0), order[:, 0], action)
        self._branch[image, window, category] += 1
        tried = before + 1 >= min(self._params.branches, last)
        self._open[image, window, category] = ~tried & (action != last)
        return action, trigger

    def _trigger(self, image: Tensor, window: Tensor, category: Tensor) -> None:
        """Trigger; searches of the category near the found object end."""
        # So do those that would trigger beside one of higher priority in this round.
        boxes = self._trace.boxes[image, window]
        beside = iou(boxes[:, None], boxes)
        same = (image[:, None] == image) & (category[:, None] == category)
        later = torch.ones_like(same).tril(-1)
        alone = ~(same & later & (beside > self._params.inhibition)).any(dim=1)
        image, window, category = image[alone], window[alone], category[alone]
        self._trace.trigger(image, window, category)
        overlap = iou(self._trace.boxes[image, window][:, None], self._trace.boxes[image])
        near = (overlap > self._params.inhibition).nonzero(as_tuple=True)
        self._open[image[near[0]], near[1], category[near[0]]] = False

    def _move(self, image: Tensor, window: Tensor, category: Tensor, action: Tensor) -> None:
        """Move windows and visit those that are new."""
        frames, past, moves = self._destination(image, window, category, action)
        there, visited = self._trace.visit(image, window, category, frames, past, moves)
        self._open_searches(image, there, category, visited)

    def _open_searches(
        self, image: Tensor, window: Tensor, category: Tensor, wanted: Tensor
    ) -> None:
        """Open the ``wanted`` ``[P]`` bool searches that have never continued before.

        Not where an object of the category has been found already.
        """
        wanted = wanted & (self._branch[image, window, category] == 0)
        image, window, category = image[wanted], window[wanted], category[wanted]
        found = self._trace.triggered[image, :, category] > 0
        overlap = iou(self._trace.boxes[image, window][:, None], self._trace.boxes[image])
        inhibited = (found & (overlap > self._params.inhibition)).any(dim=1)
        self._open[image, window, category] = ~inhibited
        self._reached[image, window, category] = True

    def _destination(
        self, image: Tensor, window: Tensor, category: Tensor, action: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Make a move and the others that are sure to help.

        A look costs most of a step. After one look the agent also makes the best move along
        each other axis, if its value is above zero: x, y, size and shape hardly depend on
        each other.

        Returns:
            The last windows ``[P, F, 4]`` and the last actions ``[P, H]`` of each search,
            newest last; the moves made ``[P, M]``, see ``SearchTrace.moves``.
        """
        sizes = self._trace.sizes[image]
        frames, past = self._trace.frames[image, window], self._trace.past[image, window]
        boxes = self._moves.apply(frames[:, -1], sizes, action)
        frames, past = _append(frames, boxes), _append(past, action)
        moves = torch.full((len(image), self._params.moves_per_look), -1)
        moves[:, 0] = action
        if not self._params.moves_per_look > 1:
            return frames, past, moves
        values = self._trace.q_values[image, window, category][:, :-1]
        cut = self._axes < 0
        done = torch.zeros(len(image), 4, dtype=torch.bool)
        axis = self._axes[action]
        done[axis < 0] = True  # after a zoom the other values are of another window
        done[(axis >= 0).nonzero()[:, 0], axis[axis >= 0]] = True
        for number in range(1, self._params.moves_per_look):
            barred = done[:, self._axes.clamp(min=0)] | cut
            best, move = torch.where(barred, -torch.inf, values).max(dim=1)
            helps = best > 0
            boxes = self._moves.apply(frames[:, -1], sizes, move)
            frames = torch.where(helps[:, None, None], _append(frames, boxes), frames)
            past = torch.where(helps[:, None], _append(past, move), past)
            moves[helps, number] = move[helps]
            done[torch.arange(len(done)), self._axes[move].clamp(min=0)] = True
        return frames, past, moves


def _append(series: Tensor, newest: Tensor) -> Tensor:
    """A window's memory ``[P, L, ...]`` with one more at its end; the oldest goes."""
    return torch.cat([series, newest[:, None]], dim=1)[:, 1:]
