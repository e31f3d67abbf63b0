"""The forms in which tools write boxes, and how to tell them apart by all boxes together."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from objloc import params
from objloc.data.own.layout import Kind
from objloc.data.own.writers import FORMS as WRITERS_FORMS

Numbers = NDArray[np.float64]

MIN_FRACTION = 0.9
"""Minimum fraction of boxes that must be valid in another form for it to be believed."""
MAX_OWN = 0.5
"""Fraction of boxes that are valid in their own form, at which another is not believed."""
MIN_BOXES = 5
"""Minimum number of boxes that fail in their own form for another to be believed."""
TOLERANCE = 1.0
"""Maximum number of pixels by which a valid box reaches beyond its image."""


@dataclass(frozen=True)
class Convention:
    """How the boxes of a folder are written.

    Attributes:
        name: form of the boxes, a value of ``dataset.boxes``; ``far_first`` or ``y_first`` for
            two that are recognised but not read.
        fits: whether the boxes can be read as the layout or the parameter has it.
        words: description of the form.
        evidence: the counts or marks that support it.
        certain: whether there is evidence; without any, the layout's own form is assumed.
        hint: question whether another form is meant, which fits more boxes; or empty.
    """

    name: str
    fits: bool
    words: str
    evidence: str
    certain: bool = True
    hint: str = ""


@dataclass(frozen=True)
class _Form:
    """A form: a description, and the conversion to corners in zero-based half-open pixels."""

    words: str
    place: Callable[[Numbers, Numbers], Numbers]


def _shifted(*by: float) -> Callable[[Numbers, Numbers], Numbers]:
    return lambda boxes, _: boxes + np.array(by)


def _raised(boxes: Numbers, _: Numbers) -> Numbers:
    near = boxes[:, :2]
    return np.concatenate([np.where(near == 1, 0.0, near), boxes[:, 2:]], axis=1)


def _corner_size(boxes: Numbers, _: Numbers) -> Numbers:
    return np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)


def _centre_size(boxes: Numbers, _: Numbers) -> Numbers:
    half = boxes[:, 2:] / 2
    return np.concatenate([boxes[:, :2] - half, boxes[:, :2] + half], axis=1)


def _scaled(form: Callable[[Numbers, Numbers], Numbers]) -> Callable[[Numbers, Numbers], Numbers]:
    return lambda boxes, sizes: form(boxes * np.tile(sizes, 2), sizes)


_FORMS: dict[str, _Form] = {
    "voc": _Form("corners counted from one, inclusive, as VOC has it", _shifted(-1, -1, 0, 0)),
    "labelimg": _Form(
        "corners counted from zero, far end exclusive, 0 written as 1, as labelImg has it",
        _raised,
    ),
    "zero_exclusive": _Form("corners counted from zero, far end exclusive", _shifted(0, 0, 0, 0)),
    "zero_inclusive": _Form("corners counted from zero, far end inclusive", _shifted(0, 0, 1, 1)),
    "one_exclusive": _Form("corners counted from one, far end exclusive", _shifted(-1, -1, -1, -1)),
    "corner_size": _Form("corner and size, from zero, as COCO has it", _corner_size),
    "centre_size": _Form("centre and size in pixels", _centre_size),
    "fraction_corners": _Form("corners as fractions of the sides", _scaled(_shifted(0, 0, 0, 0))),
    "fraction_corner_size": _Form(
        "corner and size as fractions of the sides", _scaled(_corner_size)
    ),
    "fraction_centre_size": _Form(
        "centre and size as fractions of the sides, as YOLO has it", _scaled(_centre_size)
    ),
}
_UNREADABLE: dict[str, _Form] = {
    "far_first": _Form(
        "corners with the far one first (xmax, ymax, xmin, ymin)",
        lambda boxes, _: boxes[:, [2, 3, 0, 1]],
    ),
    "y_first": _Form(
        "corners with y before x (ymin, xmin, ymax, xmax)", lambda boxes, _: boxes[:, [1, 0, 3, 2]]
    ),
}
_OWN: dict[Kind, str] = {
    "voc": "voc",
    "coco": "corner_size",
    "yolo": "fraction_centre_size",
    "cvat": "zero_exclusive",
    "labelme": "zero_exclusive",
}
"""The form that each layout requires."""
_OTHERS = (
    "zero_exclusive", "corner_size", "centre_size", "far_first", "y_first", "fraction_corners",
    "fraction_corner_size", "fraction_centre_size",
)  # fmt: skip
"""The forms that boxes are compared with, if they fail in their own."""


def placed(name: str, boxes: Numbers, sizes: Numbers) -> Numbers:
    """Convert boxes in a form to corners in pixels, zero-based and half-open.

    Args:
        name: form of the boxes.
        boxes: ``[N, 4]`` as written.
        sizes: ``[N, 2]``, width and height of each box's image in pixels.

    Returns:
        ``[N, 4]``, not clipped.
    """
    return (_FORMS.get(name) or _UNREADABLE[name]).place(boxes, sizes)


def words_of(name: str) -> str:
    """Description of a form."""
    return (_FORMS.get(name) or _UNREADABLE[name]).words


def decide(
    kind: Kind, asked: params.Boxes, boxes: Numbers, sizes: Numbers, writer: str
) -> Convention:
    """Decide how boxes are written.

    Args:
        kind: layout of the folder.
        asked: the parameter ``dataset.boxes``.
        boxes: ``[N, 4]`` as written, N above 0.
        sizes: ``[N, 2]``, width and height of each box's image in pixels.
        writer: tool that wrote them; empty if not known.
    """
    if asked != "auto":
        return Convention(asked, True, words_of(asked), "as dataset.boxes says")
    own = _OWN[kind]
    valid = _valid(own, boxes, sizes)
    small = _all_fractions(boxes, sizes) and not own.startswith("fraction")
    hint = ""
    if small or (~valid).sum() >= MIN_BOXES:
        names = [each for each in _OTHERS if each.startswith("fraction") == small and each != own]
        fits = {name: float(_valid(name, boxes, sizes).mean()) for name in names}
        best = max(names, key=lambda name: fits[name])
        evidence = f"{valid.mean():.1%} of {len(boxes)} boxes make sense as {own}; " + "; ".join(
            f"{fits[name]:.1%} as {name}" for name in names
        )
        if small:
            evidence = f"all four numbers are at most 1; {evidence}"
        if fits[best] >= MIN_FRACTION and (small or valid.mean() < MAX_OWN):
            return Convention(best, False, words_of(best), evidence)
        if fits[best] == 1 or fits[best] >= MIN_FRACTION > valid.mean():
            hint = f"are they {words_of(best)}? {evidence}"
    if kind != "voc":
        return Convention(own, True, words_of(own), "as the format has it", hint=hint)
    return replace(_first_pixel(boxes[valid], sizes[valid], writer), hint=hint)


def _first_pixel(boxes: Numbers, sizes: Numbers, writer: str) -> Convention:
    """Decide whether corners count from zero or one, and whether the far end is inclusive.

    Boxes at the border tell; then fractions of pixels; then the tool.
    """
    near, far = boxes[:, :2], boxes[:, 2:]
    below_one, ones = int((near < 1).sum()), int((near == 1).sum())
    at_side, before, beyond = (int((far == sizes + by).sum()) for by in (0, -1, 1))
    fractional = int((boxes != np.rint(boxes)).any(axis=1).sum())
    evidence = (
        f"at the left and upper border {below_one} corners are below 1 and {ones} are 1; at the "
        f"right and lower {at_side} are the image's side, {before} one less and {beyond} one more"
    )
    if below_one > ones:
        name = "zero_inclusive" if before > at_side else "zero_exclusive"
        return Convention(name, True, words_of(name), evidence)
    if beyond > at_side:
        return Convention("one_exclusive", True, words_of("one_exclusive"), evidence)
    if 2 * fractional > len(boxes):
        evidence = f"{fractional} of {len(boxes)} boxes have fractions of pixels; {evidence}"
        return Convention("zero_exclusive", True, words_of("zero_exclusive"), evidence)
    if writer:
        name = WRITERS_FORMS[writer]
        evidence = f"the files look like those of {writer}; {evidence}"
        return Convention(name, True, words_of(name), evidence)
    words = words_of("voc")
    if ones and at_side:
        return Convention("voc", True, words, evidence)
    return Convention("voc", True, f"{words}; nothing shows it", evidence, certain=False)


def _valid(name: str, boxes: Numbers, sizes: Numbers) -> NDArray[np.bool_]:
    """Whether each box has no negative side and lies in its image, ``[N]``."""
    found = placed(name, boxes, sizes)
    return np.asarray(
        (found[:, 2:] >= found[:, :2]).all(axis=1)
        & (found[:, :2] >= -TOLERANCE).all(axis=1)
        & (found[:, 2:] <= sizes + TOLERANCE).all(axis=1)
    )


def _all_fractions(boxes: Numbers, sizes: Numbers) -> bool:
    small = (np.abs(boxes) <= 1 + 1e-6).all(axis=1) & (sizes > 2).all(axis=1)
    return bool(small.mean() > MIN_FRACTION)
