"""Measuring a search with a budget: its detections, and curves over the budget.

The shape letters are those of ``objloc.search.trace``.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
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
from objloc.search.budgeted import Searcher, run_budgeted_search
from objloc.search.restarts import run_restarts
from objloc.search.trace import SearchTrace
from objloc.search.tree import run_tree_search

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
        self._parts: dict[int, list[Mapping[str, Mapping[str, Detections]]]] = {
            each: [] for each in self._budgets
        }
        self._overlaps: dict[int, list[Tensor]] = {each: [] for each in self._budgets}
        self._windows: dict[int, list[Tensor]] = {each: [] for each in self._budgets}
        self._steps: list[Tensor] = []
        self._done: Counter[int | None] = Counter()

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
        for category, trace in _searches(store, searcher, budget):
            curve.add(trace, category)
            if log is not None and category in (None, len(store.categories) - 1):
                each = "" if category is None else " a category"
                log(f"search with {budget} looks{each}: {curve.done} of {len(store)} images")
        return curve

    @property
    def done(self) -> int:
        """Number of images added."""
        return max(self._done.values(), default=0)

    def add(self, trace: SearchTrace, category: int | None = None) -> None:
        """Add the next images of the store.

        Args:
            trace: their windows.
            category: the only category of the trace; None: it has all of the store.
        """
        store = self._store if category is None else self._store.of_category(category)
        images = torch.arange(len(trace.num_windows)) + self._done[category]
        self._done[category] += len(images)
        image, window, _ = (trace.triggered > 0).nonzero(as_tuple=True)
        self._steps.append(trace.depth[image, window])
        objects, mine = store.boxes[images], store.object_category[images] >= 0
        counted = (mine & ~store.difficult[images]).nonzero(as_tuple=True)
        for budget in self._budgets:
            self._windows[budget].append(trace.num_windows.clamp(max=budget))
            self._parts[budget].append(detections_of(trace, store, images, self._rules, budget))
            row = counted[0]
            overlap = best_iou(objects[counted], trace.boxes[row], trace.visited(budget)[row])
            self._overlaps[budget].append(overlap)

    def detections(self, budget: int | None = None) -> dict[str, dict[str, Detections]]:
        """``triggered`` and ``attended`` detections of all images, by category.

        Args:
            budget: one of the curve's; None: that of the search.
        """
        parts = self._parts[budget or self._budgets[-1]]
        return {kind: concatenate([part[kind] for part in parts]) for kind in KINDS_OF_DETECTIONS}

    def summary(self) -> SearchMetrics:
        """Figures for ``metrics.json``; see ``docs/metrics.md``."""
        objects = objects_of(self._store)
        curve = []
        for budget in self._budgets:
            overlaps = torch.cat(self._overlaps[budget])
            windows = sum(int(each.sum()) for each in self._windows[budget])
            recall = {
                f"recall_{threshold}": float((overlaps >= threshold).double().mean())
                for threshold in RECALL_THRESHOLDS
            }
            ap = {
                f"ap_{kind}": mean_ap(parts, objects)
                for kind, parts in self.detections(budget).items()
            }
            point = {"budget": budget, "windows": windows / max(1, self.done)} | recall | ap
            curve.append(BudgetPoint.model_validate(point))
        steps = torch.cat(self._steps).double()
        return SearchMetrics(
            curve=tuple(curve),
            triggers_per_image=len(steps) / max(1, self.done),
            steps_to_trigger=StepsToTrigger(
                median=float(steps.median()) if len(steps) else None,
                mean=float(steps.mean()) if len(steps) else None,
            ),
        )


def _searches(
    store: SampleStore, searcher: Searcher, budget: int
) -> Iterator[tuple[int | None, SearchTrace]]:
    """Search in the order that the parameters name: traces, of one category or of all (None)."""
    if searcher.params.order == "restarts":
        yield from run_restarts(store, searcher, budget)
        return
    search = run_tree_search if searcher.params.order == "tree" else run_budgeted_search
    for trace in search(store, searcher, budget):
        yield None, trace
