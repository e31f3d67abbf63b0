"""Errors and misses of an analysis, as ``objloc explain`` and the report show them."""

from collections.abc import Mapping
from typing import NamedTuple

import torch

from objloc.diagnosis.analysis import Analysis
from objloc.diagnosis.misses import Miss
from objloc.diagnosis.tide import BACKGROUND_IOU, KINDS, Diagnosis
from objloc.evaluation.average_precision import AVERAGE_PRECISIONS, mean_known
from objloc.evaluation.matching import MATCH_IOU
from objloc.evaluation.metrics import KINDS_OF_DETECTIONS, DataName, Part

LISTED = 200
"""Maximum number of detections listed of each kind of error, best scores first."""


class Words(NamedTuple):
    """Name and explanation of a kind."""

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
"""Words for the reasons of misses, in the order in which they are asked."""

ERROR_WORDS = {
    "class": Words("class", "on an object of another category"),
    "localisation": Words("localisation", "on the right object, badly placed"),
    "both": Words("both", "badly placed on an object of another category"),
    "duplicate": Words("duplicate", "on an object that a better-ranked detection has"),
    "background": Words("background", "on no object of any category the model knows"),
    "missed": Words("missed", "objects that no detection and no such error is on"),
}
"""Words for the six kinds of errors."""


class MissedObject(Part):
    """An object that was missed, with the IoU of the window that came nearest to it."""

    image_id: str
    category: str
    nearest_iou: float


class MissFigures(Part):
    """One reason of misses."""

    title: str
    text: str
    objects: int
    """Objects missed for this reason."""
    searches: int
    """Failed searches for this reason."""
    cost: float | None
    """Success rate that they cost, mean over the categories."""
    listed: tuple[MissedObject, ...]
    """The objects, nearest first."""


class Place(Part):
    """An image, and a category in it."""

    image_id: str
    category: str


class ScoredPlace(Place):
    """A detection."""

    score: float


class ErrorFigures(Part):
    """One kind of error."""

    title: str
    text: str
    number: int
    cost: dict[str, float | None]
    """Mean AP that the errors cost, by definition."""
    listed: tuple[ScoredPlace | Place, ...]
    """The detections, best scores first; of ``missed`` the objects."""


class DetectionErrors(Part):
    """Errors of one kind of detections."""

    ap: dict[str, float | None]
    """Mean AP as it is, by definition."""
    kinds: dict[str, ErrorFigures]


class Explanation(Part):
    """All errors and misses on an image set."""

    image_set: str
    data: DataName
    model: str
    images: int
    searches: int
    failed_searches: int
    objects: int
    objects_found: int
    iou_threshold: float
    match_iou: float
    background_iou: float
    beam_width: int
    differing_searches: int
    misses: dict[str, MissFigures]
    errors: dict[str, DetectionErrors]


def explanation_of(analysis: Analysis) -> Explanation:
    """Collect all errors and misses of an analysis."""
    evaluation, misses = analysis.evaluation, analysis.misses
    return Explanation(
        image_set=evaluation.image_set,
        data=evaluation.metrics.data,
        model=evaluation.metrics.model.sha256,
        images=len(analysis.store),
        searches=len(analysis.searches.steps),
        failed_searches=int(misses.search_failed.sum()),
        objects=len(misses.found),
        objects_found=int(misses.found.sum()),
        iou_threshold=evaluation.threshold,
        match_iou=MATCH_IOU,
        background_iou=BACKGROUND_IOU,
        beam_width=analysis.width,
        differing_searches=analysis.differing,
        misses={miss.name.lower(): _miss(analysis, miss) for miss in Miss},
        errors={kind: _errors(analysis, kind) for kind in KINDS_OF_DETECTIONS},
    )


def _miss(analysis: Analysis, miss: Miss) -> MissFigures:
    misses, searches, store = analysis.misses, analysis.searches, analysis.store
    failed = misses.search_failed & (misses.search_reason == miss)
    costs: list[float | None] = []
    for category in range(len(store.categories)):
        mine = searches.category == category
        costs.append(float(failed[mine].double().mean()) if mine.any() else None)
    rows = (~misses.found & (misses.reason == miss)).nonzero().flatten()
    # The nearest first: there the least was lacking.
    rows = rows[misses.nearest[rows].argsort(descending=True, stable=True)]
    return MissFigures(
        title=MISS_WORDS[miss].title,
        text=MISS_WORDS[miss].text,
        objects=len(rows),
        searches=int(failed.sum()),
        cost=mean_known(costs),
        listed=tuple(
            MissedObject(
                image_id=store.image_ids[int(searches.image[misses.search[row]])],
                category=store.categories[int(searches.category[misses.search[row]])],
                nearest_iou=round(float(misses.nearest[row]), 4),
            )
            for row in rows.tolist()
        ),
    )


def _errors(analysis: Analysis, kind_of_detections: str) -> DetectionErrors:
    diagnoses, costs = analysis.diagnoses[kind_of_detections], analysis.costs[kind_of_detections]
    return DetectionErrors(
        ap={name: costs[name]["ap"] for name in AVERAGE_PRECISIONS},
        kinds={
            kind: ErrorFigures(
                title=ERROR_WORDS[kind].title,
                text=ERROR_WORDS[kind].text,
                number=sum(each.number(kind) for each in diagnoses.values()),
                cost={name: costs[name][kind] for name in AVERAGE_PRECISIONS},
                listed=_missed(analysis, diagnoses)
                if kind == "missed"
                else _worst_of(diagnoses, kind),
            )
            for kind in KINDS
        },
    )


def _missed(analysis: Analysis, diagnoses: Mapping[str, Diagnosis]) -> tuple[Place, ...]:
    places = [
        Place(image_id=image_id, category=category)
        for category, each in diagnoses.items()
        for image_id in analysis.objects[category].image_ids[each.missed].tolist()
    ]
    return tuple(places[:LISTED])


def _worst_of(diagnoses: Mapping[str, Diagnosis], kind: str) -> tuple[ScoredPlace, ...]:
    """The best-scored errors of a kind."""
    places = []
    for category, each in diagnoses.items():
        wrong = each.detections[each.of(kind)]
        places += [
            ScoredPlace(image_id=image_id, category=category, score=score)
            for image_id, score in zip(wrong.image_ids.tolist(), wrong.scores.tolist(), strict=True)
        ]
    return tuple(sorted(places, key=lambda place: -place.score)[:LISTED])


def best_and_worst(analysis: Analysis, number: int) -> dict[str, list[int]]:
    """Choose searches to show, each image once.

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
