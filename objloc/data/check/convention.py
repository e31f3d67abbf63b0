"""Infer the convention in which boxes are written, from all of them together."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from objloc.data.check.findings import Convention

Numbers = NDArray[np.float64]

MIN_FRACTION = 0.9
"""Minimum fraction of boxes that must be valid in a convention for it to be accepted."""
TOLERANCE = 1.0
"""Maximum number of pixels by which a box may reach beyond its image."""


def sniff(kind: Literal["voc", "coco"], boxes: Numbers, sizes: Numbers) -> Convention:
    """Infer how boxes are written.

    Args:
        kind: VOC expects corners counted from one, both ends inclusive; COCO expects
            a corner and a size, from zero.
        boxes: ``[N, 4]`` as written, N above 0.
        sizes: ``[N, 2]``, width and height of each box's image in pixels.
    """
    corners, xywh = _corners_fit(boxes, sizes), _xywh_fit(boxes, sizes)
    swapped = _corners_fit(boxes[:, [2, 3, 0, 1]], sizes)
    turned = _corners_fit(boxes[:, [1, 0, 3, 2]], sizes)
    fractions = {
        "corners": corners.mean(), "corner and size": xywh.mean(),
        "corners, far one first": swapped.mean(), "corners, y before x": turned.mean(),
    }  # fmt: skip
    evidence = "; ".join(
        f"{fraction:.1%} make sense as {name}" for name, fraction in fractions.items()
    )
    small = (np.abs(boxes) <= 1 + 1e-6).all(axis=1) & (sizes > 2).all(axis=1)
    if small.mean() > MIN_FRACTION:
        evidence = f"all four numbers are at most 1 in {small.mean():.1%} of {len(boxes)} boxes"
        return Convention("normalised", False, "shares of the image's sides, not pixels", evidence)
    own, other = (corners, xywh) if kind == "voc" else (xywh, corners)
    best = max((swapped, turned, other), key=lambda fit: float(fit.mean()))
    if own.mean() < MIN_FRACTION < best.mean():
        if best is swapped:
            words = "corners with the far one first (xmax, ymax, xmin, ymin)"
            return Convention("swapped", False, words, evidence)
        if best is turned:
            words = "corners with y before x (ymin, xmin, ymax, xmax)"
            return Convention("yxyx", False, words, evidence)
        if kind == "voc":
            return Convention("xywh", False, "corner and size, not two corners", evidence)
        return Convention("xyxy", False, "two corners, not corner and size", evidence)
    if kind == "coco":
        return Convention("xywh", True, "corner and size, from zero, as COCO has it", evidence)
    return _first_pixel(boxes[corners], sizes[corners])


def _first_pixel(boxes: Numbers, sizes: Numbers) -> Convention:
    """Infer from boxes at the border whether corners count from zero or one, and their far end."""
    zeros, ones = ((boxes[:, :2] == number).sum() for number in (0, 1))
    last = (boxes[:, 2:] == sizes).sum()
    before = (boxes[:, 2:] == sizes - 1).sum()
    minimum = boxes[:, :2].min() if len(boxes) else np.nan
    evidence = (
        f"at the left and upper border {zeros} corners are 0 and {ones} are 1 (the least is "
        f"{minimum:g}); at the right and lower {last} are the image's side and {before} one less"
    )
    if zeros > ones:
        if last > 0:
            words = "corners counted from zero, far end exclusive"
            return Convention("zero-based half-open", False, words, evidence)
        words = "corners counted from zero, far end inclusive"
        return Convention("zero-based inclusive", False, words, evidence)
    if ones > 0:
        return Convention(
            "voc", True, "corners counted from one, inclusive, as VOC has it", evidence
        )
    return Convention("corners", True, "corners; too few at the border to tell the rest", evidence)


def _corners_fit(boxes: Numbers, sizes: Numbers) -> NDArray[np.bool_]:
    return np.asarray(
        (boxes[:, 2:] >= boxes[:, :2]).all(axis=1)
        & (boxes[:, :2] >= -TOLERANCE).all(axis=1)
        & (boxes[:, 2:] <= sizes + TOLERANCE).all(axis=1)
    )


def _xywh_fit(boxes: Numbers, sizes: Numbers) -> NDArray[np.bool_]:
    return np.asarray(
        (boxes[:, 2:] >= 0).all(axis=1)
        & (boxes[:, :2] >= -TOLERANCE).all(axis=1)
        & (boxes[:, :2] + boxes[:, 2:] <= sizes + TOLERANCE).all(axis=1)
    )
