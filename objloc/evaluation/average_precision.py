"""Average precision, as the Pascal VOC devkit defines it.

Knows boxes, scores and difficult flags only, so that it can be held against
other implementations apart from any agent.

Source: the devkits of 2007 (11 points) and 2010 onwards (area).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from objloc.evaluation.matching import MATCH_IOU, Detections, Floats, Match, Objects, match

RECALL_POINTS: Floats = np.arange(0.0, 1.1, 0.1)
"""The eleven recalls of 2007 as doubles. The fourth is the next double above 0.3, as
in the devkit and its ports; the seventh and eighth are above 0.6 and 0.7, as in the ports."""


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


def precision_recall(
    detections: Detections, objects: Objects, match_iou: float = MATCH_IOU
) -> Curve | None:
    """The curve of ranked detections over all images of a set.

    Returns:
        None if every object is difficult or there is none: recall has no meaning.
    """
    positives = int((~objects.difficult).sum())
    if positives == 0:
        return None
    status = match(detections, objects, match_iou).status
    trues = np.cumsum(status == Match.TRUE)
    counted = np.cumsum(status != Match.IGNORED)
    return Curve(precision=trues / np.maximum(counted, 1), recall=trues / positives)


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
    """Mean of the values that are not None; None if there is none."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def mean_ap(detections: Mapping[str, Detections], objects: Mapping[str, Objects]) -> float | None:
    """Mean over the categories of the average precision of 2007.

    Args:
        detections: claims by category.
        objects: objects by category; of at least the same categories.
    """
    curves = (precision_recall(each, objects[name]) for name, each in detections.items())
    return mean_known(None if curve is None else voc2007(curve) for curve in curves)
