"""Average precision, as the Pascal VOC devkit defines it.

Knows boxes, scores and difficult flags only, so that it can be held against
other implementations apart from any agent.

Source: Everingham et al. (2010), "The Pascal Visual Object Classes (VOC)
Challenge", section 4.2, and the devkits of 2007 (11 points) and 2010 onwards
(area).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from objloc.box import iou

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Names = NDArray[np.str_]

MATCH_IOU = 0.5
"""A detection is right if its IoU with an object is at least this."""

RECALL_POINTS: Floats = np.arange(0.0, 1.1, 0.1)
"""The eleven points of 2007 as doubles. The fourth is the next double above 0.3,
as it is in the devkit and in every port of it; so are the seventh and eighth
above 0.6 and 0.7 in the ports."""


@dataclass(frozen=True)
class Detections:
    """Windows claimed to hold an object of one category, in one image set.

    Attributes:
        image_ids: ``[D]`` names.
        boxes: ``[D, 4]`` float64 pixels.
        scores: ``[D]`` float64, higher is surer.
    """

    image_ids: Names
    boxes: Floats
    scores: Floats

    def __len__(self) -> int:
        return len(self.scores)


@dataclass(frozen=True)
class Objects:
    """The annotated objects of one category in one image set.

    Attributes:
        image_ids: ``[M]`` names.
        boxes: ``[M, 4]`` float64 pixels.
        difficult: ``[M]`` bool.
    """

    image_ids: Names
    boxes: Floats
    difficult: Flags


@dataclass(frozen=True)
class Curve:
    """Precision and recall after each ranked detection: ``[D]`` float64 each."""

    precision: Floats
    recall: Floats

    @property
    def last_point(self) -> "Curve":
        """The curve of detections that all have the same score.

        They stand or fall together, so precision and recall exist only once all
        are taken; an order among them would be luck.
        """
        return Curve(self.precision[-1:], self.recall[-1:])


def ranked(detections: Detections) -> Detections:
    """Best score first; equal scores by image name, then by box.

    So the order of a file or of a loop never matters.
    """
    xmin, ymin, xmax, ymax = detections.boxes.T
    order = np.lexsort((ymax, xmax, ymin, xmin, detections.image_ids, -detections.scores))
    return Detections(
        detections.image_ids[order], detections.boxes[order], detections.scores[order]
    )


def precision_recall(
    detections: Detections, objects: Objects, match_iou: float = MATCH_IOU
) -> Curve | None:
    """The curve of ranked detections over all images of a set.

    Each detection is held against the object of its image that it overlaps
    most, and against no other. It is true if IoU is ``match_iou`` or more and no
    better-ranked detection has that object; neither true nor false if the object
    is difficult; else false.

    Returns:
        None if there is no object that is not difficult: recall has no meaning.
    """
    positives = int((~objects.difficult).sum())
    if positives == 0:
        return None
    detections = ranked(detections)
    best, overlap = _best_object(detections, objects)
    hit = overlap >= match_iou
    ignored = hit & objects.difficult[best]
    candidates = np.flatnonzero(hit & ~ignored)
    # np.unique gives the first place of each object: its best-ranked detection.
    _, first = np.unique(best[candidates], return_index=True)
    true = np.zeros(len(detections), dtype=bool)
    true[candidates[first]] = True
    trues = np.cumsum(true, dtype=np.float64)
    counted = np.cumsum(~ignored, dtype=np.float64)
    return Curve(precision=trues / np.maximum(counted, 1.0), recall=trues / positives)


def _best_object(detections: Detections, objects: Objects) -> tuple[NDArray[np.int64], Floats]:
    """Index of each detection's most overlapped object, and their IoU.

    The first of equals; index 0 and IoU -1 where the image holds no object.
    """
    names, row = np.unique(objects.image_ids, return_inverse=True)
    order = np.argsort(row, kind="stable")
    counts = np.bincount(row, minlength=len(names))
    column = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
    # Object indices by image, padded with -1.
    table = np.full((len(names), counts.max()), -1)
    table[row[order], column] = order
    place = np.searchsorted(names, detections.image_ids).clip(max=len(names) - 1)
    known = np.flatnonzero(names[place] == detections.image_ids)
    others = table[place[known]]
    overlaps = iou(
        torch.from_numpy(detections.boxes[known])[:, None], torch.from_numpy(objects.boxes[others])
    ).numpy()
    overlaps = np.where(others >= 0, overlaps, -1.0)
    chosen = overlaps.argmax(axis=1)
    best = np.zeros(len(detections), dtype=np.int64)
    overlap = np.full(len(detections), -1.0)
    best[known] = others[np.arange(len(known)), chosen]
    overlap[known] = overlaps[np.arange(len(known)), chosen]
    return best, overlap


def voc2007(curve: Curve) -> float:
    """Mean over eleven recalls of the best precision at that recall or more.

    Source: devkit of 2007, ``VOCevaldet.m``.
    """
    reached = [curve.precision[curve.recall >= point] for point in RECALL_POINTS]
    return float(np.mean([part.max() if len(part) else 0.0 for part in reached]))


def area(curve: Curve) -> float:
    """Area below the curve once precision is made to fall only.

    Source: devkit of 2010, ``VOCap.m``.
    """
    recall = np.concatenate(([0.0], curve.recall))
    envelope = np.maximum.accumulate(curve.precision[::-1])[::-1]
    return float(np.sum(np.diff(recall) * envelope))


AVERAGE_PRECISIONS = {"voc2007": voc2007, "area": area}
"""The two definitions by their names in ``metrics.json``."""


def mean_known(values: Iterable[float | None]) -> float | None:
    """Mean of those that are not None; None if there is none."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def mean_ap(detections: Mapping[str, Detections], objects: Mapping[str, Objects]) -> float | None:
    """Mean over the categories of the average precision of 2007.

    Args:
        detections: by category.
        objects: of at least the same categories.
    """
    curves = (precision_recall(each, objects[name]) for name, each in detections.items())
    return mean_known(None if curve is None else voc2007(curve) for curve in curves)
