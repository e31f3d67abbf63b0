"""Curves of success, recall and AP by the number of windows that a search may look at."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from objloc.box import iou
from objloc.data.store import SampleStore
from objloc.evaluation.average_precision import mean_ap, mean_known
from objloc.evaluation.detections import attended, concatenate, triggered
from objloc.evaluation.matching import MATCH_IOU, Detections, Objects
from objloc.evaluation.metrics import Part
from objloc.search.rollout import Rollout

_BUDGETS = (1, 2, 3, 4, 5, 7, 10, 15, 20, 30, 40, 50, 75, 100, 150, 200, 300, 500)


def budgets(limit: int) -> tuple[int, ...]:
    """Choose numbers of windows to measure at, the step limit the last."""
    return (*(each for each in _BUDGETS if each < limit), limit)


def limited(searches: Rollout, windows: int) -> Rollout:
    """The same searches, ended after a number of windows if they had not triggered by then."""
    return replace(
        searches,
        steps=searches.steps.clamp(max=windows),
        terminated=searches.terminated & (searches.steps <= windows),
    )


@dataclass(frozen=True)
class Spending:
    """Contribution of one batch of searches to the curves.

    Attributes:
        triggered, attended: detections by budget, then by category.
        first_hit: ``[N, K]`` int64, number of windows that the search of an
            object's category looked at until one overlapped it by 0.5 or more;
            a number beyond every budget if none did.
    """

    triggered: dict[int, dict[str, Detections]]
    attended: dict[int, dict[str, Detections]]
    first_hit: Tensor


NEVER = 1 << 40
"""A number of windows that no search reaches."""


def spend(store: SampleStore, searches: Rollout, windows: tuple[int, ...], nms: float) -> Spending:
    """Compute what one batch of searches finds with each number of windows.

    Args:
        store: the images.
        searches: greedy episodes.
        windows: numbers of windows.
        nms: see ``objloc.evaluation.detections.attended``.
    """
    cut = {number: limited(searches, number) for number in windows}
    objects = store.boxes[searches.image]
    mine = store.object_category[searches.image] == searches.category[:, None]
    overlap = iou(searches.boxes[:, :, None], objects[:, None])
    looked_at = torch.arange(overlap.shape[1]) < searches.steps[:, None]
    hit = (overlap >= MATCH_IOU) & mine[:, None] & looked_at[:, :, None]
    first = torch.where(hit.any(dim=1), hit.int().argmax(dim=1) + 1, NEVER)
    table = torch.full(store.object_category.shape, NEVER)
    table.scatter_reduce_(0, searches.image[:, None].expand_as(first), first, "amin")
    return Spending(
        triggered={number: triggered(each, store) for number, each in cut.items()},
        attended={number: attended(each, store, nms) for number, each in cut.items()},
        first_hit=table,
    )


class Curves(Part):
    """Mean figures over the categories by number of windows that a search may look at.

    AP is that of VOC2007. Recall is the fraction of the objects that are not difficult
    on which a window was.
    """

    windows: tuple[float, ...]
    ap_triggered: tuple[float | None, ...]
    ap_attended: tuple[float | None, ...]
    recall: tuple[float | None, ...]


class CurvesByWindows(Curves):
    """Curves of the agent beside a random agent's and the oracle's."""

    recall_random: tuple[float | None, ...]
    recall_oracle: tuple[float | None, ...]
    success: tuple[float | None, ...]
    """Mean success rate of searches that have triggered by then."""


def curves_of(
    store: SampleStore, objects: Mapping[str, Objects], parts: Sequence[Spending]
) -> Curves:
    """Compute the curves of one searcher.

    Args:
        store: the images.
        objects: objects by category.
        parts: batches of all searches, every category in every image.
    """
    windows = list(parts[0].triggered)
    hit = torch.stack([part.first_hit for part in parts]).amin(dim=0)
    return Curves(
        windows=tuple(float(number) for number in windows),
        ap_triggered=tuple(
            mean_ap(concatenate(part.triggered[number] for part in parts), objects)
            for number in windows
        ),
        ap_attended=tuple(
            mean_ap(concatenate(part.attended[number] for part in parts), objects)
            for number in windows
        ),
        recall=tuple(mean_recall(store, hit <= number) for number in windows),
    )


def mean_recall(store: SampleStore, hit: Tensor) -> float | None:
    """Fraction of the objects hit, mean over the categories; difficult ones do not count.

    Args:
        store: the images.
        hit: ``[N, K]`` bool.
    """
    shares: list[float | None] = []
    for category in range(len(store.categories)):
        counted = (store.object_category == category) & ~store.difficult
        shares.append(float(hit[counted].double().mean()) if counted.any() else None)
    return mean_known(shares)
