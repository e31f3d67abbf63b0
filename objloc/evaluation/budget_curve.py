"""Measuring a search with a budget: its detections, and curves over the budget.

The shape letters are those of ``objloc.search.trace``.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor

from objloc.box import batched_nms, best_iou, soft_nms
from objloc.command import Log
from objloc.data.store import SampleStore
from objloc.evaluation.average_precision import mean_ap
from objloc.evaluation.detections import by_category, concatenate, objects_of
from objloc.evaluation.matching import Detections
from objloc.evaluation.metrics import (
    KINDS_OF_DETECTIONS,
    BudgetPoint,
    SearchMetrics,
    StepsToTrigger,
)
from objloc.network.value_range import TriggerRange
from objloc.params import Evaluate
from objloc.search.budgeted import BATCH, Searcher, run_budgeted_search
from objloc.search.restarts import BATCH as RESTARTS_BATCH
from objloc.search.restarts import run_restarts
from objloc.search.trace import SearchTasks, SearchTrace
from objloc.search.tree import run_tree_search, zooms_among_moves

BUDGETS = (14, 20, 31, 45, 63, 80, 100, 150, 200, 300)
"""Budgets at which curves are measured; 31 and 63 are those of Tree-RL."""

RECALL_THRESHOLDS = (0.5, 0.6, 0.7)

_CHANCES = TriggerRange(0.0, 1.0)


@dataclass(frozen=True)
class DetectionRules:
    """Rules by which the visited windows of an image become its detections.

    Attributes:
        nms: IoU above which the lower-scored of two windows of a category is dropped.
        per_image: maximum number of detections of an image, the best over all categories.
        soft_width: windows that were not triggered on get lower scores instead, see
            ``soft_nms``; None: they are dropped too.
        trigger_range: range of the scores.
    """

    nms: float
    per_image: int = 100
    soft_width: float | None = None
    trigger_range: TriggerRange = _CHANCES

    @classmethod
    def of(cls, params: Evaluate, trigger_range: TriggerRange) -> Self:
        """The rules of an evaluation.

        Args:
            params: the evaluation's.
            trigger_range: range of the model's trigger values.
        """
        search = params.search
        return cls(params.nms, search.detections_per_image, search.soft_nms, trigger_range)


def detections_of(
    trace: SearchTrace,
    store: SampleStore,
    images: Tensor,
    rules: DetectionRules,
    budget: int | None = None,
) -> dict[str, dict[str, Detections]]:
    """``triggered`` and ``attended`` detections of some images, by category.

    Every visited window is scored for every category by the trigger's Q-value.

    Args:
        trace: visited windows of N images.
        store: all images.
        images: ``[N]`` int64, the images searched.
        rules: which windows are kept.
        budget: as if the search had ended after this number of windows.
    """
    windows = trace.boxes.shape[1]
    limit = budget or windows
    boxes = trace.boxes[:, :limit]
    scores, triggered = (
        each[:, :limit].transpose(1, 2) for each in (trace.trigger_values, trace.triggered)
    )
    visited = trace.visited(budget)[:, None, :limit].expand_as(scores)
    in_time = (triggered > 0) & (triggered <= limit) & visited
    triggers_alone = replace(rules, soft_width=None)
    kept = {
        "triggered": _kept(boxes, scores, in_time, triggers_alone),
        "attended": _kept(boxes, scores, visited, rules),
    }
    # As wide as the whole trace again: of equal scores topk then takes the same ones.
    rest = (0, windows - limit)
    return {
        kind: _best(trace, F.pad(each, rest, value=-torch.inf), store, images, rules.per_image)
        for kind, each in kept.items()
    }


def _kept(boxes: Tensor, scores: Tensor, valid: Tensor, rules: DetectionRules) -> Tensor:
    """Scores ``[N, C, W]`` after non-maximum suppression; -inf where a window is dropped."""
    if rules.soft_width is None:
        return torch.where(batched_nms(boxes, scores, valid, rules.nms), scores, -torch.inf)
    values = rules.trigger_range
    fractions = soft_nms(boxes, values.fraction(scores).clamp(0, 1), valid, rules.soft_width)
    return torch.where(valid, values.value(fractions), -torch.inf)


def _best(
    trace: SearchTrace, scores: Tensor, store: SampleStore, images: Tensor, per_image: int
) -> dict[str, Detections]:
    """The best detections of each image: ``[N, C, W]`` scores, none where -inf."""
    windows = trace.boxes.shape[1]
    ranks = scores.flatten(1)
    best, place = ranks.topk(min(per_image, ranks.shape[1]), dim=1)
    row, column = best.isfinite().nonzero(as_tuple=True)
    place = place[row, column]
    return by_category(
        store,
        place // windows,
        images[row],
        trace.boxes[row, place % windows],
        best[row, column],
    )


@dataclass(frozen=True)
class CurvePart:
    """Part of a curve: the search of n images.

    Attributes:
        windows: ``[n]`` int64, windows visited.
        steps: int64, steps from the start to each trigger.
        detections: see ``detections_of``, by budget.
        overlaps: float64, best IoU of each object that counts, by budget.
    """

    windows: Tensor
    steps: Tensor
    detections: Mapping[int, Mapping[str, Mapping[str, Detections]]]
    overlaps: Mapping[int, Tensor]


class BudgetCurve:
    """Recall and average precision of a search by its budget.

    Args:
        store: the images.
        rules: which windows become detections.
        budget: the search's own: the last point of the curve.
    """

    def __init__(self, store: SampleStore, rules: DetectionRules, budget: int) -> None:
        self._store, self._rules = store, rules
        self._budgets = (*(each for each in BUDGETS if each < budget), budget)
        self._parts: list[CurvePart] = []

    @classmethod
    def of(
        cls,
        store: SampleStore,
        searcher: Searcher,
        rules: DetectionRules,
        budget: int,
        log: Log | None = None,
    ) -> Self:
        """Search the images within a budget, in the order that the agent's parameters name.

        Args:
            store: the images; its categories are the network's.
            searcher: the agent.
            rules: which windows become detections.
            budget: maximum number of windows visited in an image; with ``restarts``, for each
                category.
            log: takes a line of progress.
        """
        curve = cls(store, rules, budget)
        for job in curve.jobs(store, searcher, log or (lambda _: None)):
            curve.add(job())
        return curve

    def jobs(
        self, store: SampleStore, searcher: Searcher, log: Log
    ) -> list[Callable[[], list[CurvePart]]]:
        """Jobs that search a batch of images each; their parts are to be added in order.

        Args:
            store: the images; the curve's own need none but their objects.
            searcher: the agent.
            log: takes a line of progress.

        Raises:
            ObjlocError: the agent cannot search in that order.
        """
        budget = self._budgets[-1]
        if searcher.params.order == "tree":
            zooms_among_moves(searcher.mdp)
        alone = searcher.params.order == "restarts"
        looks = f"{budget} looks{' a category' if alone else ''}"

        def search(images: Tensor) -> list[CurvePart]:
            found = [
                self.part_of(trace, images, category)
                for category, trace in _searches(store, searcher, budget, images)
            ]
            log(f"search with {looks}: {int(images[-1]) + 1} of {len(store)} images")
            return found

        batches = torch.split(torch.arange(len(store)), RESTARTS_BATCH if alone else BATCH)
        return [partial(search, each) for each in batches]

    def add(self, parts: Sequence[CurvePart]) -> None:
        """Add the next images of the store."""
        self._parts += parts

    def part_of(self, trace: SearchTrace, images: Tensor, category: int | None = None) -> CurvePart:
        """Reduce the search of some images to what the curve needs.

        Args:
            trace: their windows.
            images: ``[n]`` int64.
            category: the only category of the trace; None: it has all of the store.
        """
        store = self._store if category is None else self._store.of_category(category)
        image, window, _ = (trace.triggered > 0).nonzero(as_tuple=True)
        objects, mine = store.boxes[images], store.object_category[images] >= 0
        counted = (mine & ~store.difficult[images]).nonzero(as_tuple=True)
        detections, overlaps = {}, {}
        for budget in self._budgets:
            detections[budget] = detections_of(trace, store, images, self._rules, budget)
            row = counted[0]
            overlaps[budget] = best_iou(
                objects[counted], trace.boxes[row], trace.visited(budget)[row]
            )
        return CurvePart(trace.num_windows, trace.depth[image, window], detections, overlaps)

    def detections(self, budget: int | None = None) -> dict[str, dict[str, Detections]]:
        """``triggered`` and ``attended`` detections of all images, by category.

        Args:
            budget: one of the curve's; None: that of the search.
        """
        parts = [part.detections[budget or self._budgets[-1]] for part in self._parts]
        return {kind: concatenate([part[kind] for part in parts]) for kind in KINDS_OF_DETECTIONS}

    def summary(self) -> SearchMetrics:
        """Figures for ``metrics.json``; see ``docs/metrics.md``."""
        objects = objects_of(self._store)
        images = max(1, len(self._store))
        curve = []
        for budget in self._budgets:
            overlaps = torch.cat([part.overlaps[budget] for part in self._parts])
            windows = sum(int(part.windows.clamp(max=budget).sum()) for part in self._parts)
            recall = {
                f"recall_{threshold}": float((overlaps >= threshold).double().mean())
                for threshold in RECALL_THRESHOLDS
            }
            ap = {
                f"ap_{kind}": mean_ap(parts, objects)
                for kind, parts in self.detections(budget).items()
            }
            point = {"budget": budget, "windows": windows / images} | recall | ap
            curve.append(BudgetPoint.model_validate(point))
        steps = torch.cat([part.steps for part in self._parts]).double()
        return SearchMetrics(
            curve=tuple(curve),
            triggers_per_image=len(steps) / images,
            steps_to_trigger=StepsToTrigger(
                median=float(steps.median()) if len(steps) else None,
                mean=float(steps.mean()) if len(steps) else None,
            ),
        )


def _searches(
    store: SampleStore, searcher: Searcher, budget: int, images: Tensor
) -> Iterator[tuple[int | None, SearchTrace]]:
    """Search a batch of images in the order that the parameters name.

    Yields:
        Traces, each of one category or of all (None).
    """
    if searcher.params.order == "restarts":
        yield from run_restarts(store, searcher, budget, images)
    elif searcher.params.order == "tree":
        yield from ((None, trace) for trace in run_tree_search(store, searcher, budget, images))
    else:
        everything = torch.ones(len(images), len(store.categories), dtype=torch.bool)
        tasks = SearchTasks(images, everything)
        yield from ((None, each) for each in run_budgeted_search(store, searcher, budget, tasks))
