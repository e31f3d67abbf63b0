"""Average precision in image sets drawn with replacement: the bootstrap.

Source: Efron (1979), "Bootstrap methods: another look at the jackknife".
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from objloc.evaluation.average_precision import AVERAGE_PRECISIONS, RECALL_POINTS
from objloc.evaluation.matching import Flags, Floats, Indices, Match, Matches, Objects

_CHUNK = 4_000_000
"""Numbers held at a time: some tens of megabytes."""


@dataclass(frozen=True)
class Ranking:
    """All that the average precision of a category depends on.

    Attributes:
        image: ``[D]`` int64, image of each ranked detection.
        true: ``[D]`` bool.
        counted: ``[D]`` bool, True where not ignored.
        positives: ``[N]`` float64, objects in each image that are not difficult.
    """

    image: Indices
    true: Flags
    counted: Flags
    positives: Floats

    @classmethod
    def of(cls, matches: Matches, objects: Objects, image_ids: Sequence[str]) -> "Ranking":
        """Take it from matched detections.

        Args:
            matches: detections of the category.
            objects: objects of the category.
            image_ids: images of the set, in the order of the weights.
        """
        place = {image_id: row for row, image_id in enumerate(image_ids)}
        held = [place[each] for each in objects.image_ids[~objects.difficult].tolist()]
        rows = [place[each] for each in matches.detections.image_ids.tolist()]
        return cls(
            image=np.array(rows, dtype=np.int64),
            true=matches.status == Match.TRUE,
            counted=matches.status != Match.IGNORED,
            positives=np.bincount(held, minlength=len(image_ids)).astype(np.float64),
        )


def replicated_aps(rankings: Sequence[Ranking], weights: Floats) -> dict[str, Floats]:
    """Average precision in drawn image sets.

    An image drawn twice counts as two, its detections next to each other in the
    ranking. The result is that of a set with a copy of the image.

    Args:
        rankings: one for each of C categories.
        weights: ``[R, N]``, how often each image was drawn; see
            ``objloc.evaluation.success_rate.drawn_weights``.

    Returns:
        ``[R, C + 1]`` by definition (``voc2007``, ``area``): the categories, then
        their mean; nan in a set without an object of the category.
    """
    parts = [_one_category(each, weights) for each in rankings]
    table = {}
    for name in AVERAGE_PRECISIONS:
        values = np.stack([part[name] for part in parts], axis=1)
        known = ~np.isnan(values)
        with np.errstate(invalid="ignore"):
            mean = np.where(known, values, 0.0).sum(axis=1) / known.sum(axis=1)
        table[name] = np.concatenate([values, mean[:, None]], axis=1)
    return table


def _one_category(ranking: Ranking, weights: Floats) -> dict[str, Floats]:
    size = max(1, _CHUNK // max(1, len(ranking.image)))
    chunks = [
        _chunk(ranking, weights[first : first + size]) for first in range(0, len(weights), size)
    ]
    return {name: np.concatenate([chunk[name] for chunk in chunks]) for name in chunks[0]}


def _chunk(ranking: Ranking, weights: Floats) -> dict[str, Floats]:
    positives = weights @ ranking.positives
    by_detection = weights[:, ranking.image]
    trues = np.cumsum(by_detection * ranking.true, axis=1)
    counted = np.cumsum(by_detection * ranking.counted, axis=1)
    precision = trues / np.maximum(counted, 1.0)
    envelope = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    with np.errstate(invalid="ignore", divide="ignore"):
        recall = trues / positives[:, None]
    # Behind the last detection no precision is left for a recall not reached.
    padded = np.concatenate([envelope, np.zeros((len(weights), 1))], axis=1)
    rows = np.arange(len(weights))
    points = [padded[rows, (recall < point).sum(axis=1)] for point in RECALL_POINTS]
    steps = np.diff(recall, axis=1, prepend=0.0)
    unknown = positives == 0
    return {
        "voc2007": np.where(unknown, np.nan, np.mean(points, axis=0)),
        "area": np.where(unknown, np.nan, (steps * envelope).sum(axis=1)),
    }
