"""Recognise what one file of a user's folder is, by its beginning or its content.

Files that annotation tools write for themselves are known by name too, so that a
message can say how to export what this program reads.
"""

import json
import re
from pathlib import Path
from typing import Any

from lxml import etree

from objloc.data.images import ENDINGS
from objloc.data.voc.annotation import finite
from objloc.errors import ObjlocError
from objloc.files import read_at_most
from objloc.params.plain import parse_yaml

FOREIGN = {
    "CVAT for video": "export it as CVAT for images 1.1",
    "VIA's own format": "export it by Annotation > Export Annotations (COCO format)",
    "Label Studio's own JSON": "export it as COCO, Pascal VOC XML or YOLO with images",
    "Supervisely's own JSON": "export it by the app 'Export to COCO'",
    "Datumaro's own JSON": "convert it by `datum convert -f coco_instances -- --save-media`",
    "CreateML's JSON": "export it as COCO or VOC",
    "COCO's results": "detections are no ground truth: give the file of `images` and `annotations`",
    "TFRecord": "export it as COCO or VOC",
    "a table of boxes as CSV": "export it as COCO or VOC",
}
"""Formats that are recognised and not read, and the way to one that is read."""

_OBJECTS = (
    ("coco", {"images", "annotations"}),
    ("coco", {"images", "categories"}),
    ("labelme", {"shapes", "imagePath"}),
    ("Datumaro's own JSON", {"infos", "categories", "items"}),
    ("Supervisely's own JSON", {"objects", "size"}),
    ("Supervisely's own JSON", {"classes", "tags"}),
    ("VIA's own format", {"_via_img_metadata"}),
    ("VIA's own format", {"file", "view", "metadata"}),
)
"""Kinds of JSON by keys of their root."""
_ENTRIES = (
    ("VIA's own format", {"filename", "regions"}),
    ("Label Studio's own JSON", {"data", "annotations"}),
    ("Label Studio's own JSON", {"data", "completions"}),
    ("Label Studio's own JSON", {"annotation_id", "annotator"}),
    ("CreateML's JSON", {"image", "annotations"}),
    ("COCO's results", {"image_id", "bbox", "score"}),
)
"""Kinds of JSON by keys of the first entry of their root."""

MAX_JSON = 2**30
_MAX_YAML = 2**20
_MAX_BEFORE_ROOT = 2**16
_MAX_BEFORE_IMAGES = 2**24
_HEAD = 4096
_NAMES = re.compile(rb"""(?:^|[{,\s])["']?names["']?\s*:""")


def parser_events(*events: str) -> "etree.XMLPullParser[Any]":
    """Parser of XML in pieces that fetches nothing, expands no entity and loads no DTD."""
    return etree.XMLPullParser(
        events, resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False
    )


def xml_kind(path: Path) -> str:
    """Name of an XML file's kind.

    Only its beginning is read: the root and, in CVAT's files, the elements before the
    first image or track.

    Returns:
        ``voc``, ``cvat``, a key of ``FOREIGN``, ``damaged`` (it can't be read, or not
        as XML, or its beginning has no root), or ``other``.
    """
    parser, root, depth, read = parser_events("start", "end"), None, 0, 0
    try:
        with path.open("rb") as file:
            while piece := file.read(_HEAD):
                parser.feed(piece)
                read += len(piece)
                for event, element in parser.read_events():
                    depth += 1 if event == "start" else -1
                    if root is None:
                        root = element.tag
                        if root != "annotations":
                            return "voc" if root == "annotation" else "other"
                    elif event == "start" and depth == 2 and element.tag in ("image", "track"):
                        return "cvat" if element.tag == "image" else "CVAT for video"
                if read > (_MAX_BEFORE_ROOT if root is None else _MAX_BEFORE_IMAGES):
                    return "damaged" if root is None else "other"
        parser.close()
    except (OSError, etree.XMLSyntaxError):
        return "damaged"
    return "other"


def load_json(path: Path, place: str) -> Any:
    """Content of a JSON file, without the image data that labelme includes.

    Args:
        path: the file.
        place: its name in messages.

    Raises:
        ObjlocError: the file can't be read, is larger than 1 GiB, or is no JSON.
    """
    content = read_at_most(path, place, MAX_JSON)
    if not content:
        raise ObjlocError(f"{place}: expected JSON; found an empty file")
    try:
        tree = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ObjlocError(f"{place}: expected JSON; found: {error}") from None
    if isinstance(tree, dict):
        tree.pop("imageData", None)
    return tree


def json_kind(tree: Any) -> str | None:
    """Name of the kind of JSON's content: ``coco``, ``labelme``, a key of ``FOREIGN``; or None."""
    entries = tree if isinstance(tree, list) else tree.values() if isinstance(tree, dict) else ()
    first = next(iter(entries), None)
    for node, signatures in ((tree, _OBJECTS), (first, _ENTRIES)):
        found = node.keys() if isinstance(node, dict) else set[Any]()
        for kind, keys in signatures:
            if keys <= found:
                return kind
    return None


def damaged_json_kind(path: Path) -> str | None:
    """Kind that the beginning of a file that is no JSON speaks of; None if of none."""
    head = _beginning(path)
    for kind, keys in (
        ("labelme", ("shapes", "imagePath")),
        ("coco", ("images", "annotations", "categories")),
    ):
        if any(f'"{key}"'.encode() in head for key in keys):
            return kind
    return None


def load_names_yaml(path: Path, place: str) -> dict[str, Any] | ObjlocError | None:
    """Content of a YAML file that lists ``names``; None if it is another file.

    All scalars are texts, as the file has them: a category may be called 1.0 or no.
    An error stands for a file that speaks of names and can't be parsed.
    """
    try:
        if path.stat().st_size > _MAX_YAML:
            return None
        content = path.read_bytes()
        if not _NAMES.search(content):
            return None
        tree = parse_yaml(content.decode("utf-8-sig"), "base")
    except OSError as error:
        return ObjlocError(f"{place}: cannot be read: {error.strerror or error}")
    except ValueError as error:
        return ObjlocError(f"{place}: expected YAML; found: {error}")
    names = tree.get("names") if isinstance(tree, dict) else None
    return tree if isinstance(names, list | dict) else None


def text_kind(path: Path) -> str:
    """Name of a text's kind, by its first line that is not blank.

    Returns:
        ``rows`` of five numbers or more, ``paths`` of images, ``empty``, or ``other``.
    """
    lines = _beginning(path).decode("utf-8-sig", "replace").split("\n")
    first = next((line.strip() for line in lines if line.strip()), "")
    if not first:
        return "empty"
    if first.lower().endswith(ENDINGS):
        return "paths"
    columns = first.split()
    return "rows" if len(columns) >= 5 and all(map(_is_number, columns)) else "other"


def foreign_kind(path: Path) -> str | None:
    """Key of ``FOREIGN`` for a file that is neither XML nor JSON; None if it is none of them."""
    if path.suffix.lower() in (".tfrecord", ".tfrecords", ".record") or ".tfrecord-" in path.name:
        return "TFRecord"
    if path.suffix.lower() == ".csv":
        head = _beginning(path)
        if b"region_shape_attributes" in head:
            return "VIA's own format"
        if b"xmin" in head.lower():
            return "a table of boxes as CSV"
    return None


def _beginning(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_HEAD)
    except OSError:
        return b""


def _is_number(text: str) -> bool:
    return finite(text) is not None
