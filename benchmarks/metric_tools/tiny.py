"""Small cases on which packages count in different ways, each with the devkit's answer."""

from collections.abc import Mapping, Sequence
from typing import Any

Box = tuple[float, float, float, float]

HERE: Box = (0, 0, 10, 10)
FAR: Box = (50, 50, 60, 60)
NEAR: Box = (0, 0, 10, 8)
"""Overlaps HERE by IoU .8."""


def _case(
    objects: Sequence[tuple[int, int, Box, int]],
    claims: Sequence[tuple[int, int, Box, float]],
    *,
    images: int,
    categories: int = 1,
) -> dict[str, Any]:
    return {
        "images": images,
        "categories": categories,
        "objects": objects,
        "scores": claims,
        "probabilities": claims,
    }


TINY: Mapping[str, dict[str, Any]] = {
    "difficult": _case(
        [(0, 0, HERE, 1), (1, 0, HERE, 0), (2, 0, HERE, 0)],
        [(0, 0, HERE, 0.9), (1, 0, HERE, 0.8)],
        images=3,
    ),
    "difficult nearer": _case([(0, 0, HERE, 1), (0, 0, NEAR, 0)], [(0, 0, HERE, 0.9)], images=1),
    "second best free": _case(
        [(0, 0, HERE, 0), (0, 0, (0, 0, 10, 14), 0)],
        [(0, 0, HERE, 0.9), (0, 0, (0, 0, 10, 10.5), 0.8)],
        images=1,
    ),
    "IoU .5": _case([(0, 0, HERE, 0)], [(0, 0, (0, 0, 10, 5), 0.9)], images=1),
    "ties": _case(
        [(image, 0, HERE, 0) for image in range(20)],
        [(image, 0, HERE, 0.5) for image in range(40)],
        images=40,
    ),
    "101st window": _case(
        [(0, 0, HERE, 0)],
        [(0, 0, FAR, 0.99 - rank / 1000) for rank in range(100)] + [(0, 0, HERE, 0.5)],
        images=1,
    ),
    "no objects": _case(
        [(0, 0, HERE, 0)], [(0, 0, HERE, 0.9), (0, 1, HERE, 0.8)], images=1, categories=2
    ),
    "no windows": _case(
        [(0, 0, HERE, 0), (0, 1, FAR, 0)], [(0, 0, HERE, 0.9)], images=1, categories=2
    ),
    "empty images": _case(
        [(2, 0, HERE, 0)],
        [(0, 0, HERE, 0.9), (1, 0, HERE, 0.8), (2, 0, HERE, 0.7)],
        images=3,
    ),
    "scores below 0": _case(
        [(image, 0, HERE, 0) for image in range(3)],
        [(0, 0, HERE, -1.5), (1, 0, (0, 0, 10, 4), -2.5), (2, 0, HERE, -3.5)],
        images=3,
    ),
}
"""Cases by name. All detections are listed in the order in which our files have them."""

MEANING: Mapping[str, str] = {
    "difficult": "a window on a difficult object and one on one of two ordinary objects: .500 if "
    "the first is ignored, .667 if it is right, .250 if it is wrong, .333 if it is ignored but "
    "recall counts the difficult object",
    "difficult nearer": "a window on a difficult object that overlaps an ordinary one by .8, too: "
    "ignored (0) or right (1)",
    "second best free": "a window on an object that is taken overlaps a free one by more than .5, "
    "too: wrong (.500) or right (1)",
    "IoU .5": "an IoU of exactly one half: right (1) or not (0)",
    "ties": "forty equal scores, the twenty right windows listed first: 1 where the order stays",
    "101st window": "the right window after 100 wrong ones of the same image: .010, or 0 if it is "
    "cut off",
    "no objects": "a right window, and a window of a category without objects: 1 if that category "
    "is left out of the mean, .500 if it counts as 0",
    "no windows": "a category found, and one without windows: .500, or 1 if it is left out",
    "empty images": "two windows in images without objects, ranked before the right one: .333, or "
    "1 if such images are dropped",
    "scores below 0": "a right window, a badly placed one and a right one, with scores of -1.5, "
    "-2.5 and -3.5: .556",
}
"""What each case asks, and what the answers mean."""
