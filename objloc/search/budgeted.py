"""A search with a budget: all categories of an image share its looks.

A greedy episode follows one category from one window until it triggers. Here an
image is searched for everything at once, and every look serves all categories: the
network values a window for all of them in one pass. Searches are pairs of a window
and a category; those that promise most go on first.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from objloc.box import iou, quarter
from objloc.data.store import SampleStore
from objloc.mdp.action import Moves, axes_of, start_windows
from objloc.network.value_range import TriggerRange
from objloc.network.valuer import Valuer
from objloc.params import Mdp, Search
from objloc.search.trace import Looks, Tasks
from objloc.search.visited import Visited

_STEPS, _ZOOM = 0, 1
"""Numbers of learned moves behind those of the actions; see ``Looks.moves``."""


def search(
    store: SampleStore,
    network: Valuer,
    mdp: Mdp,
    params: Search,
    max_windows: int,
    batch: int = 64,
    tasks: Tasks | None = None,
    triggering: bool = True,
) -> Iterator[Looks]:
    """Search images for several categories at once; yields the looks of a batch of images.

    Args:
        store: the images.
        network: in evaluation mode.
        mdp: the decision process it was trained in.
        params: what is looked at next.
        max_windows: looks in each image.
        batch: images at once.
        tasks: which images, and what is searched for in each; None: everything in
            all of them.
        triggering: False: the agent goes on by its best move where it would trigger,
            until every budget is spent.
    """
    tasks = tasks or Tasks.every(store)
    for part in torch.split(torch.arange(len(tasks.images)), batch):
        mine = Tasks(tasks.images[part], tasks.searched[part])
        yield _Frontier(store, network, mdp, params, max_windows, mine, triggering).run()


class _Frontier:
    """The searches of a batch of images, side by side."""

    def __init__(
        self,
        store: SampleStore,
        network: Valuer,
        mdp: Mdp,
        params: Search,
        max_windows: int,
        tasks: Tasks,
        triggering: bool,
    ) -> None:
        self._params, self._triggering = params, triggering
        self._range = TriggerRange.of(network.bounds, mdp)
        self._moves, self._axes = Moves(mdp), axes_of(mdp)
        self._searched = tasks.searched
        self._visited = Visited(store, network, tasks.images, max_windows, params.moves_per_look)
        pairs = self._visited.presence.shape
        self._triggered = torch.zeros(pairs, dtype=torch.int64)
        # A search may go on from here, has so many times, and has by learned steps.
        self._open = torch.zeros(pairs, dtype=torch.bool)
        self._branch = torch.zeros(pairs, dtype=torch.int64)
        self._stepped = torch.full(pairs, not network.learned_steps)
        # It has been here, and has zoomed into these quarters.
        self._reached = torch.zeros(pairs, dtype=torch.bool)
        parts = 0 if params.learned_zooms is None else self._visited.zooms.shape[-1]
        self._zoomed = torch.zeros(*pairs, parts, dtype=torch.bool)
        self._starts = start_windows(params.starts or mdp.starts)[:max_windows]
        first = min(params.first_starts or len(self._starts), len(self._starts))
        self._started = torch.full((len(tasks.images),), first)
        self._start(*torch.cartesian_prod(torch.arange(len(tasks.images)), torch.arange(first)).T)

    def run(self) -> Looks:
        """Look until every budget is spent or nothing promises anything."""
        while self._step():
            pass
        visited = self._visited
        return Looks(
            visited.boxes,
            visited.number,
            visited.values[..., -1],
            visited.values,
            self._triggered,
            visited.depth,
            visited.parent,
            visited.category,
            visited.made,
        )

    def _start(self, image: Tensor, number: Tensor) -> None:
        """Look through start windows: of images ``[P]``, the ``number``-th ``[P]`` of each."""
        if len(image) == 0:
            return
        new = self._visited.start(image, self._starts[number])
        likely = self._visited.presence[new] >= self._params.least_presence
        self._open[new] = likely & self._searched[new[0]]
        self._reached[new] = self._searched[new[0]]

    def _step(self) -> bool:
        """Go on with what promises most in every image; False at the end."""
        promise = self._promises()
        best, place = promise.topk(min(self._params.searches_per_round, promise.shape[1]), dim=1)
        going = best.isfinite() & self._visited.room[:, None]
        if not going.any():
            return False
        image, place = going.nonzero()[:, 0], place[going]
        starts = place == promise.shape[1] - 1
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
        self._go_by_steps(image[steps], window[steps], category[steps])
        image, window, category = image[~steps], window[~steps], category[~steps]
        action, trigger = self._choose(image, window, category)
        self._pull(image[trigger], window[trigger], category[trigger])
        moving = action < self._visited.values.shape[-1] - 1
        self._move(image[moving], window[moving], category[moving], action[moving])
        return True

    def _promises(self) -> Tensor:
        """What searches, their zooms and at last the next start window promise: ``[N, K]``.

        The former are the windows looked at (of the image that has most) by C categories by
        ``1 + quarters`` ways to go on. What is closed promises minus infinity.
        """
        params, visited = self._params, self._visited
        # Of windows to come nothing is ranked: on the way there most are to come.
        seen = slice(int(visited.number.max()))
        onward = (
            self._range.fraction(visited.values[:, seen, :, -1])
            + params.presence_weight * visited.presence[:, seen]
            - params.branch_cost * self._branch[:, seen]
        )
        ways = torch.where(self._open[:, seen], onward, -torch.inf)[..., None]
        if params.learned_zooms is not None and self._zoomed.shape[-1]:
            chance = visited.zooms[:, seen]
            open_ = self._reached[:, seen, :, None] & ~self._zoomed[:, seen]
            open_ &= chance >= params.least_presence
            zooms = torch.where(open_, params.learned_zooms * chance, -torch.inf)
            ways = torch.cat([ways, zooms], dim=-1)
        waiting = self._started < len(self._starts)
        start = torch.where(waiting, params.start_promise, -torch.inf)
        return torch.cat([ways.flatten(1), start[:, None]], dim=1)

    def _zoom(self, image: Tensor, window: Tensor, category: Tensor, part: Tensor) -> None:
        """Look where learned zooms lead, unless the category was looked for there already."""
        if len(image) == 0:
            return
        self._zoomed[image, window, category, part] = True
        steps = self._visited.zoom_steps[image, window, category, part].double()
        here, sizes = self._visited.boxes[image, window], self._visited.sizes[image]
        boxes = self._moves.by(quarter(here, part), sizes, steps)
        known = self._visited.category[image] == category[:, None]
        near = torch.where(known, iou(boxes[:, None], self._visited.boxes[image]), 0.0)
        new = near.amax(dim=1) < self._params.zoom_inhibition
        image, window, category, boxes = image[new], window[new], category[new], boxes[new]
        if len(image) == 0:
            return
        there, seen = self._arrive(image, window, category, boxes, _ZOOM)
        self._go_on(image, there, category, seen)

    def _steps_first(self, image: Tensor, window: Tensor, category: Tensor) -> Tensor:
        """``[P]`` bool: which searches go on by learned steps before anything else."""
        least = self._params.learned_steps
        if least is None:
            return torch.zeros_like(image, dtype=torch.bool)
        values = self._visited.values[image, window, category, -1]
        likely = self._range.fraction(values) >= least
        return likely & ~self._stepped[image, window, category]

    def _go_by_steps(self, image: Tensor, window: Tensor, category: Tensor) -> None:
        """Look where learned steps lead; searches go on from the better of both windows.

        So nothing is triggered on before the agent has seen whether it lies better there.
        """
        if len(image) == 0:
            return
        self._stepped[image, window, category] = True
        steps = self._visited.steps[image, window, category].double()
        here, sizes = self._visited.boxes[image, window], self._visited.sizes[image]
        boxes = self._moves.by(here, sizes, steps)
        there, seen = self._arrive(image, window, category, boxes, _STEPS)
        values = self._visited.values[..., -1]
        better = seen & (values[image, there, category] > values[image, window, category])
        self._open[image[better], window[better], category[better]] = False
        self._go_on(image, there, category, better)

    def _arrive(
        self, image: Tensor, window: Tensor, category: Tensor, boxes: Tensor, way: int
    ) -> tuple[Tensor, Tensor]:
        """Come to windows ``[P, 4]`` by learned moves; see ``Visited.arrive``.

        Args:
            image: ``[P]`` int64.
            window: ``[P]`` int64, from where.
            category: ``[P]`` int64.
            boxes: where to.
            way: the move's number behind those of the actions.
        """
        made = torch.full((len(image), self._params.moves_per_look), -1)
        made[:, 0] = self._visited.values.shape[-1] + way
        frames = _with(self._visited.frames[image, window], boxes)
        past = self._visited.past[image, window]
        return self._visited.arrive(image, window, category, frames, past, made)

    def _choose(self, image: Tensor, window: Tensor, category: Tensor) -> tuple[Tensor, Tensor]:
        """The best action of each search; of one that went on before, the next best.

        Returns:
            Actions ``[P]``; whether the search triggers, before it moves if the action is
            a move.
        """
        values = self._visited.values[image, window, category]
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

    def _pull(self, image: Tensor, window: Tensor, category: Tensor) -> None:
        """Trigger; searches of the category near the found object end there."""
        # So do those that would trigger beside a more promising one in this round.
        boxes = self._visited.boxes[image, window]
        beside = iou(boxes[:, None], boxes)
        same = (image[:, None] == image) & (category[:, None] == category)
        later = torch.ones_like(same).tril(-1)
        alone = ~(same & later & (beside > self._params.inhibition)).any(dim=1)
        image, window, category = image[alone], window[alone], category[alone]
        self._triggered[image, window, category] = self._visited.number[image]
        overlap = iou(self._visited.boxes[image, window][:, None], self._visited.boxes[image])
        near = (overlap > self._params.inhibition).nonzero(as_tuple=True)
        self._open[image[near[0]], near[1], category[near[0]]] = False

    def _move(self, image: Tensor, window: Tensor, category: Tensor, action: Tensor) -> None:
        """Move windows and look through those that are new."""
        way = self._way(image, window, category, action)
        there, seen = self._visited.arrive(image, window, category, *way)
        self._go_on(image, there, category, seen)

    def _go_on(self, image: Tensor, window: Tensor, category: Tensor, wanted: Tensor) -> None:
        """Open those of some searches that are ``wanted`` ``[P]`` bool and went on never before.

        But not where an object of the category was found already.
        """
        wanted = wanted & (self._branch[image, window, category] == 0)
        image, window, category = image[wanted], window[wanted], category[wanted]
        found = self._triggered[image, :, category] > 0
        overlap = iou(self._visited.boxes[image, window][:, None], self._visited.boxes[image])
        inhibited = (found & (overlap > self._params.inhibition)).any(dim=1)
        self._open[image, window, category] = ~inhibited
        self._reached[image, window, category] = True

    def _way(
        self, image: Tensor, window: Tensor, category: Tensor, action: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Where a move, and what else is sure to help, leads.

        A look costs most of a step. Having looked once, the agent also makes the best
        move along each other axis, if it values it above zero: x, y, size and shape
        hardly depend on each other.

        Returns:
            The last windows ``[P, frames, 4]`` and the last actions ``[P, H]`` of each
            search, newest last; the moves made, see ``Looks.moves``.
        """
        sizes = self._visited.sizes[image]
        frames, past = self._visited.frames[image, window], self._visited.past[image, window]
        boxes = self._moves.apply(frames[:, -1], sizes, action)
        frames, past = _with(frames, boxes), _with(past, action)
        made = torch.full((len(image), self._params.moves_per_look), -1)
        made[:, 0] = action
        if not self._params.moves_per_look > 1:
            return frames, past, made
        values = self._visited.values[image, window, category][:, :-1]
        cut = self._axes < 0
        done = torch.zeros(len(image), 4, dtype=torch.bool)
        axis = self._axes[action]
        done[axis < 0] = True  # after a zoom the other values are of another window
        done[(axis >= 0).nonzero()[:, 0], axis[axis >= 0]] = True
        for number in range(1, self._params.moves_per_look):
            barred = done[:, self._axes.clamp(min=0)] | cut
            best, move = torch.where(barred, -torch.inf, values).max(dim=1)
            going = best > 0
            boxes = self._moves.apply(frames[:, -1], sizes, move)
            frames = torch.where(going[:, None, None], _with(frames, boxes), frames)
            past = torch.where(going[:, None], _with(past, move), past)
            made[going, number] = move[going]
            done[torch.arange(len(done)), self._axes[move].clamp(min=0)] = True
        return frames, past, made


def _with(series: Tensor, newest: Tensor) -> Tensor:
    """A window's memory ``[P, L, ...]`` after one more: the oldest goes."""
    return torch.cat([series, newest[:, None]], dim=1)[:, 1:]
