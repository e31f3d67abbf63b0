"""Match ranked detections with annotated objects, as the Pascal VOC devkit does.

Average precision, the kinds of errors and the bootstrap read what is found here.

Source: Everingham et al. (2010), "The Pascal Visual Object Classes (VOC)
Challenge", section 4.2.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import torch
from numpy.typing import NDArray

from objloc.box import iou

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Indices = NDArray[np.int64]
Names = NDArray[np.str_]

MATCH_IOU = 0.5
"""A detection is right if its IoU with an object is at least this."""

_PAIRS = 1_000_000
"""Detections by objects of an image that are overlapped at a time: some hundred megabytes."""


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

    def __getitem__(self, rows: Flags | Indices) -> "Detections":
        return Detections(self.image_ids[rows], self.boxes[rows], self.scores[rows])


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

    def __len__(self) -> int:
        return len(self.difficult)

    def __getitem__(self, rows: Flags | Indices) -> "Objects":
        return Objects(self.image_ids[rows], self.boxes[rows], self.difficult[rows])


class Match(IntEnum):
    """Status of a detection among the objects of its category."""

    TRUE = 0
    """The best-ranked detection of an object."""
    IGNORED = 1
    """On a difficult object: neither true nor false."""
    DUPLICATE = 2
    """On an object that a better-ranked detection has: false."""
    NONE = 3
    """On no object: false."""


@dataclass(frozen=True)
class Matches:
    """Ranked detections of one category, each with the object that it overlaps most.

    Attributes:
        detections: D of them, ranked.
        order: ``[D]`` where each stood before ranking.
        object: ``[D]`` index of the most overlapped object, the first of equals; 0
            where the image holds none.
        iou: ``[D]`` IoU with that object; -1 where the image holds none.
        status: ``[D]`` of ``Match``.
    """

    detections: Detections
    order: Indices
    object: Indices
    iou: Floats
    status: Indices


def ranking(detections: Detections) -> Indices:
    """Order by score, best first; equal scores by image name, then by box.

    So the order of a file or of a loop never matters.
    """
    xmin, ymin, xmax, ymax = detections.boxes.T
    return np.lexsort((ymax, xmax, ymin, xmin, detections.image_ids, -detections.scores))


def ranked(detections: Detections) -> Detections:
    """The same detections in the order of ``ranking``."""
    return detections[ranking(detections)]


def match(detections: Detections, objects: Objects, match_iou: float = MATCH_IOU) -> Matches:
    """Compare each detection with the object of its image that it overlaps most.

    Other objects are not considered, even if the detection overlaps them too and the
    first is taken.

    Args:
        detections: claims of one category, in any order.
        objects: the objects of this category in the same image set.
        match_iou: a detection is on an object if their IoU is at least this.
    """
    order = ranking(detections)
    detections = detections[order]
    best, overlap = most_overlapped(detections, objects)
    hit = overlap >= match_iou
    status = np.where(hit, Match.DUPLICATE, Match.NONE)
    if len(objects):
        status[hit & objects.difficult[best]] = Match.IGNORED
    candidates = np.flatnonzero(status == Match.DUPLICATE)
    # np.unique gives the first place of each object: its best-ranked detection.
    _, first = np.unique(best[candidates], return_index=True)
    status[candidates[first]] = Match.TRUE
    return Matches(detections, order, best, overlap, status)


def most_overlapped(detections: Detections, objects: Objects) -> tuple[Indices, Floats]:
    """Index of each detection's most overlapped object in its image, and their IoU.

    Returns:
        ``[D]`` and ``[D]``: the first of equals; 0 and -1 where the image holds none.
    """
    best = np.zeros(len(detections), dtype=np.int64)
    overlap = np.full(len(detections), -1.0)
    if not len(objects):
        return best, overlap
    names, row = np.unique(objects.image_ids, return_inverse=True)
    order = np.argsort(row, kind="stable")
    counts = np.bincount(row)
    column = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
    # Object indices by image, padded with -1.
    table = np.full((len(names), counts.max()), -1)
    table[row[order], column] = order
    place = np.searchsorted(names, detections.image_ids).clip(max=len(names) - 1)
    known = np.flatnonzero(names[place] == detections.image_ids)
    size = max(1, _PAIRS // table.shape[1])
    for some in np.split(known, range(size, len(known), size)):
        others = table[place[some]]
        overlaps = iou(
            torch.from_numpy(detections.boxes[some])[:, None],
            torch.from_numpy(objects.boxes[others]),
        ).numpy()
        overlaps = np.where(others >= 0, overlaps, -1.0)
        chosen = overlaps.argmax(axis=1)
        rows = np.arange(len(some))
        best[some] = others[rows, chosen]
        overlap[some] = overlaps[rows, chosen]
    return best, overlap
