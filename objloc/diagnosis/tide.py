"""Kinds of errors among detections, and the average precision that each kind costs.

Source: Bolya, Foley, Hays & Hoffman (2020), "TIDE: A General Toolbox for
Identifying Object Detection Errors", ECCV, for the six kinds and for their
cost; the matching is that of ``objloc.evaluation.matching``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from objloc.evaluation.average_precision import AVERAGE_PRECISIONS, mean_known, precision_recall
from objloc.evaluation.matching import (
    MATCH_IOU,
    Detections,
    Flags,
    Floats,
    Indices,
    Match,
    Matches,
    Names,
    Objects,
    match,
    most_overlapped,
)

BACKGROUND_IOU = 0.1
"""Below this overlap with every object a detection shows background."""


class Status(IntEnum):
    """Kind of a detection; a false one has the first kind that applies."""

    TRUE = Match.TRUE
    """The best-ranked detection of an object."""
    IGNORED = Match.IGNORED
    """On a difficult object: neither true nor false."""
    DUPLICATE = Match.DUPLICATE
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
"""The errors in the order of the paper; ``missed`` are objects, the others detections."""


@dataclass(frozen=True)
class Diagnosis:
    """The detections of one category, ranked, each with its kind.

    Attributes:
        matches: D detections, each with the most overlapped object of the category.
        status: ``[D]`` of ``Status``.
        other: ``[D]`` index of the most overlapped object of another category,
            within that category's objects.
        other_category: ``[D]`` names; empty where there is none.
        other_iou: ``[D]``; -1 where there is none.
        missed: ``[M]`` bool, the category's objects that are not difficult and
            that neither a true detection nor a localisation or class error is on.
    """

    matches: Matches
    status: Indices
    other: Indices
    other_category: Names
    other_iou: Floats
    missed: Flags

    @property
    def detections(self) -> Detections:
        """The ranked detections."""
        return self.matches.detections

    def of(self, kind: str) -> Flags:
        """``[D]`` bool: the detections that are errors of a kind."""
        mask: Flags = self.status == Status[kind.upper()]
        return mask

    def number(self, kind: str) -> int:
        """Number of errors of a kind."""
        return int((self.missed if kind == "missed" else self.of(kind)).sum())


def diagnose(
    detections: Mapping[str, Detections], objects: Mapping[str, Objects]
) -> dict[str, Diagnosis]:
    """Give every detection and every object exactly one kind.

    Args:
        detections: claims by category.
        objects: objects of the same categories and image set.
    """
    found: dict[str, Diagnosis] = {}
    for category, each in detections.items():
        matches = match(each, objects[category])
        others = {name: held for name, held in objects.items() if name != category}
        names, other, other_iou = _most_overlapped_of(matches.detections, others)
        status = _status(matches, other_iou)
        missed = ~objects[category].difficult
        missed[matches.object[np.isin(status, (Status.TRUE, Status.LOCALISATION))]] = False
        found[category] = Diagnosis(matches, status, other, names, other_iou, missed)
    for diagnosis in found.values():
        wrong = diagnosis.of("class")
        for name in np.unique(diagnosis.other_category[wrong]).tolist():
            on = diagnosis.other[wrong & (diagnosis.other_category == name)]
            found[name].missed[on] = False
    return found


def _most_overlapped_of(
    detections: Detections, objects: Mapping[str, Objects]
) -> tuple[Names, Indices, Floats]:
    """Each detection's most overlapped object among several categories.

    Returns:
        Category, index within its objects, and IoU, ``[D]`` each: the first of equals
        in the order of ``objects``; empty, 0 and -1 where the image holds none.
    """
    if not objects:
        number = len(detections)
        return np.full(number, ""), np.zeros(number, dtype=np.int64), np.full(number, -1.0)
    categories = np.repeat(np.array(list(objects)), [len(each) for each in objects.values()])
    index = np.concatenate([np.arange(len(each)) for each in objects.values()])
    together = Objects(
        np.concatenate([each.image_ids for each in objects.values()]),
        np.concatenate([each.boxes for each in objects.values()]),
        np.concatenate([each.difficult for each in objects.values()]),
    )
    best, overlap = most_overlapped(detections, together)
    known = overlap >= 0
    names = np.full(len(detections), "", dtype=categories.dtype)
    names[known] = categories[best[known]]
    other = np.zeros(len(detections), dtype=np.int64)
    other[known] = index[best[known]]
    return names, other, overlap


def _status(matches: Matches, other_iou: Floats) -> Indices:
    """``[D]`` of ``Status``: the kind of each ranked detection."""
    kinds = np.full(len(other_iou), Status.BACKGROUND, dtype=np.int64)
    # What applies first is written last.
    kinds[other_iou >= BACKGROUND_IOU] = Status.BOTH
    kinds[other_iou >= MATCH_IOU] = Status.CLASS
    kinds[matches.iou >= BACKGROUND_IOU] = Status.LOCALISATION
    matched = matches.status != Match.NONE
    kinds[matched] = matches.status[matched]
    return kinds


def costs(
    diagnoses: Mapping[str, Diagnosis], objects: Mapping[str, Objects]
) -> dict[str, dict[str, float | None]]:
    """Cost of each kind of error: mean AP if it alone were put right, minus mean AP.

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
    """Put the errors of one kind right."""
    detections = {category: each.detections for category, each in diagnoses.items()}
    if kind == "missed":
        left = {category: each[~diagnoses[category].missed] for category, each in objects.items()}
        return detections, left
    if kind == "class":
        return _reclassified(diagnoses, objects), objects
    if kind == "localisation":
        placed = {name: _relocated(each, objects[name]) for name, each in diagnoses.items()}
        return placed, objects
    kept = {name: detections[name][~each.of(kind)] for name, each in diagnoses.items()}
    return kept, objects


def _relocated(diagnosis: Diagnosis, objects: Objects) -> Detections:
    """Put every localisation error exactly on its object."""
    wrong = diagnosis.of("localisation")
    boxes = diagnosis.detections.boxes.copy()
    boxes[wrong] = objects.boxes[diagnosis.matches.object[wrong]]
    moved = Detections(diagnosis.detections.image_ids, boxes, diagnosis.detections.scores)
    return _without_new_duplicates(moved, wrong | (diagnosis.status == Status.TRUE), objects)


def _reclassified(
    diagnoses: Mapping[str, Diagnosis], objects: Mapping[str, Objects]
) -> dict[str, Detections]:
    """Move every class error to the category of the object that it is on."""
    mended = {}
    for category, each in diagnoses.items():
        stays = each.detections[~each.of("class")]
        parts = [stays]
        single = [(each.status == Status.TRUE)[~each.of("class")]]
        for source in diagnoses.values():
            comes = source.detections[source.of("class") & (source.other_category == category)]
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
    matches = match(detections, objects)
    duplicate = matches.status == Match.DUPLICATE
    return matches.detections[~(duplicate & single[matches.order])]
