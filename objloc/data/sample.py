"""An annotated image, the form of the data in every module after the devkit."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from objloc.errors import ObjlocError

VOC_CATEGORIES = (
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow",
    "diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa",
    "train", "tvmonitor",
)  # fmt: skip
"""The twenty categories of Pascal VOC, in the devkit's order."""

Coordinates = tuple[float, float, float, float]
"""``(xmin, ymin, xmax, ymax)`` in pixels, zero-based, half-open, unrounded."""


def coordinates(box: Iterable[float]) -> Coordinates:
    """Convert four numbers to a box."""
    xmin, ymin, xmax, ymax = box
    return (xmin, ymin, xmax, ymax)


@dataclass(frozen=True)
class Part:
    """A part of an object (VOC annotates a person's head, hands and feet)."""

    name: str
    box: Coordinates


@dataclass(frozen=True)
class VocObject:
    """One object of an annotation.

    ``truncated`` means that the object reaches beyond the image; it is not about episodes.
    """

    category: str
    box: Coordinates
    difficult: bool = False
    truncated: bool = False
    occluded: bool = False
    pose: str = "Unspecified"
    parts: tuple[Part, ...] = field(default=())


@dataclass(frozen=True)
class Sample:
    """One annotated image.

    Attributes:
        image_id: file name in the devkit without its extension, such as ``2008_000001``.
        jpeg: the file's bytes, unchanged.
        width, height: size of the image as annotated, in pixels.
        objects: objects in the annotation's order; may be empty.
    """

    image_id: str
    jpeg: bytes
    width: int
    height: int
    objects: tuple[VocObject, ...]


def resolve_categories(
    asked: Literal["all"] | tuple[str, ...], known: Iterable[str], key: str
) -> tuple[str, ...]:
    """The categories meant by a parameter, in the order asked.

    Raises:
        ObjlocError: a category that the data does not know; names ``key``.
    """
    known = tuple(known)
    if asked == "all":
        return known
    for category in asked:
        if category not in known:
            raise ObjlocError(
                f"{key}: unknown category '{category}'; allowed: all, {', '.join(known)}"
            )
    return asked
