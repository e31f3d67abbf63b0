"""What is wrong with detections, and the average precision that each kind costs.

Source: Bolya, Foley, Hays & Hoffman (2020), "TIDE: A General Toolbox for
Identifying Object Detection Errors", ECCV, for the six kinds and for their
cost; the matching is that of ``objloc.evaluation.average_precision``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import torch
from numpy.typing import NDArray

from objloc.box import pairwise_iou
from objloc.evaluation.average_precision import (
    AVERAGE_PRECISIONS,
    MATCH_IOU,
    Detections,
    Flags,
    Floats,
    Objects,
    mean_known,
    precision_recall,
    ranked,
)

BACKGROUND_IOU = 0.1
"""Below this overlap with every object a detection shows background."""

Indices = NDArray[np.int64]


class Status(IntEnum):
    """What a detection is; a false one is the first of its kinds that applies."""

    TRUE = 0
    """The best-ranked detection of an object."""
    IGNORED = 1
    """Of a difficult object: neither true nor false."""
    DUPLICATE = 2
    """On an object that a better-ranked detection has."""
    LOCALISATION = 3
    """On an object of its category, but badly placed: 0.1 <= IoU < 0.5."""
    CLASS = 4
    """On an object of another category: IoU >= 0.5."""
    BOTH = 5
    """Badly placed on an object of another category: 0.1 <= IoU < 0.5."""
    BACKGROUND = 6
    """On no object of any category that the model knows."""


KINDS = ("class", "localisation", "both", "duplicate", "background", "missed")
"""The errors in the order of the paper; ``missed`` are objects, the rest detections."""


@dataclass(frozen=True)
class Diagnosis:
    """The detections of one category, ranked, each with what it is.

    Attributes:
        detections: D of them, ranked.
        status: ``[D]`` of ``Status``.
        own: ``[D]`` index of the most overlapped object of the category.
        own_iou: ``[D]``; -1 where the image holds none.
        other: ``[D]`` index of the most overlapped object of another category,
            within that category's objects.
        other_category: ``[D]`` names; empty where there is none.
        other_iou: ``[D]``; -1 where there is none.
        missed: ``[M]`` bool, the category's objects that are not difficult and
            that neither a true detection nor a localisation or class error is on.
    """

    detections: Detections
    status: Indices
    own: Indices
    own_iou: Floats
    other: Indices
    other_category: NDArray[np.str_]
    other_iou: Floats
    missed: Flags

    def of(self, kind: str) -> Flags:
        """``[D]`` bool: the detections that are errors of a kind."""
        mask: Flags = self.status == Status[kind.upper()]
        return mask

    def number(self, kind: str) -> int:
        """Errors of a kind."""
        return int((self.missed if kind == "missed" else self.of(kind)).sum())


def diagnose(
    detections: Mapping[str, Detections], objects: Mapping[str, Objects]
) -> dict[str, Diagnosis]:
    """Put every detection and every object into exactly one place.

    Args:
        detections: by category.
        objects: of the same categories and image set.
    """
    groups = {category: _rows_by_image(each) for category, each in objects.items()}
    found: dict[str, Diagnosis] = {}
    for category, each in detections.items():
        one = ranked(each)
        own, own_iou, _ = _nearest(one, objects, groups, (category,))
        others = tuple(name for name in objects if name != category)
        other, other_iou, names = _nearest(one, objects, groups, others)
        status = _status(own, own_iou, other_iou, objects[category].difficult)
        missed = ~objects[category].difficult
        on_own = np.isin(status, (Status.TRUE, Status.LOCALISATION))
        missed[own[on_own]] = False
        found[category] = Diagnosis(one, status, own, own_iou, other, names, other_iou, missed)
    for diagnosis in found.values():
        wrong = diagnosis.of("class")
        names, on = diagnosis.other_category[wrong].tolist(), diagnosis.other[wrong].tolist()
        for name, index in zip(names, on, strict=True):
            found[name].missed[index] = False
    return found


def _rows_by_image(objects: Objects) -> dict[str, Indices]:
    """Indices of the objects of each image."""
    rows: dict[str, list[int]] = {}
    for row, image_id in enumerate(objects.image_ids.tolist()):
        rows.setdefault(image_id, []).append(row)
    return {image_id: np.array(each) for image_id, each in rows.items()}


def _nearest(
    detections: Detections,
    objects: Mapping[str, Objects],
    groups: Mapping[str, Mapping[str, Indices]],
    categories: tuple[str, ...],
) -> tuple[Indices, Floats, NDArray[np.str_]]:
    """Each detection's most overlapped object of some categories: index, IoU, category.

    The first of equals; -1 and an empty name where the image holds none.
    """
    index = np.zeros(len(detections), dtype=np.int64)
    best = np.full(len(detections), -1.0)
    names = np.full(len(detections), "", dtype=object)
    order = np.argsort(detections.image_ids, kind="stable")
    image_ids, starts = np.unique(detections.image_ids[order], return_index=True)
    # Without a detection there is an end and no start.
    ends = [*starts[1:].tolist(), len(order)]
    for image_id, start, end in zip(image_ids.tolist(), starts.tolist(), ends, strict=False):
        rows = order[start:end]
        boxes = torch.from_numpy(detections.boxes[rows])
        for category in categories:
            held = groups[category].get(image_id)
            if held is None:
                continue
            overlaps = pairwise_iou(boxes, torch.from_numpy(objects[category].boxes[held])).numpy()
            nearest = overlaps.argmax(axis=1)
            value = overlaps[np.arange(len(rows)), nearest]
            better = value > best[rows]
            index[rows[better]] = held[nearest[better]]
            best[rows[better]] = value[better]
            names[rows[better]] = category
    return index, best, names.astype(np.str_)


def _status(own: Indices, own_iou: Floats, other_iou: Floats, difficult: Flags) -> Indices:
    """``[D]`` of ``Status``: what each ranked detection is."""
    hit = own_iou >= MATCH_IOU
    ignored = hit & difficult[own] if len(difficult) else hit
    conditions = (
        (ignored, Status.IGNORED),
        (hit & _first_on_object(own, hit & ~ignored), Status.TRUE),
        (hit, Status.DUPLICATE),
        (own_iou >= BACKGROUND_IOU, Status.LOCALISATION),
        (other_iou >= MATCH_IOU, Status.CLASS),
        (other_iou >= BACKGROUND_IOU, Status.BOTH),
    )
    return np.select(
        [each for each, _ in conditions],
        [np.int64(status) for _, status in conditions],
        np.int64(Status.BACKGROUND),
    )


def _first_on_object(own: Indices, candidates: Flags) -> Flags:
    """Which candidates are the best-ranked of their object."""
    rows = np.flatnonzero(candidates)
    _, first = np.unique(own[rows], return_index=True)
    chosen = np.zeros(len(own), dtype=bool)
    chosen[rows[first]] = True
    return chosen


def costs(
    diagnoses: Mapping[str, Diagnosis], objects: Mapping[str, Objects]
) -> dict[str, dict[str, float | None]]:
    """What each kind of error costs: mean AP if it alone were put right, minus mean AP.

    A class error moves to the category of its object, a localisation error onto
    its object; a detection that this makes a duplicate is dropped, be it the one
    that was put right or the one that it outranks. Errors both, duplicate and
    background are dropped. A missed object no longer counts.

    Returns:
        By definition of AP (``voc2007``, ``area``), then by kind; also ``ap``,
        the mean as it is. None if no category has an object that is not difficult.
    """
    aps = {kind: _averages(*_mended(kind, diagnoses, objects)) for kind in KINDS}
    as_it_is = {category: each.detections for category, each in diagnoses.items()}
    now = _averages(as_it_is, objects)
    table: dict[str, dict[str, float | None]] = {}
    for name in AVERAGE_PRECISIONS:
        counted = [category for category, each in objects.items() if not each.difficult.all()]
        base = mean_known(now[name][category] for category in counted)
        table[name] = {"ap": base}
        for kind in KINDS:
            mean = mean_known(aps[kind][name][category] for category in counted)
            table[name][kind] = None if mean is None or base is None else mean - base
    return table


def _averages(
    detections: Mapping[str, Detections], objects: Mapping[str, Objects]
) -> dict[str, dict[str, float]]:
    """AP by definition and category.

    Where no object is left to be found it is 1, unless something is claimed.
    """
    table: dict[str, dict[str, float]] = {name: {} for name in AVERAGE_PRECISIONS}
    for category, each in detections.items():
        curve = precision_recall(each, objects[category])
        for name, define in AVERAGE_PRECISIONS.items():
            table[name][category] = float(len(each) == 0) if curve is None else define(curve)
    return table


def _mended(
    kind: str, diagnoses: Mapping[str, Diagnosis], objects: Mapping[str, Objects]
) -> tuple[dict[str, Detections], Mapping[str, Objects]]:
    """Detections and objects with the errors of one kind put right."""
    detections = {category: each.detections for category, each in diagnoses.items()}
    if kind == "missed":
        left = {
            category: Objects(each.image_ids[keep], each.boxes[keep], each.difficult[keep])
            for category, each in objects.items()
            for keep in (~diagnoses[category].missed,)
        }
        return detections, left
    if kind == "class":
        return _reclassified(diagnoses, objects), objects
    if kind == "localisation":
        placed = {name: _relocated(each, objects[name]) for name, each in diagnoses.items()}
        return placed, objects
    kept = {name: _rows(detections[name], ~each.of(kind)) for name, each in diagnoses.items()}
    return kept, objects


def _rows(detections: Detections, keep: Flags | Indices) -> Detections:
    return Detections(detections.image_ids[keep], detections.boxes[keep], detections.scores[keep])


def _relocated(diagnosis: Diagnosis, objects: Objects) -> Detections:
    """Every localisation error put exactly on its object."""
    wrong = diagnosis.of("localisation")
    boxes = diagnosis.detections.boxes.copy()
    boxes[wrong] = objects.boxes[diagnosis.own[wrong]]
    moved = Detections(diagnosis.detections.image_ids, boxes, diagnosis.detections.scores)
    return _without_new_duplicates(moved, wrong | (diagnosis.status == Status.TRUE), objects)


def _reclassified(
    diagnoses: Mapping[str, Diagnosis], objects: Mapping[str, Objects]
) -> dict[str, Detections]:
    """Every class error moved to the category of the object that it is on."""
    mended = {}
    for category, each in diagnoses.items():
        stays = _rows(each.detections, ~each.of("class"))
        parts = [stays]
        single = [(each.status == Status.TRUE)[~each.of("class")]]
        for source in diagnoses.values():
            comes = _rows(
                source.detections, source.of("class") & (source.other_category == category)
            )
            parts.append(comes)
            single.append(np.ones(len(comes), dtype=bool))
        together = Detections(
            np.concatenate([part.image_ids for part in parts]),
            np.concatenate([part.boxes for part in parts]),
            np.concatenate([part.scores for part in parts]),
        )
        mended[category] = _without_new_duplicates(
            together, np.concatenate(single), objects[category]
        )
    return mended


def _without_new_duplicates(detections: Detections, single: Flags, objects: Objects) -> Detections:
    """Drop those of ``single`` ``[D]`` that are on an object which a better-ranked one has."""
    order = _rank(detections)
    detections, single = _rows(detections, order), single[order]
    groups = {"own": _rows_by_image(objects)}
    own, own_iou, _ = _nearest(detections, {"own": objects}, groups, ("own",))
    hit = own_iou >= MATCH_IOU
    if len(objects.difficult):
        hit &= ~objects.difficult[own]
    duplicate = hit & ~_first_on_object(own, hit)
    return _rows(detections, ~(duplicate & single))


def _rank(detections: Detections) -> Indices:
    """The order of ``ranked``."""
    xmin, ymin, xmax, ymax = detections.boxes.T
    return np.lexsort((ymax, xmax, ymin, xmin, detections.image_ids, -detections.scores))
