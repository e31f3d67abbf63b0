"""The program's own figures of the same cases, and what each convention changes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from benchmarks.metric_tools.case import Case, Row, as_in_file, ordinary
from objloc.data.store import SampleStore
from objloc.evaluation.average_precision import Curve, area, mean_known, precision_recall, voc2007
from objloc.evaluation.calibration import Calibration, logistic
from objloc.evaluation.coco import coco_results
from objloc.evaluation.detections import objects_of
from objloc.evaluation.matching import MATCH_IOU, Detections, Match, Objects, match

_CAP = 100


def case_of(
    store: SampleStore, found: Mapping[str, Detections], calibration: Calibration
) -> dict[str, object]:
    """The JSON of a case: detections of an evaluation and the objects of its images."""
    places = {image_id: row for row, image_id in enumerate(store.image_ids)}
    objects = [
        (places[name], category, box, int(hard))
        for category, each in enumerate(objects_of(store).values())
        for name, box, hard in zip(
            each.image_ids.tolist(), each.boxes.tolist(), each.difficult.tolist(), strict=True
        )
    ]
    scores = [
        (places[name], category, box, score)
        for category, each in enumerate(found[name] for name in store.categories)
        for name, box, score in zip(
            each.image_ids.tolist(), each.boxes.tolist(), each.scores.tolist(), strict=True
        )
    ]
    # Both lists are ranked, with equal scores in the same order.
    scores.sort(key=lambda row: -row[3])
    results = coco_results(found, store, calibration)
    probabilities = [
        (*row[:3], result["score"]) for row, result in zip(scores, results, strict=True)
    ]
    return {
        "images": len(store),
        "categories": len(store.categories),
        "objects": objects,
        "scores": scores,
        "probabilities": probabilities,
    }


def calibration_of(
    store: SampleStore, found: Mapping[str, Detections], calibration: Calibration
) -> dict[str, list[float]]:
    """Mean probability and fraction of right detections, of each fifth by probability.

    Detections on difficult objects are left out.
    """
    objects = objects_of(store)
    chances, right = [], []
    for category, each in found.items():
        matches = match(each, objects[category])
        counted = matches.status != Match.IGNORED
        chances.append(logistic(calibration.logits(matches.detections.scores[counted])))
        right.append(matches.status[counted] == Match.TRUE)
    chance, true = np.concatenate(chances), np.concatenate(right)
    fifths = np.array_split(np.argsort(-chance), 5)
    return {
        "probability": [float(chance[rows].mean()) for rows in fifths],
        "right": [float(true[rows].mean()) for rows in fifths],
    }


def average_precision(
    case: Case, define: Callable[[Curve], float] = area, match_iou: float = MATCH_IOU
) -> float:
    """Mean over the categories that have objects."""
    values = []
    for category in range(case.categories):
        mine = case.of_category(category)
        claims, objects = mine.scores, mine.objects
        curve = precision_recall(
            Detections(_names(claims), _boxes(claims), _last(claims)),
            Objects(_names(objects), _boxes(objects), _last(objects) == 1),
            match_iou,
        )
        values.append(None if curve is None else define(curve))
    mean = mean_known(values)
    return float("nan") if mean is None else mean


def _names(rows: Sequence[Row]) -> np.ndarray:
    return np.array([f"{image:09}" for image, *_ in rows], dtype=np.str_)


def _boxes(rows: Sequence[Row]) -> np.ndarray:
    return np.array([box for _, _, box, _ in rows], dtype=np.float64).reshape(-1, 4)


def _last(rows: Sequence[Row]) -> np.ndarray:
    return np.array([last for *_, last in rows], dtype=np.float64)


def points101(curve: Curve) -> float:
    """Mean over 101 recalls of the best precision at that recall or more, as COCO has it."""
    reached = [curve.precision[curve.recall >= point] for point in np.linspace(0, 1, 101)]
    return float(np.mean([part.max() if len(part) else 0.0 for part in reached]))


def _capped(case: Case) -> Case:
    """At most 100 windows of an image and category, the best-scored."""
    kept: list[Row] = []
    number: dict[tuple[int, int], int] = {}
    for row in case.scores:
        number[row[:2]] = number.get(row[:2], 0) + 1
        if number[row[:2]] <= _CAP:
            kept.append(row)
    return replace(case, scores=kept)


def _with_objects_only(case: Case) -> Case:
    """No windows in images that hold no object of their category."""
    held = {row[:2] for row in case.objects}
    return replace(case, scores=[row for row in case.scores if row[:2] in held])


def factors(case: Case) -> dict[str, float]:
    """Points that one convention adds to the area, all others kept.

    By the name of the convention.
    """
    plain = average_precision(case)
    changed = {
        "11 points": average_precision(case, voc2007),
        "101 points": average_precision(case, points101),
        "difficult as ordinary": average_precision(
            replace(case, objects=[(*row[:3], 0) for row in case.objects])
        ),
        "difficult left out": average_precision(replace(case, objects=ordinary(case.objects))),
        "a pixel less": average_precision(
            replace(case, objects=as_in_file(case.objects), scores=as_in_file(case.scores))
        ),
        "a pixel less of the objects only": average_precision(
            replace(case, objects=as_in_file(case.objects))
        ),
        "100 windows": average_precision(_capped(case)),
        "ties reversed": average_precision(
            replace(
                case,
                objects=[(case.images - row[0], *row[1:]) for row in case.objects],
                scores=[(case.images - row[0], *row[1:]) for row in case.scores],
            )
        ),
        "IoU above .5": average_precision(case, match_iou=float(np.nextafter(MATCH_IOU, 1))),
        "images without the category dropped": average_precision(_with_objects_only(case)),
        "scores not read": average_precision(
            replace(case, scores=[(*row[:3], 0.0) for row in case.scores])
        ),
    }
    return {name: 100 * (value - plain) for name, value in changed.items()}
