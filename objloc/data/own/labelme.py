"""Read labelme's JSON files, one for each image."""

import math
from pathlib import Path
from typing import Any

from objloc.data.own.file_names import ImageIndex, find_image
from objloc.data.own.findings import Findings
from objloc.data.own.layout import Layout, set_of
from objloc.data.own.written import WrittenImage, WrittenObject, enclosing
from objloc.data.sample import Coordinates
from objloc.data.voc.annotation import MAX_NUMBER
from objloc.errors import ObjlocError

_ENCLOSED = {"polygon": 3, "oriented_rectangle": 4, "rotation": 4, "circle": 2}
"""Shapes whose enclosing box is taken, and the minimum number of their points.

The fourth is X-AnyLabeling's name of the second.
"""
_LEFT_OUT = ("line", "linestrip", "point", "points", "mask")

Point = tuple[float, float]


def read_labelme(layout: Layout, findings: Findings) -> list[WrittenImage]:
    """Read every JSON file.

    Boxes are corners in pixels from zero, half-open. Of polygons, circles and oriented
    rectangles the enclosing upright box is taken; other shapes are left out; both are
    counted. A shape, or image, with the flag ``difficult`` is difficult.
    """
    index = ImageIndex(layout.folder, layout.images)
    found: list[WrittenImage] = []
    seen: dict[Path, str] = {}
    for path in layout.annotations:
        place, tree = layout.relative(path), layout.documents[path]
        image = _image_of(tree, path, index, place, findings)
        if image in seen:
            message = f"expected one file for each image; found also {seen[image]}"
            findings.error("annotation", place, message)
        elif image:
            seen[image] = place
        image_set = set_of(Path(layout.relative(image or path)).parent)
        try:
            objects = _objects(tree, place, findings)
        except ObjlocError as error:
            findings.damage("corrupt", place, error)
            found.append(WrittenImage(place, image, None, image_set=image_set))
        else:
            found.append(WrittenImage(place, image, objects, _size(tree), image_set))
    return found


def _image_of(
    tree: Any, path: Path, index: ImageIndex, place: str, findings: Findings
) -> Path | None:
    """The image that a file names, or else the one that is called as the file."""
    name = tree.get("imagePath") if isinstance(tree, dict) else None
    named = isinstance(name, str) and bool(name)
    match = find_image(index, str(name), path) if named else None
    if match is None or not match.fits:
        match = find_image(index, path.stem, path)
        if named and match.image:
            message = "image files are not called as `imagePath` has it, but as the JSON file"
            findings.count("name", message, place)
    elif match.note:
        findings.count("name", match.note, place)
    if match.image is None:
        what = f"{len(match.fits)} that fit" if match.fits else "none (imageData is not read)"
        findings.error("missing", place, f"expected the image '{name}'; found {what}")
    return match.image


def _size(tree: dict[str, Any]) -> tuple[int, int] | None:
    sides = [tree[each] for each in ("imageWidth", "imageHeight") if _is_number(tree.get(each))]
    return (int(sides[0]), int(sides[1])) if len(sides) == 2 and min(sides) >= 1 else None


def _objects(tree: Any, place: str, findings: Findings) -> tuple[WrittenObject, ...]:
    if isinstance(tree, ObjlocError):
        raise tree
    shapes = tree["shapes"]
    if not isinstance(shapes, list):
        raise ObjlocError(f"{place}: expected shapes to be a list; found {_short(shapes)}")
    objects = []
    for number, shape in enumerate(shapes, start=1):
        one = f"{place}: shape {number}"
        try:
            each = _object(shape, one, findings, difficult=_is_difficult(tree))
        except ObjlocError as error:
            findings.damage("annotation", one, error)
        else:
            objects += [each] if each else []
    return tuple(objects)


def _object(shape: Any, place: str, findings: Findings, difficult: bool) -> WrittenObject | None:
    """The object of a shape; None if shapes of its kind are left out."""
    if not isinstance(shape, dict):
        raise ObjlocError(f"{place}: expected a shape; found {_short(shape)}")
    label, kind = shape.get("label"), shape.get("shape_type") or "polygon"
    if kind in _LEFT_OUT:
        findings.count("annotation", f"left out: shapes of type {kind}", place)
        return None
    if not isinstance(label, str) or not label.strip():
        raise ObjlocError(f"{place}: expected a label; found {_short(label)}")
    minimum = 2 if kind == "rectangle" else _ENCLOSED.get(str(kind))
    if minimum is None:
        raise ObjlocError(f"{place}: expected a known shape_type; found {_short(kind)}")
    points = _points(shape.get("points"), minimum, place)
    if kind != "rectangle":
        message = f"shapes of type {kind}: the enclosing upright box is taken"
        findings.count("annotation", message, place)
    return WrittenObject(
        place,
        label.strip(),
        _around_circle(*points[:2]) if kind == "circle" else enclosing(points),
        f"({', '.join(f'{number}' for point in shape['points'] for number in point)})",
        difficult=difficult or _is_difficult(shape),
    )


def _points(points: Any, minimum: int, place: str) -> list[Point]:
    good = isinstance(points, list) and len(points) >= minimum
    if not good or not all(
        isinstance(point, list) and len(point) == 2 and all(map(_is_number, point))
        for point in points
    ):
        raise ObjlocError(f"{place}: expected {minimum} points or more; found {_short(points)}")
    return [(float(x), float(y)) for x, y in points]


def _around_circle(centre: Point, border: Point) -> Coordinates:
    """Upright box around a circle, of which a point of the border is given."""
    radius = math.dist(centre, border)
    return (centre[0] - radius, centre[1] - radius, centre[0] + radius, centre[1] + radius)


def _is_difficult(node: dict[str, Any]) -> bool:
    flags = node.get("flags")
    return isinstance(flags, dict) and bool(flags.get("difficult"))


def _is_number(value: Any) -> bool:
    return (
        isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= MAX_NUMBER
    )


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}…"
