"""Read CVAT's own XML (CVAT for images 1.1)."""

import math
from collections.abc import Iterator
from pathlib import Path

from lxml import etree

from objloc.data.own.file_names import ImageIndex, find_image
from objloc.data.own.findings import Findings
from objloc.data.own.layout import Layout, set_of
from objloc.data.own.written import WrittenImage, WrittenObject, enclosing
from objloc.data.sample import Coordinates
from objloc.data.voc.annotation import finite, whole_pixels
from objloc.errors import ObjlocError
from objloc.files import require_at_most

MAX_XML = 2**30
_SHAPES = ("box", "polygon", "ellipse", "mask", "polyline", "points", "cuboid", "skeleton", "tag")
_YES = ("true", "1", "yes")

Point = tuple[float, float]


def read_cvat(layout: Layout, findings: Findings) -> list[WrittenImage]:
    """Read every image of every XML file.

    Boxes are corners in pixels from zero, half-open. Of rotated boxes, polygons, ellipses
    and masks the enclosing upright box is taken; other shapes are left out; both are
    counted. The set of an image is its ``subset``, or what names of folders or files say.
    """
    index = ImageIndex(layout.folder, layout.images)
    found: list[WrittenImage] = []
    seen: dict[Path, str] = {}
    for path in layout.annotations:
        place = layout.relative(path)
        try:
            for element in _images(path, place):
                image = _image(element, index, path, place, findings)
                if image.image in seen:
                    message = f"expected each image once; found it also in {seen[image.image]}"
                    findings.error("annotation", image.place, message)
                elif image.image:
                    seen[image.image] = place
                found.append(image)
        except ObjlocError as error:
            findings.damage("corrupt", place, error)
    return found


def _images(path: Path, place: str) -> Iterator[etree._Element]:
    """The elements ``<image>``, one at a time: a file may hold very many.

    Raises:
        ObjlocError: the file can't be read or is larger than 1 GiB, or is no XML, or has
            a DTD.
    """
    try:
        require_at_most(path.stat().st_size, place, MAX_XML)
        events = etree.iterparse(
            str(path), events=("end",), tag="image", resolve_entities=False, no_network=True,
            load_dtd=False, huge_tree=False,
        )  # fmt: skip
        for _, element in events:
            if element.getroottree().docinfo.internalDTD is not None:
                raise ObjlocError(f"{place}: expected XML without a DTD; found one")
            yield element
            element.clear()
            while (before := element.getprevious()) is not None:
                before.getparent().remove(before)
    except etree.XMLSyntaxError as error:
        reason = " ".join(str(error).split())
        raise ObjlocError(f"{place}: expected well-formed XML; found: {reason}") from None
    except OSError as error:
        raise ObjlocError(f"{place}: cannot be read: {error.strerror or error}") from None


def _image(
    element: etree._Element, index: ImageIndex, path: Path, file: str, findings: Findings
) -> WrittenImage:
    """The annotation of one image."""
    name = element.get("name", "")
    place = f"{file}: image '{name}'"
    match = find_image(index, name, path)
    if match.image is None:
        several = ", ".join(each.relative_to(index.folder).as_posix() for each in match.fits[:3])
        what = f"several: {several}" if several else "none"
        findings.error("missing", place, f"expected one image file; found {what}")
    elif match.note:
        findings.count("name", match.note, place)
    objects = []
    for number, shape in enumerate(element.iterchildren(*_SHAPES), start=1):
        try:
            if (found := _object(shape, f"{place}: object {number}", findings)) is not None:
                objects.append(found)
        except ObjlocError as error:
            findings.damage("annotation", f"{place}: object {number}", error)
    stated = [Path(element.get("subset", "")), Path(file).with_suffix("")]
    stated.append(
        match.image.relative_to(index.folder).parent if match.image else Path(name).parent
    )
    return WrittenImage(
        place,
        match.image,
        tuple(objects),
        _size(element),
        next(filter(None, map(set_of, stated)), None),
    )


def _size(element: etree._Element) -> tuple[int, int] | None:
    width, height = (whole_pixels(element.get(side, "")) for side in ("width", "height"))
    return (width, height) if width and height else None


def _object(shape: etree._Element, place: str, findings: Findings) -> WrittenObject | None:
    """The object of a shape; None if shapes of its kind are left out."""
    category = shape.get("label", "").strip()
    kind = shape.tag
    names: tuple[str, ...]
    if not category:
        raise ObjlocError(f"{place}: expected a label; found none")
    rotation = _number(shape, "rotation", place, "0")
    match kind:
        case "box":
            names = ("xtl", "ytl", "xbr", "ybr")
            corners = [_number(shape, name, place) for name in names]
            box = (corners[0], corners[1], corners[2], corners[3])
            box = _turned(box, rotation) if rotation else box
        case "ellipse":
            names = ("cx", "cy", "rx", "ry")
            x, y, rx, ry = (_number(shape, name, place) for name in names)
            box = _around_ellipse((x, y), (rx, ry), rotation)
        case "polygon":
            names = ("points",)
            box = enclosing(_points(shape, place))
        case "mask":
            names = ("left", "top", "width", "height")
            left, top, width, height = (_number(shape, name, place) for name in names)
            box = (left, top, left + width, top + height)
        case _:
            findings.count("annotation", f"left out: shapes <{kind}>", place)
            return None
    if kind != "box" or rotation:
        what = "rotated boxes" if kind == "box" else f"shapes <{kind}>"
        message = f"{what}: the enclosing upright box is taken"
        findings.count("annotation", message, place)
    return WrittenObject(
        place,
        category,
        box,
        f"({', '.join(shape.get(name, '') for name in names)})",
        difficult=_flag(shape, "difficult"),
        truncated=_flag(shape, "truncated"),
        occluded=shape.get("occluded") == "1",
    )


def _flag(shape: etree._Element, name: str) -> bool:
    """Whether an attribute that somebody gave to the label says yes."""
    texts = [each.text for each in shape.findall("attribute") if each.get("name") == name]
    return any((text or "").strip().lower() in _YES for text in texts)


def _number(shape: etree._Element, name: str, place: str, default: str = "") -> float:
    text = shape.get(name, default)
    number = finite(text)
    if number is None:
        raise ObjlocError(f"{place}: expected {name} to be a number; found '{text}'")
    return number


def _points(shape: etree._Element, place: str) -> list[Point]:
    """Points of ``x,y;x,y``."""
    text = shape.get("points", "")
    points = [[finite(number) for number in pair.split(",")] for pair in text.split(";")]
    good = [(p[0], p[1]) for p in points if len(p) == 2 and p[0] is not None and p[1] is not None]
    if len(good) < len(points):
        raise ObjlocError(f"{place}: expected points as x,y;x,y; found '{text[:40]}'")
    return good


def _turned(box: Coordinates, degrees: float) -> Coordinates:
    """Upright box around a box that is turned about its centre."""
    centre = ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
    half = (abs(box[2] - box[0]) / 2, abs(box[3] - box[1]) / 2)
    cos, sin = (abs(part) for part in _direction(degrees))
    return _around(centre, (half[0] * cos + half[1] * sin, half[0] * sin + half[1] * cos))


def _around_ellipse(centre: Point, radii: Point, degrees: float) -> Coordinates:
    """Upright box around an ellipse that is turned about its centre."""
    cos, sin = _direction(degrees)
    width = math.hypot(radii[0] * cos, radii[1] * sin)
    height = math.hypot(radii[0] * sin, radii[1] * cos)
    return _around(centre, (width, height))


def _around(centre: Point, half: Point) -> Coordinates:
    return (centre[0] - half[0], centre[1] - half[1], centre[0] + half[0], centre[1] + half[1])


def _direction(degrees: float) -> tuple[float, float]:
    return math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
