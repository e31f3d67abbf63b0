"""Errors and misses as plain values: what ``objloc explain`` and the report tell."""

from typing import Any, NamedTuple

import torch

from objloc.diagnosis.analysis import Analysis
from objloc.diagnosis.misses import Miss
from objloc.diagnosis.tide import BACKGROUND_IOU, KINDS, Diagnosis
from objloc.evaluation.average_precision import AVERAGE_PRECISIONS, mean_known
from objloc.evaluation.matching import MATCH_IOU
from objloc.evaluation.metrics import KINDS_OF_DETECTIONS

LISTED = 200
"""Detections listed of each kind of error, the best-scored."""


class Words(NamedTuple):
    """How a kind is called and explained."""

    title: str
    text: str


MISS_WORDS = {
    Miss.OUT_OF_REACH: Words(
        "not found by the oracle",
        "not even a searcher that sees the truth found a right window with these moves",
    ),
    Miss.ANOTHER_OBJECT: Words(
        "found another object", "the search ended on another object of the category"
    ),
    Miss.MISTIMED: Words(
        "triggered too early or late",
        "a later window would have been right had it gone on, or an earlier one was",
    ),
    Miss.BESIDE: Words(
        "triggered beside it", "on a wrong window that overlaps the object by IoU 0.1 or more"
    ),
    Miss.ELSEWHERE: Words("triggered elsewhere", "on a window away from the object"),
    Miss.NEVER_TRIGGERED: Words(
        "never triggered", "it stayed with a right window to its last step and did not say so"
    ),
    Miss.LEFT: Words(
        "left the object", "it looked at a right window, went away and did not come back"
    ),
    Miss.CIRCLES: Words(
        "went in circles", "it came back to a window that it knew; none of them was right"
    ),
    Miss.OUT_OF_STEPS: Words("ran out of steps", "it was still on new ground at the step limit"),
}
"""Of the reasons of misses, in the order in which they are asked."""

ERROR_WORDS = {
    "class": Words("class", "on an object of another category"),
    "localisation": Words("localisation", "on the right object, badly placed"),
    "both": Words("both", "badly placed on an object of another category"),
    "duplicate": Words("duplicate", "on an object that a better-ranked detection has"),
    "background": Words("background", "on no object of any category the model knows"),
    "missed": Words("missed", "objects that no detection and no such error is on"),
}
"""Of the six kinds of errors."""


def explanation_of(analysis: Analysis) -> dict[str, Any]:
    """All errors and misses of an analysis; plain values for JSON."""
    evaluation = analysis.evaluation
    return {
        "image_set": evaluation.image_set,
        "data": evaluation.metrics.data.as_json(),
        "model": evaluation.metrics.model.sha256,
        "images": len(analysis.store),
        "searches": len(analysis.searches.steps),
        "failed_searches": int(analysis.misses.search_failed.sum()),
        "objects": len(analysis.misses.found),
        "objects_found": int(analysis.misses.found.sum()),
        "iou_threshold": evaluation.threshold,
        "match_iou": MATCH_IOU,
        "background_iou": BACKGROUND_IOU,
        "beam_width": analysis.width,
        "differing_searches": analysis.differing,
        "misses": {miss.name.lower(): _miss(analysis, miss) for miss in Miss},
        "errors": {kind: _errors(analysis, kind) for kind in KINDS_OF_DETECTIONS},
    }


def _miss(analysis: Analysis, miss: Miss) -> dict[str, Any]:
    """One reason: how many, what it costs the success rate, and where."""
    misses, searches, store = analysis.misses, analysis.searches, analysis.store
    failed = misses.search_failed & (misses.search_reason == miss)
    costs: list[float | None] = []
    for category in range(len(store.categories)):
        mine = searches.category == category
        costs.append(float(failed[mine].double().mean()) if mine.any() else None)
    rows = (~misses.found & (misses.reason == miss)).nonzero().flatten()
    # The nearest first: there the least was lacking.
    rows = rows[misses.nearest[rows].argsort(descending=True, stable=True)]
    return {
        "title": MISS_WORDS[miss].title,
        "text": MISS_WORDS[miss].text,
        "objects": len(rows),
        "searches": int(failed.sum()),
        "cost": mean_known(costs),
        "listed": [
            {
                "image_id": store.image_ids[int(searches.image[misses.search[row]])],
                "category": store.categories[int(searches.category[misses.search[row]])],
                "nearest_iou": round(float(misses.nearest[row]), 4),
            }
            for row in rows.tolist()
        ],
    }


def _errors(analysis: Analysis, kind_of_detections: str) -> dict[str, Any]:
    """The six kinds of errors of one kind of detections."""
    diagnoses, costs = analysis.diagnoses[kind_of_detections], analysis.costs[kind_of_detections]
    return {
        "ap": {name: costs[name]["ap"] for name in AVERAGE_PRECISIONS},
        "kinds": {
            kind: {
                "title": ERROR_WORDS[kind].title,
                "text": ERROR_WORDS[kind].text,
                "number": sum(each.number(kind) for each in diagnoses.values()),
                "cost": {name: costs[name][kind] for name in AVERAGE_PRECISIONS},
                "listed": _listed(analysis, diagnoses, kind),
            }
            for kind in KINDS
        },
    }


def _listed(analysis: Analysis, diagnoses: dict[str, Diagnosis], kind: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for category, each in diagnoses.items():
        if kind == "missed":
            image_ids = analysis.objects[category].image_ids[each.missed].tolist()
            rows += [{"image_id": image_id, "category": category} for image_id in image_ids]
            continue
        wrong = each.of(kind)
        rows += [
            {"image_id": image_id, "category": category, "score": score}
            for image_id, score in zip(
                each.detections.image_ids[wrong].tolist(),
                each.detections.scores[wrong].tolist(),
                strict=True,
            )
        ]
    rows.sort(key=lambda row: -row.get("score", 0.0))
    return rows[:LISTED]


def best_and_worst(analysis: Analysis, number: int) -> dict[str, list[int]]:
    """The searches that came nearest, and those that failed worst; each image once.

    Best: right triggers of the highest IoU. Worst: failed searches of the lowest
    final IoU, of equals the one that was surest of its trigger.

    Returns:
        ``best`` and ``worst``: rows of ``analysis.searches``.
    """
    searches, failed = analysis.searches, analysis.misses.search_failed
    rows = torch.arange(len(failed))
    sure = searches.q_values[rows, searches.steps - 1, -1]
    iou = searches.final_iou
    order = {
        "best": sorted(rows[~failed].tolist(), key=lambda row: (-float(iou[row]), row)),
        "worst": sorted(
            rows[failed].tolist(),
            key=lambda row: (round(float(iou[row]), 2), -float(sure[row]), row),
        ),
    }
    chosen: dict[str, list[int]] = {}
    for name, candidates in order.items():
        images: dict[int, int] = {}
        for row in candidates:
            images.setdefault(int(searches.image[row]), row)
        chosen[name] = list(images.values())[:number]
    return chosen
