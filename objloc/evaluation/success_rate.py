"""The success rate: the metric of 2018, and its interval.

For the definition of success see ``objloc.mdp.success``. Counted are the images that
hold the category, difficult objects included.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from objloc.evaluation.average_precision import mean_known
from objloc.evaluation.matching import Floats

IOU_THRESHOLDS = tuple(percent / 100 for percent in range(50, 100, 5))
"""Thresholds at which success is measured against IoU: .50, .55 to .95."""

REPLICATES = 1000
"""Number of image sets drawn for an interval."""


@dataclass(frozen=True)
class Outcomes:
    """Outcomes of E episodes for each of N images and C categories.

    Attributes:
        quality: ``[E, N, C]`` float64, IoU of the final window with the
            best-matching object if the episode ended in a trigger; else 0.
        counted: ``[N, C]`` bool, the images that count for each category.
    """

    quality: Tensor
    counted: Tensor

    def share(self, threshold: float) -> Tensor:
        """``[N, C]`` float64: fraction of the episodes that succeed; 0 where not counted."""
        right = (self.quality > threshold).double().mean(dim=0)
        return torch.where(self.counted, right, 0.0)

    def rates(self, threshold: float) -> list[float | None]:
        """Mean success over the images of each category; None where no image counts."""
        total = self.share(threshold).sum(dim=0).tolist()
        number = self.counted.sum(dim=0).tolist()
        return [part / whole if whole else None for part, whole in zip(total, number, strict=True)]

    def mean(self, threshold: float) -> float | None:
        """Mean rate over the categories that have images."""
        return mean_known(self.rates(threshold))


def counted_images(presence: Tensor, max_images: int | None) -> Tensor:
    """The first ``max_images`` images of each category: ``[N, C]`` bool to the same."""
    if max_images is None:
        return presence
    return presence & (presence.cumsum(dim=0) <= max_images)


def by_iou(outcomes: Outcomes) -> dict[str, float | None]:
    """Mean success rate over the categories at each IoU threshold."""
    return {f"{threshold:.2f}": outcomes.mean(threshold) for threshold in IOU_THRESHOLDS}


def drawn_weights(images: int, generator: np.random.Generator) -> Floats:
    """``[REPLICATES, N]``: how often each of N images is in each set drawn with replacement."""
    chances = np.full(images, 1 / images)
    weights = np.empty((REPLICATES, images))
    # One after another: all at once would be in memory twice, as integers too.
    for replicate in weights:
        replicate[:] = generator.multinomial(images, chances)
    return weights


def replicated_rates(shares: Floats, counted: Floats, generator: np.random.Generator) -> Floats:
    """Success rates in image sets drawn from the images with replacement.

    Source: Efron (1979), "Bootstrap methods: another look at the jackknife".

    Args:
        shares: ``[S, N, C]``, success of S searchers in each image and category,
            0 where not counted. All see the same drawn sets, so that their
            differences may be taken.
        counted: ``[N, C]``, 1 where the image counts.
        generator: draws the images.

    Returns:
        ``[S, REPLICATES, C + 1]``: categories, then their mean; nan in a set
        without an image of the category.
    """
    weights = drawn_weights(len(counted), generator)
    with np.errstate(invalid="ignore"):
        rates = (weights @ shares) / (weights @ counted)
    known = ~np.isnan(rates)
    total = np.where(known, rates, 0.0).sum(axis=2)
    with np.errstate(invalid="ignore"):
        mean = total / known.sum(axis=2)
    return np.concatenate([rates, mean[..., None]], axis=2)


def interval(replicates: Floats) -> tuple[float, float] | None:
    """The middle 95 % of replicates ``[R]``; None if all are nan."""
    known = replicates[~np.isnan(replicates)]
    if len(known) == 0:
        return None
    low, high = np.percentile(known, (2.5, 97.5)).tolist()
    return (low, high)
