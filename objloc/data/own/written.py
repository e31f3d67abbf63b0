"""Annotations of a user's folder as their files have them, whatever the format."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from objloc.data.sample import Coordinates, Part


@dataclass(frozen=True)
class WrittenObject:
    """An object whose box is four numbers in a convention that is not known yet.

    Attributes:
        place: file and number or id of the object, for messages.
        category: name of the category, without surrounding spaces.
        box: the four numbers.
        text: the numbers as the file has them, for messages.
        difficult, truncated, occluded, pose, parts: as in ``VocObject``; False, False,
            False, ``Unspecified`` and none where the format does not have them.
    """

    place: str
    category: str
    box: Coordinates
    text: str
    difficult: bool = False
    truncated: bool = False
    occluded: bool = False
    pose: str = "Unspecified"
    parts: tuple[Part, ...] = field(default=())


@dataclass(frozen=True)
class WrittenImage:
    """The annotation of one image.

    Attributes:
        place: name of the annotation in messages; the image's if it has none.
        image: path of the image; None if it is missing, which the reader has reported.
        objects: its objects; None if the annotation can't be read, which the reader has
            reported, or is missing.
        size: declared width and height in pixels; None if not stated or not usable.
        image_set: image set that names of folders or files state; None if none.
        writer: tool that wrote the file, as far as the file reveals it.
    """

    place: str
    image: Path | None
    objects: tuple[WrittenObject, ...] | None
    size: tuple[int, int] | None = None
    image_set: str | None = None
    writer: str = ""


def enclosing(points: Iterable[tuple[float, float]]) -> Coordinates:
    """Smallest upright box around points, as corners in the points' own unit.

    Args:
        points: x and y, of one point at least.
    """
    x, y = zip(*points, strict=True)
    return (min(x), min(y), max(x), max(y))
