"""Turn scores into calibrated probabilities of being right, in the same order.

Source: Platt (1999), "Probabilistic outputs for support vector machines".
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from objloc.evaluation.matching import Detections, Flags, Floats, Match, Objects, match

_STEPS = 100
"""Maximum number of Newton's steps; a handful suffices."""
_MIN_SLOPE = 1e-3
"""Minimum slope, per standard deviation of the scores: the order must survive."""

_SMALLEST = int(np.float32(np.finfo(np.float32).tiny).view(np.int32))
"""Bits of the smallest float32 of full precision."""


@dataclass(frozen=True)
class Calibration:
    """Probability that a detection is right: the logistic function of its score.

    Attributes:
        slope: above 0, so that a higher score has a higher probability.
        offset: logit at score 0.
        detections: number of detections that it was fitted on.
        right: how many of these were right.
    """

    slope: float
    offset: float
    detections: int
    right: int

    @classmethod
    def fit(cls, scores: Floats, right: Flags) -> "Calibration":
        """Fit slope and offset by maximum likelihood, with Platt's targets.

        The targets, (R + 1) / (R + 2) for the R right detections and 1 / (W + 2) for the W
        wrong ones, keep the fit finite where scores separate right from wrong.
        Where higher scores are not right more often, all detections get about their mean
        probability and the slope is just enough to keep their order.

        Args:
            scores: ``[D]`` float64; may be empty.
            right: ``[D]`` bool.
        """
        number, true = len(scores), int(right.sum())
        mean = float(scores.mean()) if number else 0.0
        scale = float(scores.std()) if number else 0.0
        scale = scale or 1.0
        standard = (scores - mean) / scale
        target = np.where(right, (true + 1) / (true + 2), 1 / (number - true + 2))
        wanted = float(target.mean()) if number else 0.5
        start = np.array([0.0, np.log(wanted / (1 - wanted))])
        slope, intercept = _maximise(standard, target, start)
        if slope < _MIN_SLOPE:
            slope, intercept = _MIN_SLOPE, float(start[1])
        return cls(slope / scale, intercept - slope * mean / scale, number, true)

    def __str__(self) -> str:
        return (
            f"probability 1 / (1 + exp({-self.offset:.4g} - {self.slope:.4g} * score)), from "
            f"{self.detections} detections, {self.right} of them right"
        )

    def logits(self, scores: Floats) -> Floats:
        """Logits of the probabilities: ``[D]`` to ``[D]``."""
        return self.slope * scores + self.offset


def _maximise(scores: Floats, target: Floats, start: Floats) -> tuple[float, float]:
    """Slope and intercept of the highest likelihood, by Newton's method with halved steps."""
    columns = np.stack([scores, np.ones_like(scores)], axis=1)

    def loss(weights: Floats) -> float:
        logits = columns @ weights
        return float(np.sum(np.logaddexp(0.0, logits) - target * logits))

    weights, least = start, loss(start)
    for _ in range(_STEPS):
        fitted = logistic(columns @ weights)
        gradient = columns.T @ (fitted - target)
        curvature = (columns * (fitted * (1 - fitted))[:, None]).T @ columns
        step = np.linalg.solve(curvature + 1e-9 * np.eye(2), gradient)
        while (found := loss(weights - step)) > least and np.abs(step).max() > 1e-12:
            step = step / 2
        if found >= least:
            break
        weights, least = weights - step, found
    return float(weights[0]), float(weights[1])


def logistic(logits: Floats) -> Floats:
    """Probabilities of logits; no argument is too large."""
    return np.exp(-np.logaddexp(0.0, -logits))


def fit_calibration(
    detections: Mapping[str, Detections], objects: Mapping[str, Objects]
) -> Calibration:
    """Fit one calibration for all categories of an image set.

    A detection is right as average precision counts it; one on a difficult object counts
    neither way.

    Args:
        detections: detections by category.
        objects: objects by category; of at least the same categories.
    """
    scores, right = [np.empty(0)], [np.empty(0, dtype=np.bool_)]
    for category, claims in detections.items():
        matches = match(claims, objects[category])
        counted = matches.status != Match.IGNORED
        scores.append(matches.detections.scores[counted])
        right.append(matches.status[counted] == Match.TRUE)
    return Calibration.fit(np.concatenate(scores), np.concatenate(right))


def probabilities(calibration: Calibration, ranked_scores: Iterable[float]) -> Floats:
    """Probabilities of ranked detections, each below the one before it.

    They are float32 numbers, so that the order survives in programs that compute in float32
    too. Where the logistic function gives two detections the same number, because their
    scores are equal or because it is flat there, the later one gets the next lower number.

    Args:
        calibration: fitted before.
        ranked_scores: D scores, highest first.

    Returns:
        ``[D]`` float64, between 0 and 1.
    """
    scores = np.array(list(ranked_scores), dtype=np.float64)
    found = logistic(calibration.logits(scores)).astype(np.float32)
    # The bits of positive floats, read as integers, count them: the next lower is one less.
    place = np.arange(len(found))
    counts = found.view(np.int32).astype(np.int64)
    lowered = np.minimum.accumulate(counts + place) - place
    lowered = np.maximum(lowered, _SMALLEST + place[::-1])
    return lowered.astype(np.int32).view(np.float32).astype(np.float64)
