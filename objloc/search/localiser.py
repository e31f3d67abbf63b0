"""A trained agent in three lines: load it, show it a picture, read its boxes."""

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from numbers import Integral, Real
from pathlib import Path
from typing import Any, Self

import torch

from objloc.box import non_maximum_suppression
from objloc.data.photograph import Photograph, Source, photograph
from objloc.data.sample import Coordinates, VocObject, coordinates
from objloc.data.store import SampleStore
from objloc.errors import ObjlocError
from objloc.mdp.action import names_of
from objloc.mdp.reward import even_score
from objloc.network.checkpoint import Checkpoint, load_checkpoint
from objloc.network.device import use_one_thread
from objloc.params import Agent, Search
from objloc.search.budgeted import Searcher, run_budgeted_search
from objloc.search.policy import GreedyPolicy
from objloc.search.result import Found, Result
from objloc.search.rollout import rollout
from objloc.search.time_limit import check_time
from objloc.search.trace import SearchTasks
from objloc.search.trajectory import TraceReader, Trajectory, VisitedWindow, trajectories_of
from objloc.tracking.lookup import find_model

NMS = 0.3
"""IoU above which the lower-scored of two boxes of a category is dropped; as in
``evaluate.nms``."""

FURTHER_STARTS = ((1, 1.0), (2, 0.65), (3, 0.4), (5, 0.25))
"""Start windows of a search with a budget, after the agent's own: the whole image, then ever
smaller ones in grids that cover it."""

MAX_BUDGET = 10_000
"""Maximum budget of one search: memory is reserved for all its windows."""


@contextmanager
def _one_thread() -> Iterator[None]:
    """Compute in one thread, as training and evaluation do; then as before."""
    before = torch.get_num_threads()
    use_one_thread()
    try:
        yield
    finally:
        torch.set_num_threads(before)


class Localiser:
    """A trained agent that searches pictures.

    Several threads may use it at once; each search computes in one, so that its result does
    not depend on how many PyTorch would use. It writes nothing.

    Args:
        checkpoint: the agent.
        source: where it was loaded from, for messages.

    Attributes:
        min_score: score of a box that is as likely to be right as wrong, by the agent's own
            values. An agent whose wrong triggers cost little triggers below it too.
    """

    def __init__(self, checkpoint: Checkpoint, source: str = "") -> None:
        self.source = source
        self.agent = checkpoint.agent
        self.categories = checkpoint.categories
        self.actions = names_of(checkpoint.agent.mdp)
        self.min_score = even_score(checkpoint.agent.mdp)
        self._network = checkpoint.network()

    @classmethod
    def load(cls, model: str | Path = "champion") -> Self:
        """Load an agent.

        Args:
            model: a checkpoint's path; an alias or a number of the registered
                model ``objloc``, such as ``champion`` or ``3``; or a full address,
                ``models:/NAME@ALIAS`` or ``models:/NAME/VERSION``.

        Raises:
            ObjlocError: there is no such model, or it is damaged.
        """
        return cls(load_checkpoint(model_path(model)), str(model))

    @_one_thread()
    def __call__(
        self,
        source: Source | Photograph,
        categories: Sequence[str] | str | None = None,
        max_windows: int | None = None,
        ground_truth: Coordinates | None = None,
        min_score: float | None = None,
    ) -> Result:
        """Search a picture.

        Args:
            source: path, address, bytes, Pillow image or array.
            categories: what to search for; None: all the agent knows.
            max_windows: the budget: maximum number of windows looked at, over all
                categories. None: one greedy search for each category from the first start
                window, which ends with its trigger. Otherwise one search for all of them,
                which continues where it promises most and from further start windows, and
                finds several objects of a category (``search_params_of``).
            ground_truth: box of the object, in pixels; the IoU of each step is with it. None:
                it is unknown; every IoU is 0, and rewards have no meaning.
            min_score: boxes of a lower score are left out. None: the agent's ``min_score``;
                minus infinity leaves out none.

        Raises:
            ObjlocError: not a picture; an unknown category; a budget that is no integer from
                1 to ``MAX_BUDGET``; a ground truth that is no box; a minimum score that is
                no number; no time is left (``objloc.search.time_limit``).
        """
        check_time()
        indices = self.indices(categories)
        budget = None if max_windows is None else checked_budget(max_windows)
        box = None if ground_truth is None else _checked_box(ground_truth)
        least = self.min_score if min_score is None else checked_score(min_score)
        picture = source if isinstance(source, Photograph) else photograph(source)
        searched = tuple(self.categories[index] for index in indices)
        sample = picture.sample()
        if box is not None:
            objects = tuple(VocObject(category, box) for category in searched)
            sample = replace(sample, objects=objects)
        store = SampleStore.from_samples([sample], self.categories, self.agent.encoder.image_size)
        seen: tuple[VisitedWindow, ...] = ()
        if budget is None:
            searches = self._search_greedily(store, indices)
        else:
            searches, seen = self._search_within(store, indices, budget)
        found = _boxes(searches, least)
        return Result(
            picture.name, picture.image, self.categories, self.actions, found, searches, searched,
            seen,
        )  # fmt: skip

    def __repr__(self) -> str:
        return f"Localiser({self.source!r}: {', '.join(self.categories)})"

    def _search_greedily(self, store: SampleStore, indices: list[int]) -> tuple[Trajectory, ...]:
        """One episode for each category in the store's only image."""
        mdp = self.agent.mdp
        tasks = torch.tensor([(0, index) for index in indices])
        # A greedy policy draws nothing.
        episodes = rollout(store, GreedyPolicy(self._network), mdp, tasks, torch.Generator())
        return tuple(trajectories_of(episodes, store, mdp))

    def _search_within(
        self, store: SampleStore, indices: list[int], budget: int
    ) -> tuple[tuple[Trajectory, ...], tuple[VisitedWindow, ...]]:
        """One search for all categories in the store's only image: triggers, and all windows."""
        searched = torch.zeros(1, len(self.categories), dtype=torch.bool)
        searched[0, indices] = True
        searcher = Searcher(self._network, self.agent.mdp, search_params_of(self.agent))
        tasks = SearchTasks(torch.tensor([0]), searched)
        (trace,) = run_budgeted_search(store, searcher, budget, tasks)
        reader = TraceReader(trace, store, self.agent.mdp)
        return tuple(reader.trajectories()), tuple(reader.visited(indices))

    def indices(self, categories: Sequence[str] | str | None) -> list[int]:
        """Numbers of the categories asked for; None: all.

        Raises:
            ObjlocError: an unknown category, or none.
        """
        if categories is None:
            return list(range(len(self.categories)))
        if not isinstance(categories, Iterable):
            raise ObjlocError(f"categories: expected names; found {categories!r}")
        names = [categories] if isinstance(categories, str) else list(categories)
        for name in names:
            if name not in self.categories:
                raise ObjlocError(
                    f"categories: expected some of {', '.join(self.categories)}; found '{name}'"
                )
        if not names:
            raise ObjlocError(
                f"categories: expected some of {', '.join(self.categories)}; found none"
            )
        return [self.categories.index(name) for name in dict.fromkeys(names)]


def model_path(model: str | Path) -> Path:
    """Path of the checkpoint that a name stands for; see ``Localiser.load``.

    Raises:
        ObjlocError: an alias, a number or an address of no registered model.
    """
    text = str(model)
    path = Path(text)
    is_address = text.startswith("models:")
    if not is_address and (path.exists() or path.name != text or path.suffix == ".pt"):
        return path
    return find_model(text)


def search_params_of(agent: Agent) -> Search:
    """Parameters of an agent's search with a budget.

    One way leads to one object: all searches from a window that holds several are drawn to the
    same one. So when the searches from one start window promise no more than another start
    window, the search begins there, first at those that the agent was trained from, then at
    ``FURTHER_STARTS``. What each choice is worth: docs/experiments.md.

    A search also continues from where it triggered, where the next window may be better, unless
    learned steps have looked there before the trigger.

    Several moves follow one look only where values are of the next reward alone: a
    value above zero then means that the move helps. Where values count later rewards,
    they are above zero of moves that do not help, too.
    """
    own = agent.mdp.starts
    return Search(
        starts=(*own, *(grid for grid in FURTHER_STARTS if grid not in own)),
        first_starts=1,
        moves_per_look=1 if agent.learning.discount > 0 else 4,
        beyond_triggers=not agent.head.learned_steps,
    )


def checked_budget(budget: Any) -> int:
    """A budget as an integer.

    Raises:
        ObjlocError: it is no integer from 1 to ``MAX_BUDGET``; a bool is none.
    """
    if isinstance(budget, bool) or not isinstance(budget, Integral) or int(budget) < 1:
        raise ObjlocError(f"max_windows: expected an integer of at least 1; found {budget!r}")
    if int(budget) > MAX_BUDGET:
        raise ObjlocError(f"max_windows: expected at most {MAX_BUDGET}; found {budget}")
    return int(budget)


def _checked_box(box: Any) -> Coordinates:
    """A box of any sequence, array or tensor of four numbers.

    Raises:
        ObjlocError: not four finite numbers, or a box without an area.
    """
    listed = box.tolist() if hasattr(box, "tolist") else box
    if isinstance(listed, Sequence) and len(listed) == 4:
        numbers = [float(each) for each in listed if _is_finite(each)]
        if len(numbers) == 4 and numbers[0] < numbers[2] and numbers[1] < numbers[3]:
            return coordinates(numbers)
    raise ObjlocError(
        "ground_truth: expected four finite numbers with xmin < xmax and ymin < ymax; "
        f"found {box!r}"
    )


def _is_finite(number: Any) -> bool:
    """Whether it is a finite number; a bool is none."""
    return not isinstance(number, bool) and isinstance(number, Real) and math.isfinite(number)


def checked_score(score: Any) -> float:
    """A minimum score; infinity is one.

    Raises:
        ObjlocError: not a number.
    """
    if isinstance(score, bool) or not isinstance(score, Real) or math.isnan(score):
        raise ObjlocError(f"min_score: expected a number; found {score!r}")
    return float(score)


def _boxes(searches: Sequence[Trajectory], min_score: float) -> tuple[Found, ...]:
    """The windows triggered on after non-maximum suppression, best first.

    Those of a lower score than ``min_score`` are left out.
    """
    found: list[Found] = []
    for category in dict.fromkeys(each.category for each in searches):
        mine = [
            each
            for each in searches
            if each.terminated and each.category == category and each.score >= min_score
        ]
        if mine:
            boxes = torch.tensor([each.final_box for each in mine], dtype=torch.float64)
            scores = torch.tensor([each.score for each in mine])
            kept = non_maximum_suppression(boxes, scores, NMS).tolist()
            found += [
                Found(category, mine[row].final_box, mine[row].score, mine[row]) for row in kept
            ]
    return tuple(sorted(found, key=lambda each: -each.score))
