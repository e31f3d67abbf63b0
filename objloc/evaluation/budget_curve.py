"""What a search with a budget found: detections, and how much each look was worth."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from objloc.box import best_iou
from objloc.data.store import SampleStore
from objloc.evaluation.average_precision import mean_ap
from objloc.evaluation.detections import by_category, joined, objects_of, suppress, weaken
from objloc.evaluation.matching import Detections
from objloc.evaluation.metrics import BudgetPoint, SearchMetrics, StepsToTrigger
from objloc.network.value_range import TriggerRange
from objloc.search.trace import Looks

BUDGETS = (14, 20, 31, 45, 63, 80, 100, 150, 200, 300)
"""Looks in an image at which curves are measured; 31 and 63 are those of Tree-RL."""

RECALL_THRESHOLDS = (0.5, 0.6, 0.7)


_CHANCES = TriggerRange(0.0, 1.0)


@dataclass(frozen=True)
class Overlapping:
    """What becomes of windows of a category that overlap.

    Attributes:
        nms: of two that overlap by a higher IoU the lesser goes.
        width: windows that were not triggered on are weakened instead, see ``weaken``;
            None: they go too.
        values: of triggers, the range.
    """

    nms: float
    width: float | None = None
    values: TriggerRange = _CHANCES


def detections_of(
    looks: Looks,
    store: SampleStore,
    images: Tensor,
    overlapping: Overlapping,
    most: int,
    budget: int | None = None,
) -> dict[str, dict[str, Detections]]:
    """``triggered`` and ``attended`` detections of some images, by category.

    Every window looked at is scored for every category by the trigger's Q-value.

    Args:
        looks: of N images.
        store: all images.
        images: ``[N]`` int64, which of them were searched.
        overlapping: what becomes of windows that overlap.
        most: detections kept of an image, the best over all categories.
        budget: as if the search had ended after so many looks.
    """
    limit = budget or looks.boxes.shape[1]
    boxes = looks.boxes[:, :limit]
    scores, triggered = (
        each[:, :limit].transpose(1, 2) for each in (looks.values, looks.triggered)
    )
    real = looks.real(budget)[:, None, :limit].expand_as(scores)
    pulled = (triggered > 0) & (triggered <= limit) & real
    kept = {
        "triggered": _dropped(boxes, scores, pulled, overlapping.nms),
        "attended": _dropped(boxes, scores, real, overlapping.nms)
        if overlapping.width is None
        else _weakened(boxes, scores, real, overlapping.width, overlapping.values),
    }
    # As wide as all looks again: of equal scores topk then takes the same ones.
    rest = (0, looks.boxes.shape[1] - boxes.shape[1])
    return {
        kind: _best(looks, F.pad(each, rest, value=-torch.inf), store, images, most)
        for kind, each in kept.items()
    }


def _dropped(boxes: Tensor, scores: Tensor, valid: Tensor, nms: float) -> Tensor:
    """Scores ``[N, C, W]``; infinitely low where a window is dropped."""
    return torch.where(suppress(boxes, scores, valid, nms), scores, -torch.inf)


def _weakened(
    boxes: Tensor, scores: Tensor, valid: Tensor, width: float, values: TriggerRange
) -> Tensor:
    """Scores ``[N, C, W]``, lowered within the range of values; infinitely low if not valid."""
    shares = weaken(boxes, values.fraction(scores).clamp(0, 1), valid, width)
    return torch.where(valid, values.value(shares), -torch.inf)


def _best(
    looks: Looks, scores: Tensor, store: SampleStore, images: Tensor, most: int
) -> dict[str, Detections]:
    """So many detections of each image: ``[N, C, W]`` scores, none where infinite."""
    windows = looks.boxes.shape[1]
    ranks = scores.flatten(1)
    best, place = ranks.topk(min(most, ranks.shape[1]), dim=1)
    row, column = best.isfinite().nonzero(as_tuple=True)
    place = place[row, column]
    return by_category(
        store,
        place // windows,
        images[row],
        looks.boxes[row, place % windows],
        best[row, column],
    )


class Ledger:
    """Adds up what the batches of a search found.

    Args:
        store: the images.
        overlapping: see ``detections_of``.
        most: likewise.
        max_windows: the search's budget.
    """

    def __init__(
        self, store: SampleStore, overlapping: Overlapping, most: int, max_windows: int
    ) -> None:
        self._store, self._overlapping, self._most = store, overlapping, most
        self.budgets = (*(each for each in BUDGETS if each < max_windows), max_windows)
        self.parts: dict[int, list[Mapping[str, Mapping[str, Detections]]]] = {
            budget: [] for budget in self.budgets
        }
        self._overlaps: dict[int, list[Tensor]] = {budget: [] for budget in self.budgets}
        self._windows: list[Tensor] = []
        self._steps: list[Tensor] = []
        self._done = 0

    def add(self, looks: Looks) -> None:
        """Add the next images of the store."""
        store = self._store
        images = torch.arange(self._done, self._done + len(looks.number))
        self._done += len(images)
        self._windows.append(looks.number)
        image, window, _ = (looks.triggered > 0).nonzero(as_tuple=True)
        self._steps.append(looks.depth[image, window])
        objects, mine = store.boxes[images], store.object_category[images] >= 0
        counted = (mine & ~store.difficult[images]).nonzero(as_tuple=True)
        for budget in self.budgets:
            found = detections_of(looks, store, images, self._overlapping, self._most, budget)
            self.parts[budget].append(found)
            row = counted[0]
            overlap = best_iou(objects[counted], looks.boxes[row], looks.real(budget)[row])
            self._overlaps[budget].append(overlap)

    def detections(self, budget: int) -> dict[str, dict[str, Detections]]:
        """Of all images, as if the search had ended after so many looks."""
        return {
            kind: joined([part[kind] for part in self.parts[budget]])
            for kind in ("triggered", "attended")
        }

    def summary(self) -> SearchMetrics:
        """Figures for ``metrics.json``; see ``docs/metrics.md``."""
        objects = objects_of(self._store)
        curve = []
        for budget in self.budgets:
            overlaps = torch.cat(self._overlaps[budget])
            windows = torch.cat(self._windows).clamp(max=budget).double()
            recall = {
                f"recall_{threshold}": float((overlaps >= threshold).double().mean())
                for threshold in RECALL_THRESHOLDS
            }
            ap = {
                f"ap_{kind}": mean_ap(parts, objects)
                for kind, parts in self.detections(budget).items()
            }
            point = {"budget": budget, "windows": float(windows.mean())} | recall | ap
            curve.append(BudgetPoint.model_validate(point))
        steps = torch.cat(self._steps).double()
        return SearchMetrics(
            curve=tuple(curve),
            triggers_per_image=len(steps) / max(1, self._done),
            steps_to_trigger=StepsToTrigger(
                median=float(steps.median()) if len(steps) else None,
                mean=float(steps.mean()) if len(steps) else None,
            ),
        )
