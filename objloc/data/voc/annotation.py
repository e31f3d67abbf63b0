"""Parse a devkit's annotation, an XML file.

The parser fetches nothing and expands no entities. It refuses a document with a
DTD: an annotation needs none, and entities are how XML does harm.
"""

import re
from dataclasses import dataclass

from lxml import etree

from objloc.box import from_voc
from objloc.data.sample import VOC_CATEGORIES, Coordinates, Part, VocObject
from objloc.errors import ObjlocError

BORDER_TOLERANCE = 1.0
"""Maximum number of pixels by which a box may reach beyond the image; the rest is cut off.

Boxes of scaled images, and of tools that count from zero, exceed the border by less.
"""

MAX_NUMBER = 1e15
"""Maximum magnitude of a coordinate: with larger ones a box's sides or area may overflow."""
CATEGORY_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_ .+-]*")
CORNERS = ("xmin", "ymin", "xmax", "ymax")
_FLAGS = dict.fromkeys(("true", "t", "yes", "y"), True) | dict.fromkeys(
    ("", "false", "f", "no", "n", "none", "null", "unknown", "unspecified"), False
)
"""Flags in words, in lower case."""


@dataclass(frozen=True)
class Annotation:
    """Content of an annotation: size of its image in pixels, and objects."""

    width: int
    height: int
    objects: tuple[VocObject, ...]


def read_annotation(content: bytes, place: str, *, official: bool) -> Annotation:
    """Read an annotation.

    Boxes are not rounded. A missing flag is False, a missing pose ``Unspecified``. A part
    without a name or a box is left out.
    Elements that detection does not need (owner, source, segmented, points,
    actions) are ignored.

    Args:
        content: the file's bytes.
        place: name of the file in error messages.
        official: whether only Pascal VOC's twenty categories are allowed.

    Raises:
        ObjlocError: the XML is not well-formed or has a DTD; a value is missing or
            impossible; a category is unknown; a box lies outside the image or has
            no area.
    """
    root = parse_annotation(content, place)
    size = root.find("size")
    if size is None:
        raise ObjlocError(f"{place}: expected the image's size; found no <size>")
    width, height = (_side(size, side, place) for side in ("width", "height"))
    objects = tuple(
        _read_object(element, (width, height), f"{place}: object {number}", official)
        for number, element in enumerate(root.findall("object"), start=1)
    )
    return Annotation(width, height, objects)


def parse_annotation(content: bytes, place: str) -> etree._Element:
    """Root element of an annotation, without checking its content; see ``read_annotation``."""
    # A new parser for each file: a parser keeps the log of earlier errors.
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, recover=False
    )
    try:
        root = etree.fromstring(content, parser)
    except etree.XMLSyntaxError as error:
        reason = " ".join(str(error).split())
        raise ObjlocError(f"{place}: expected well-formed XML; found: {reason}") from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise ObjlocError(f"{place}: expected XML without a DTD; found a document type declaration")
    if root.tag != "annotation":
        raise ObjlocError(f"{place}: expected an <annotation>; found a <{_short(root.tag)}>")
    return root


def _read_object(
    element: etree._Element, size: tuple[int, int], place: str, official: bool
) -> VocObject:
    category = read_category(element, place)
    place = f"{place} '{_short(category)}'"
    if official and category not in VOC_CATEGORIES:
        raise ObjlocError(f"{place}: unknown class; expected one of {', '.join(VOC_CATEGORIES)}")
    if not CATEGORY_NAME.fullmatch(category):
        raise ObjlocError(
            f"{place}: expected a category of letters, digits, spaces and _.+-; found another sign"
        )
    parts = (read_part(part) for part in element.findall("part"))
    return VocObject(
        category=category,
        box=_clipped(read_corners(element, place), size, place),
        difficult=read_flag(element, "difficult", place),
        truncated=read_flag(element, "truncated", place),
        occluded=read_flag(element, "occluded", place),
        pose=text_of(element, "pose") or "Unspecified",
        parts=tuple(Part(name, from_voc(box)) for name, box in filter(None, parts)),
    )


def read_category(element: etree._Element, place: str) -> str:
    """Name of an object's category.

    Raises:
        ObjlocError: there is none.
    """
    category = text_of(element, "name")
    if not category:
        raise ObjlocError(f"{place}: expected a category; found no <name>")
    return category


def read_part(element: etree._Element) -> tuple[str, Coordinates] | None:
    """Read name and box of an object's part; None if it lacks one of them.

    Parts are neither learned nor scored, so their boxes are kept as written and may
    lie outside the image.
    """
    name = text_of(element, "name")
    try:
        return (name, read_corners(element, name)) if name else None
    except ObjlocError:
        return None


def text_of(element: etree._Element, name: str) -> str:
    """Text of a child without surrounding spaces; empty if there is none."""
    return (element.findtext(name) or "").strip()


def _short(text: str) -> str:
    """The text, cut to a length that fits a message."""
    return text if len(text) <= 40 else f"{text[:40]}…"


def finite(text: str) -> float | None:
    """Read a number; None if the text is none, or it is not within ``MAX_NUMBER``."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if abs(number) <= MAX_NUMBER else None


def read_flag(element: etree._Element, name: str, place: str) -> bool:
    """Read a flag; a missing or empty one is False.

    VOC writes 0 and 1. Other tools write words, and levels such as KITTI's 0 to 3 or
    fractions, of which any above 0 is True.

    Raises:
        ObjlocError: the text is none of these.
    """
    text = text_of(element, name).casefold()
    if text in _FLAGS:
        return _FLAGS[text]
    level = finite(text)
    if level is None:
        raise ObjlocError(f"{place}: expected <{name}> to be 0 or 1; found '{_short(text)}'")
    return level > 0


def _side(size: etree._Element, name: str, place: str) -> int:
    text = text_of(size, name)
    side = whole_pixels(text)
    if side is None:
        raise ObjlocError(
            f"{place}: expected <{name}> to be a positive number of pixels; found '{_short(text)}'"
        )
    return side


def whole_pixels(text: str) -> int | None:
    """Number of pixels, such as ``96`` or ``96.0``; None if it is not a positive whole number."""
    if not re.fullmatch(r"[0-9]{1,7}(\.0*)?", text):
        return None
    return int(float(text)) or None


def read_corners(element: etree._Element, place: str) -> Coordinates:
    """Read the box of an object or part as it is written.

    Raises:
        ObjlocError: there is none, or a coordinate is not a finite number.
    """
    box = element.find("bndbox")
    if box is None:
        raise ObjlocError(f"{place}: expected a box; found no <bndbox>")
    numbers = []
    for name in CORNERS:
        text = text_of(box, name)
        number = finite(text)
        if number is None:
            raise ObjlocError(f"{place}: expected <{name}> to be a number; found '{_short(text)}'")
        numbers.append(number)
    xmin, ymin, xmax, ymax = numbers
    return (xmin, ymin, xmax, ymax)


def _clipped(corners: Coordinates, size: tuple[int, int], place: str) -> Coordinates:
    """Convert a box to zero-based, half-open pixels and clip it to the image.

    A box may be a single pixel, where the written ``xmin`` equals ``xmax``.
    """
    written = f"({', '.join(f'{number:g}' for number in corners)})"
    if corners[2] < corners[0] or corners[3] < corners[1]:
        raise ObjlocError(f"{place}: expected a box with an area; found {written}")
    xmin, ymin, xmax, ymax = from_voc(corners)
    width, height = size
    overshoot = max(-xmin, -ymin, xmax - width, ymax - height)
    clipped = (max(xmin, 0.0), max(ymin, 0.0), min(xmax, width), min(ymax, height))
    if overshoot > BORDER_TOLERANCE or clipped[2] <= clipped[0] or clipped[3] <= clipped[1]:
        raise ObjlocError(
            f"{place}: expected a box within the image of {width} x {height} pixels "
            f"(counted from 1); found {written}"
        )
    return clipped
