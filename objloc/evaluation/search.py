"""A search with a budget: all categories of an image share its looks.

A greedy episode follows one category from one window until it triggers. Here an
image is searched for everything at once, and every look serves all categories: the
network values a window for all of them in one pass. Searches are pairs of a window
and a category; those that promise most go on first.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from objloc.agent.network import NUM_STEPS, QNetwork
from objloc.agent.policy import shares
from objloc.box import iou
from objloc.evaluation.looks import Looks, Tasks, first_windows
from objloc.mdp.action import Moves, axes_of, start_windows
from objloc.params import Mdp, Search
from objloc.voc.store import SampleStore

_SAME = 0.9
"""Windows that overlap by a higher IoU are one: a search that comes to the second
goes on from the first."""


def search(
    store: SampleStore,
    network: QNetwork,
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


def trigger_share(values: Tensor, network: QNetwork, mdp: Mdp) -> Tensor:
    """Trigger values as shares of their range, from the least that can be to the greatest.

    With discount 0 it is the chance that the trigger would be right.
    """
    least, greatest = trigger_range(network, mdp)
    return (values - least) / (greatest - least)


def trigger_range(network: QNetwork, mdp: Mdp) -> tuple[float, float]:
    """The least and the greatest value that a trigger can have."""
    if network.bounds is None:
        return -mdp.trigger_cost, mdp.trigger_reward
    least, greatest = network.bounds[:, -1].tolist()
    return least, greatest


class _Frontier:
    """The searches of a batch of images, side by side."""

    def __init__(
        self,
        store: SampleStore,
        network: QNetwork,
        mdp: Mdp,
        params: Search,
        max_windows: int,
        tasks: Tasks,
        triggering: bool,
    ) -> None:
        self._network, self._mdp, self._params = network, mdp, params
        self._triggering = triggering
        images, self._searched = tasks.images, tasks.searched
        self._device = network.values.weight.device
        self._moves, self._axes = Moves(mdp), axes_of(mdp)
        self._sizes = store.sizes[images]
        with torch.no_grad():
            self._views = network.encode(store.images[images].to(self._device))
        number, windows = len(images), max_windows
        categories, actions = len(store.categories), network.num_actions
        self._boxes = torch.zeros(number, windows, 4, dtype=torch.float64)
        self._values = torch.full((number, windows, categories, actions), -torch.inf)
        self._presence = torch.ones(number, windows, categories)
        # How far each search should go by what the agent has learned, and whether it has.
        self._by_steps = network.learned_steps and params.learned_steps is not None
        self._steps = torch.zeros(number, windows, categories, NUM_STEPS * self._by_steps)
        self._stepped = torch.full((number, windows, categories), not self._by_steps)
        self._number = torch.zeros(number, dtype=torch.int64)
        self._triggered = torch.zeros(number, windows, categories, dtype=torch.int64)
        self._depth = torch.zeros(number, windows, dtype=torch.int64)
        self._parent = torch.full((number, windows), -1)
        self._category = torch.full((number, windows), -1)
        self._made = torch.full((number, windows, params.moves_per_look), -1)
        # A search may go on from here, and has so many times.
        self._open = torch.zeros(number, windows, categories, dtype=torch.bool)
        self._branch = torch.zeros(number, windows, categories, dtype=torch.int64)
        # What the agent remembers at each window of the way that led there first.
        frames, history = network.frames, network.action_history
        self._frames = torch.zeros(number, windows, frames, 4, dtype=torch.float64)
        self._past = torch.full((number, windows, history), -1)
        self._starts = start_windows(params.starts or mdp.starts)[:max_windows]
        self._started = 0
        self._start(params.first_starts or len(self._starts))

    def run(self) -> Looks:
        """Look until every budget is spent or nothing promises anything."""
        while self._step():
            pass
        return Looks(
            self._boxes,
            self._number,
            self._values[..., -1],
            self._values,
            self._triggered,
            self._depth,
            self._parent,
            self._category,
            self._made,
        )

    def _start(self, windows: int) -> None:
        """Look through so many further start windows, where they are new and there is room."""
        starts = self._starts[self._started : self._started + windows]
        self._started += len(starts)
        image = torch.arange(len(self._number)).repeat_interleave(len(starts))
        sizes = self._sizes[image]
        boxes = starts.repeat(len(self._number), 1) * torch.cat([sizes, sizes], dim=1)
        fresh = self._overlaps(image, boxes).amax(dim=1) <= _SAME
        place = self._number[image] + _rank(image, fresh)
        fresh &= place < self._boxes.shape[1]
        if not fresh.any():
            return
        new = (image[fresh], place[fresh])
        self._boxes[new], self._frames[new] = boxes[fresh], boxes[fresh][:, None]
        self._depth[new] = 1
        self._number += torch.bincount(new[0], minlength=len(self._number))
        self._look(*new)
        likely = self._presence[new] >= self._params.least_presence
        self._open[new] = likely & self._searched[new[0]]

    def _overlaps(self, image: Tensor, boxes: Tensor) -> Tensor:
        """``[P, W]``: IoU of windows ``[P, 4]`` with those looked at in their images."""
        known = first_windows(self._number[image], self._boxes.shape[1])
        return torch.where(known, iou(boxes[:, None], self._boxes[image]), 0.0)

    @torch.no_grad()
    def _look(self, image: Tensor, window: Tensor) -> None:
        """Value windows ``[P]`` for every category."""
        outputs = self._network.outputs(
            self._views,
            image.to(self._device),
            shares(self._frames[image, window], self._sizes[image]).to(self._device),
            self._past[image, window].to(self._device),
        )
        self._values[image, window] = self._network.values_of(outputs).cpu()
        if self._network.presence:
            self._presence[image, window] = self._network.presence_of(outputs).cpu()
        if self._by_steps:
            self._steps[image, window] = self._network.steps_of(outputs).cpu()

    def _step(self) -> bool:
        """Go on with the most promising searches of every image; False at the end."""
        params = self._params
        waiting = self._started < len(self._starts)
        if waiting:
            self._start(params.starts_per_round)
        number, windows, categories = self._open.shape
        promise = (
            trigger_share(self._values[..., -1], self._network, self._mdp)
            + params.presence_weight * self._presence
            - params.branch_cost * self._branch
        )
        promise = torch.where(self._open, promise, -torch.inf)
        left = self._number < windows
        best, place = promise.flatten(1).topk(
            min(params.searches_per_round, windows * categories), dim=1
        )
        going = best.isfinite() & left[:, None]
        if not going.any():
            return waiting
        image = torch.arange(number)[:, None].expand_as(place)[going]
        window, category = (place // categories)[going], (place % categories)[going]
        steps = self._steps_first(image, window, category)
        self._go_by_steps(image[steps], window[steps], category[steps])
        image, window, category = image[~steps], window[~steps], category[~steps]
        action, trigger = self._choose(image, window, category)
        self._pull(image[trigger], window[trigger], category[trigger])
        moving = action < self._values.shape[-1] - 1
        self._move(image[moving], window[moving], category[moving], action[moving])
        return True

    def _steps_first(self, image: Tensor, window: Tensor, category: Tensor) -> Tensor:
        """``[P]`` bool: which searches go on by learned steps before anything else."""
        least = self._params.learned_steps
        if least is None:
            return torch.zeros_like(image, dtype=torch.bool)
        values = self._values[image, window, category, -1]
        likely = trigger_share(values, self._network, self._mdp) >= least
        return likely & ~self._stepped[image, window, category]

    def _go_by_steps(self, image: Tensor, window: Tensor, category: Tensor) -> None:
        """Look where learned steps lead; searches go on from the better of both windows.

        So nothing is triggered on before the agent has seen whether it lies better there.
        """
        if len(image) == 0:
            return
        self._stepped[image, window, category] = True
        steps = self._steps[image, window, category].double()
        boxes = self._moves.by(self._boxes[image, window], self._sizes[image], steps)
        made = torch.full((len(image), self._params.moves_per_look), -1)
        made[:, 0] = self._network.num_actions
        frames = _with(self._frames[image, window], boxes)
        past = self._past[image, window]
        there, seen = self._arrive(image, window, category, frames, past, made)
        values = self._values[..., -1]
        better = seen & (values[image, there, category] > values[image, window, category])
        self._open[image[better], window[better], category[better]] = False
        onward = better & (self._branch[image, there, category] == 0)
        self._go_on(image[onward], there[onward], category[onward])

    def _choose(self, image: Tensor, window: Tensor, category: Tensor) -> tuple[Tensor, Tensor]:
        """The best action of each search; of one that went on before, the next best.

        Returns:
            Actions ``[P]``; whether the search triggers, before it moves if the action is
            a move.
        """
        values = self._values[image, window, category]
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
        beside = iou(self._boxes[image, window][:, None], self._boxes[image, window])
        same = (image[:, None] == image) & (category[:, None] == category)
        later = torch.ones_like(same).tril(-1)
        alone = ~(same & later & (beside > self._params.inhibition)).any(dim=1)
        image, window, category = image[alone], window[alone], category[alone]
        self._triggered[image, window, category] = self._number[image]
        overlap = iou(self._boxes[image, window][:, None], self._boxes[image])
        near = (overlap > self._params.inhibition).nonzero(as_tuple=True)
        self._open[image[near[0]], near[1], category[near[0]]] = False

    def _move(self, image: Tensor, window: Tensor, category: Tensor, action: Tensor) -> None:
        """Move windows and look through those that are new."""
        way = self._way(image, window, category, action)
        there, seen = self._arrive(image, window, category, *way)
        onward = seen & (self._branch[image, there, category] == 0)
        self._go_on(image[onward], there[onward], category[onward])

    def _arrive(
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
        place = self._number[image] + _rank(image, fresh)
        fresh &= place < self._boxes.shape[1]
        new = (image[fresh], place[fresh])
        self._boxes[new], self._frames[new], self._past[new] = (
            boxes[fresh], frames[fresh], past[fresh],
        )  # fmt: skip
        self._depth[new] = self._depth[image[fresh], window[fresh]] + 1
        self._parent[new], self._category[new] = window[fresh], category[fresh]
        self._made[new] = made[fresh]
        self._number.index_add_(0, image[fresh], torch.ones(int(fresh.sum()), dtype=torch.int64))
        if fresh.any():
            self._look(*new)
        return torch.where(fresh, place, same), fresh | (most > _SAME)

    def _go_on(self, image: Tensor, window: Tensor, category: Tensor) -> None:
        """Open searches, but where an object of the category was found already."""
        found = self._triggered[image, :, category] > 0
        overlap = iou(self._boxes[image, window][:, None], self._boxes[image])
        inhibited = (found & (overlap > self._params.inhibition)).any(dim=1)
        self._open[image, window, category] = ~inhibited

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
        sizes = self._sizes[image]
        frames, past = self._frames[image, window], self._past[image, window]
        boxes = self._moves.apply(frames[:, -1], sizes, action)
        frames, past = _with(frames, boxes), _with(past, action)
        made = torch.full((len(image), self._params.moves_per_look), -1)
        made[:, 0] = action
        if not self._params.moves_per_look > 1:
            return frames, past, made
        values = self._values[image, window, category][:, :-1]
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


def _rank(image: Tensor, fresh: Tensor) -> Tensor:
    """``[P]`` int64: how many fresh windows of the same image come before each."""
    same = (image[:, None] == image) & fresh
    return (same & torch.ones_like(same).tril(-1)).sum(dim=1)
