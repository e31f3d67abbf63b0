"""One search, step by step: the record that everything to be watched is made from.

A greedy episode and a search with a budget give the same record. The localiser's results,
animations, the explorer, the app and the served model read it.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch

from objloc.box import best_iou
from objloc.data.sample import Coordinates, coordinates
from objloc.data.store import SampleStore
from objloc.mdp.action import LEARNED_STEP, LEARNED_ZOOM, names_of
from objloc.mdp.reward import move_reward, trigger_reward
from objloc.params import Mdp
from objloc.search.rollout import Rollout
from objloc.search.trace import SearchTrace


@dataclass(frozen=True)
class Step:
    """One step of a search: what the agent saw, valued and did.

    Attributes:
        box: the window looked at, in pixels.
        q_values: one for each of the trajectory's actions; nan if no network looked.
        action: name of the action taken. In a search with a budget it may also be
            ``learned_step``, as far as the agent has learned to go, or ``learned_zoom``, to a
            presumed object in a quarter of the window.
        iou: IoU of ``box`` with the best-matching object of the trajectory's category; 0 where
            none is known.
        reward: what the action earned; without meaning where no object is known, nan in a search
            with a budget.
        further: moves made after the same look along other axes, in a search with a budget.
        category: for which the action was taken and the Q-values are, if it is not the
            trajectory's: in a search with a budget categories share their ways.
    """

    box: Coordinates
    q_values: tuple[float, ...]
    action: str
    iou: float
    reward: float
    further: tuple[str, ...] = ()
    category: str | None = None


@dataclass(frozen=True)
class Trajectory:
    """One search for one category.

    Attributes:
        image_id: the image's name.
        category: the category searched for.
        actions: names of the agent's actions, in the order of the Q-values; the last is the
            trigger.
        steps: at least one; a trigger is the last step's action.
        final_box: the last window, in pixels.
        final_iou: its IoU with the best-matching object of the category; 0 where none is
            known.
        terminated: ended by a trigger, not by the step limit.
        windows_at_trigger: number of windows of the image visited when it triggered, in a
            search with a budget; else 0.
    """

    image_id: str
    category: str
    actions: tuple[str, ...]
    steps: tuple[Step, ...]
    final_box: Coordinates
    final_iou: float
    terminated: bool
    windows_at_trigger: int = 0

    @property
    def score(self) -> float:
        """Q-value of the trigger in the last step: not a probability.

        It is about ``trigger_reward`` where the agent is sure.
        """
        return self.steps[-1].q_values[-1]


@dataclass(frozen=True)
class VisitedWindow:
    """One window that a search with a budget visited, for all categories at once.

    Attributes:
        box: in pixels.
        parent: number of the window it was reached from; -1 for a start window.
        category: for which the search went there; None for a start window.
        actions: those that led there; several may follow one look.
        scores: the trigger's Q-value for each category searched for.
        triggered: the categories triggered on here.
    """

    box: Coordinates
    parent: int
    category: str | None
    actions: tuple[str, ...]
    scores: tuple[float, ...]
    triggered: tuple[str, ...]


def trajectories_of(episodes: Rollout, store: SampleStore, mdp: Mdp) -> Iterator[Trajectory]:
    """The episodes of a rollout, one after the other.

    Args:
        episodes: as they ran.
        store: the images they ran on.
        mdp: the decision process they ran in.
    """
    actions = names_of(mdp)
    names = (*actions, LEARNED_STEP)
    moves = move_reward(episodes.iou[:, :-1], episodes.iou[:, 1:], mdp)
    triggers = trigger_reward(episodes.iou, mdp)
    for row, length in enumerate(episodes.steps.tolist()):
        steps = []
        for number in range(length):
            action = names[int(episodes.actions[row, number])]
            reward = triggers[row, number] if action == actions[-1] else moves[row, number]
            steps.append(
                Step(
                    box=coordinates(episodes.boxes[row, number].tolist()),
                    q_values=tuple(episodes.q_values[row, number].tolist()),
                    action=action,
                    iou=float(episodes.iou[row, number]),
                    reward=float(reward),
                )
            )
        yield Trajectory(
            image_id=store.image_ids[int(episodes.image[row])],
            category=store.categories[int(episodes.category[row])],
            actions=actions,
            steps=tuple(steps),
            final_box=coordinates(episodes.boxes[row, length].tolist()),
            final_iou=float(episodes.iou[row, length]),
            terminated=bool(episodes.terminated[row]),
        )


class TraceReader:
    """Reads one image of a trace as records.

    Args:
        trace: visited windows of the store's images, in their order.
        store: the images searched.
        mdp: the decision process of the search.
        image: row of the image.
    """

    def __init__(self, trace: SearchTrace, store: SampleStore, mdp: Mdp, image: int = 0) -> None:
        self._trace, self._store, self._image = trace, store, image
        self._actions = names_of(mdp)
        self._names = (*self._actions, LEARNED_STEP, LEARNED_ZOOM)
        self._boxes = [coordinates(box) for box in trace.boxes[image].tolist()]
        self._parents = trace.parent[image].tolist()

    def visited(self, searched: Sequence[int]) -> Iterator[VisitedWindow]:
        """All windows in the order of visiting.

        Args:
            searched: numbers of the categories whose scores are kept.
        """
        trace, image, categories = self._trace, self._image, self._store.categories
        for window in range(int(trace.num_windows[image])):
            category = int(trace.category[image, window])
            triggered = (trace.triggered[image, window] > 0).nonzero()[:, 0].tolist()
            yield VisitedWindow(
                self._boxes[window],
                self._parents[window],
                None if category < 0 else categories[category],
                self._moves(window),
                tuple(trace.trigger_values[image, window, list(searched)].tolist()),
                tuple(categories[each] for each in triggered),
            )

    def trajectories(self) -> Iterator[Trajectory]:
        """For each trigger the way to its window, in the order of triggering."""
        triggered = self._trace.triggered[self._image]
        windows, categories = (triggered > 0).nonzero(as_tuple=True)
        order = triggered[windows, categories].argsort(stable=True)
        for window, category in zip(
            windows[order].tolist(), categories[order].tolist(), strict=True
        ):
            yield self._way(window, category, int(triggered[window, category]))

    def _way(self, window: int, category: int, windows_at_trigger: int) -> Trajectory:
        """The way from a start window to one that was triggered on."""
        way = [window]
        while (before := self._parents[way[0]]) >= 0:
            way.insert(0, before)
        objects, present = self._store.objects_of(
            torch.tensor([self._image]), torch.tensor([category])
        )
        overlaps = best_iou(self._trace.boxes[self._image, way], objects[0], present[0]).tolist()
        led = [int(self._trace.category[self._image, there]) for _, there in pairwise(way)]
        moves = [self._moves(there) for _, there in pairwise(way)]
        steps = tuple(
            Step(
                box=self._boxes[here],
                q_values=tuple(self._trace.q_values[self._image, here, leading].tolist()),
                action=actions[0],
                iou=overlap,
                reward=math.nan,
                further=actions[1:],
                category=None if leading == category else self._store.categories[leading],
            )
            for here, leading, actions, overlap in zip(
                way, [*led, category], [*moves, self._actions[-1:]], overlaps, strict=True
            )
        )
        return Trajectory(
            image_id=self._store.image_ids[self._image],
            category=self._store.categories[category],
            actions=self._actions,
            steps=steps,
            final_box=self._boxes[window],
            final_iou=overlaps[-1],
            terminated=True,
            windows_at_trigger=windows_at_trigger,
        )

    def _moves(self, window: int) -> tuple[str, ...]:
        """The actions that led to a window."""
        return tuple(
            self._names[move]
            for move in self._trace.moves[self._image, window].tolist()
            if move >= 0
        )
