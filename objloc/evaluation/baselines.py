"""Baselines: searchers that look at nothing, for comparison with every figure.

``random``: every action with the same probability. ``whole_image``: a trigger at
once. ``fixed_box``: one box for each category, in fractions of the image's sides,
fitted on the training images.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from objloc.box import best_iou
from objloc.data.sample import Coordinates
from objloc.data.store import SampleStore
from objloc.evaluation.detections import as_written
from objloc.evaluation.matching import Detections, Floats
from objloc.evaluation.success_rate import Outcomes


class Baseline(NamedTuple):
    """How a baseline is called.

    Attributes:
        title: in tables and legends.
        name: in sentences, with its article.
    """

    title: str
    name: str


BASELINES: Mapping[str, Baseline] = {
    "random": Baseline("random agent", "a random agent"),
    "whole_image": Baseline("whole image", "the whole image"),
    "fixed_box": Baseline("best fixed box", "the best fixed box"),
}
"""By their keys in ``metrics.json``."""


def best_known(figures: Iterable[float | None]) -> float | None:
    """The best of the baselines' figures; None if none is known."""
    return max((each for each in figures if each is not None), default=None)


WHOLE_IMAGE: Coordinates = (0.0, 0.0, 1.0, 1.0)
"""In fractions of the image's sides."""

GRID_LINES = 20
"""The first search tries every box whose sides lie on twentieths of the image."""
REFINEMENTS = (40, 80)
"""Then each side may move by a fortieth, then by an eightieth."""


def object_shares(store: SampleStore, category: str) -> tuple[Tensor, Tensor]:
    """Places of a category's objects in the images that hold it.

    Returns:
        ``[N, K, 4]`` float64 fractions of the image's sides, and ``[N, K]`` bool, True
        where an object is real.
    """
    mine = store.object_category == store.categories.index(category)
    images = mine.any(dim=1)
    limit = torch.cat([store.sizes, store.sizes], dim=1)[:, None]
    return (store.boxes / limit)[images], mine[images]


def fit_fixed_box(objects: Tensor, present: Tensor, threshold: float) -> Coordinates:
    """The box that overlaps an object in most images by an IoU above a threshold.

    Every box on a grid of twentieths is tried, then the best one's sides are
    moved by fortieths and eightieths as long as that helps. Of boxes that hit
    as many images the one with the higher mean IoU is better, then the first in
    the order of xmin, xmax, ymin, ymax.

    Args:
        objects: ``[N, K, 4]`` float64 fractions of the image's sides.
        present: ``[N, K]`` bool, True where an object is real.
        threshold: IoU to be above.

    Returns:
        Fractions of the image's sides; the whole image if there is no object.
    """
    if len(objects) == 0:
        return WHOLE_IMAGE
    candidates = _best_on_grid(objects, present, threshold)
    best, value = _best_of(candidates, objects, present, threshold)
    for lines in REFINEMENTS:
        while True:
            moves = torch.cartesian_prod(*[torch.tensor([0.0, -1.0, 1.0]).double()] * 4) / lines
            near = (best + moves).clamp(0, 1)
            near = near[(near[:, 2:] - near[:, :2]).amin(dim=1) >= 1 / GRID_LINES - 1e-9]
            better, better_value = _best_of(near, objects, present, threshold)
            if better_value <= value:
                break
            best, value = better, better_value
    xmin, ymin, xmax, ymax = best.tolist()
    return (xmin, ymin, xmax, ymax)


def _best_on_grid(objects: Tensor, present: Tensor, threshold: float) -> Tensor:
    """``[B, 4]``: the boxes of the grid that hit most images."""
    first, last = np.triu_indices(GRID_LINES + 1, k=1)
    low, high = first / GRID_LINES, last / GRID_LINES
    side = high - low
    total = np.zeros((len(side), len(side)), dtype=np.int64)

    def shared_with(near: float, far: float) -> tuple[Floats, NDArray[np.intp]]:
        """Length that intervals of the grid share with one, and which are near it at all."""
        shared = np.maximum(np.minimum(high, far) - np.maximum(low, near), 0.0)
        # IoU along one axis is no less than that of the boxes: most are out already.
        union = side + (far - near) - shared
        return shared, np.flatnonzero(shared >= (threshold - 1e-9) * union)

    for image_objects, image_present in zip(objects, present, strict=True):
        hit = np.zeros(total.shape, dtype=np.bool_)
        for xmin, ymin, xmax, ymax in image_objects[image_present].tolist():
            (across, x), (down, y) = shared_with(xmin, xmax), shared_with(ymin, ymax)
            shared = np.outer(across[x], down[y])
            union = np.outer(side[x], side[y]) + (xmax - xmin) * (ymax - ymin) - shared
            hit[np.ix_(x, y)] |= shared > threshold * union
        total += hit
    x, y = (total == total.max()).nonzero()
    return torch.from_numpy(np.stack([low[x], low[y], high[x], high[y]], axis=1))


def _best_of(
    boxes: Tensor, objects: Tensor, present: Tensor, threshold: float
) -> tuple[Tensor, tuple[float, float]]:
    """The best of boxes ``[B, 4]``, the number of images it hits and its mean IoU."""
    worth: list[tuple[int, float]] = []
    # As many at a time as keep the overlaps within some megabytes.
    most = max(1, 250_000 // present.numel())
    for first in range(0, len(boxes), most):
        overlaps = best_iou(boxes[first : first + most, None], objects, present)
        hits, means = (overlaps > threshold).sum(dim=1), overlaps.mean(dim=1)
        # Rounded: boxes that differ by a rounding error only are the same.
        worth += zip(hits.tolist(), (round(mean, 9) for mean in means.tolist()), strict=True)
    best = max(range(len(boxes)), key=worth.__getitem__)
    return boxes[best], worth[best]


def fit_fixed_boxes(
    store: SampleStore, categories: Sequence[str], threshold: float
) -> dict[str, Coordinates]:
    """The best fixed box of each category, in fractions of the image's sides."""
    return {name: fit_fixed_box(*object_shares(store, name), threshold) for name in categories}


def fixed_boxes(store: SampleStore, shares: dict[str, Coordinates]) -> Tensor:
    """``[N, C, 4]`` float64 pixels: each category's fixed box in each image."""
    boxes = torch.tensor([shares[name] for name in store.categories], dtype=torch.float64)
    return as_written(boxes * torch.cat([store.sizes, store.sizes], dim=1)[:, None])


def fixed_outcomes(store: SampleStore, boxes: Tensor, counted: Tensor) -> Outcomes:
    """A trigger at once on a given window: ``[N, C, 4]`` float64 pixels."""
    image, category = counted.nonzero(as_tuple=True)
    quality = torch.zeros(1, *counted.shape, dtype=torch.float64)
    overlap = best_iou(boxes[image, category], *store.objects_of(image, category))
    quality[0, image, category] = overlap
    return Outcomes(quality, counted)


def fixed_detections(store: SampleStore, boxes: Tensor) -> dict[str, Detections]:
    """The same windows as detections in every image, all with the same score."""
    image_ids = np.array(store.image_ids)
    return {
        name: Detections(image_ids, boxes[:, index].numpy(), np.ones(len(image_ids)))
        for index, name in enumerate(store.categories)
    }
