"""Read what a tool wrote, number by number, without objloc's reader."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from ruamel.yaml import YAML

from benchmarks.annotation_tools.comparison import convention_of, differences, is_of, matched
from benchmarks.annotation_tools.recipes import Form
from benchmarks.annotation_tools.scripts.known import Box, Picture, categories

_TRUE = ("1", "true", "yes")


@dataclass(frozen=True)
class Written:
    """An object as a file has it.

    Attributes:
        category: name of the category.
        text: numbers as the file has them.
        box: numbers as two corners in pixels, as if half-open from zero.
        flags: names of the flags that are set.
    """

    category: str
    text: str
    box: Box
    flags: frozenset[str] = field(default=frozenset())


def written(form: Form, folder: Path, pictures: Sequence[Picture]) -> dict[str, list[Written]]:
    """Objects by the name of the known picture; a picture that no file tells of is left out.

    Args:
        form: form of the annotations.
        folder: the export.
        pictures: known pictures.
    """
    found: dict[str, list[Written]] = {}
    for name, objects in _READERS[form](folder, pictures):
        for picture in pictures:
            if is_of(name, picture):
                found.setdefault(picture.file, []).extend(objects)
    return found


def describe(
    form: Form, folder: Path, pictures: Sequence[Picture]
) -> tuple[dict[str, list[Written]], str, int, list[str]]:
    """Describe an export of known pictures.

    Returns:
        Objects by picture; the convention of the numbers; the number of boxes that do not
        follow it; what is not kept.
    """
    found = written(form, folder, pictures)
    shifts = []
    missing = 0
    for picture in pictures:
        known = [(each.category, each.box) for each in picture.objects]
        boxes = [(each.category, each.box) for each in found.get(picture.file, [])]
        for (_, box), other in zip(known, matched(known, boxes), strict=True):
            if other is None:
                missing += 1
            else:
                shifts.append(differences(box, other))
    convention, others = convention_of(shifts)
    return found, convention, others + missing, _not_kept(found, pictures)


def _not_kept(found: dict[str, list[Written]], pictures: Sequence[Picture]) -> list[str]:
    lost = []
    for flag in ("difficult", "truncated"):
        known = [each for each in pictures if any(getattr(one, flag) for one in each.objects)]
        kept = [
            each for each in known if any(flag in one.flags for one in found.get(each.file, []))
        ]
        if known and not kept:
            lost.append(flag)
    without = [each for each in pictures if not each.objects]
    if any(each.file not in found for each in without):
        lost.append("pictures without boxes")
    if any(found.get(each.file) for each in without):
        lost.append("that a picture has no boxes")
    return lost


def _corners(numbers: Sequence[float]) -> Box:
    xmin, ymin, xmax, ymax = numbers
    return xmin, ymin, xmax, ymax


def _voc(folder: Path, _: Sequence[Picture]) -> Iterator[tuple[str, list[Written]]]:
    for path in sorted(folder.rglob("*.xml")):
        root = ET.parse(path).getroot()  # noqa: S314 - of a tool that we have run
        if root.tag == "annotation":
            yield path.name, [_voc_object(node) for node in root.iter("object")]


def _voc_object(node: ET.Element) -> Written:
    box = node.find("bndbox")
    texts = [
        (box.findtext(name) or "") if box is not None else ""
        for name in ("xmin", "ymin", "xmax", "ymax")
    ]
    flags = (
        name
        for name in ("difficult", "truncated")
        if (node.findtext(name) or "").strip().lower() in _TRUE
    )
    numbers = _corners([float(each) for each in texts])
    return Written(node.findtext("name") or "", " ".join(texts), numbers, frozenset(flags))


def _coco(folder: Path, _: Sequence[Picture]) -> Iterator[tuple[str, list[Written]]]:
    trees = [json.loads(path.read_text()) for path in sorted(folder.rglob("*.json"))]
    for tree in trees:
        if "categories" not in tree or any("keypoints" in each for each in tree["annotations"]):
            continue
        names = {str(each["id"]): each["name"] for each in tree["categories"]}
        for image in tree["images"]:
            objects = [
                _coco_object(each, names)
                for each in tree["annotations"]
                if str(each["image_id"]) == str(image["id"]) and len(each.get("bbox") or []) == 4
            ]
            yield image["file_name"], objects


def _coco_object(entry: dict[str, Any], names: dict[str, str]) -> Written:
    x, y, width, height = map(float, entry["bbox"])
    flags = {name for name, value in (entry.get("attributes") or {}).items() if value is True}
    if str(entry.get("iscrowd")).lower() in _TRUE:
        flags.add("difficult")
    category = names.get(str(entry["category_id"]), "")
    text = json.dumps(entry["bbox"])
    return Written(category, text, (x, y, x + width, y + height), frozenset(flags))


def _yolo(folder: Path, pictures: Sequence[Picture]) -> Iterator[tuple[str, list[Written]]]:
    names = _class_names(folder) or categories(pictures)
    for path in sorted(folder.rglob("*.txt")):
        picture = next((each for each in pictures if is_of(path.name, each)), None)
        if picture is None:
            continue
        objects = []
        for line in path.read_text().splitlines():
            if not line.strip():
                continue
            number, *rest = line.split()
            x, y, width, height = map(float, rest[:4])
            sides = (picture.width, picture.height) * 2
            parts = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
            box = _corners([side * part for side, part in zip(sides, parts, strict=True)])
            index = int(float(number))
            category = names[index] if index < len(names) else f"class {number} of {len(names)}"
            objects.append(Written(category, line.strip(), box))
        yield path.name, objects


def _class_names(folder: Path) -> list[str]:
    """Names of YOLO's classes, by number; empty if no file has them."""
    for path in (*sorted(folder.glob("*.yaml")), *folder.glob("*.names")):
        if path.suffix == ".yaml":
            names = YAML(typ="safe", pure=True).load(path.read_text())["names"]
            return [names[number] for number in range(len(names))]
        return path.read_text().splitlines()
    listed = folder / "classes.txt"
    return listed.read_text().splitlines() if listed.is_file() else []


def _cvat(folder: Path, _: Sequence[Picture]) -> Iterator[tuple[str, list[Written]]]:
    for path in sorted(folder.rglob("*.xml")):
        root = ET.parse(path).getroot()  # noqa: S314 - of a tool that we have run
        for image in root.iter("image"):
            objects = []
            for node in image.iter("box"):
                texts = [node.get(name, "") for name in ("xtl", "ytl", "xbr", "ybr")]
                flags = frozenset(
                    each.get("name", "")
                    for each in node.iter("attribute")
                    if (each.text or "").strip().lower() in _TRUE
                )
                box = _corners([float(each) for each in texts])
                objects.append(Written(node.get("label", ""), " ".join(texts), box, flags))
            yield image.get("name", ""), objects


def _labelme(folder: Path, _: Sequence[Picture]) -> Iterator[tuple[str, list[Written]]]:
    for path in sorted(folder.rglob("*.json")):
        tree = json.loads(path.read_text())
        if "shapes" not in tree:
            continue
        objects = []
        for shape in tree["shapes"]:
            (a, b), (c, d) = shape["points"]
            text = re.sub(r"\s+", " ", json.dumps(shape["points"]))
            box = (min(a, c), min(b, d), max(a, c), max(b, d))
            objects.append(Written(shape["label"], text, box))
        yield path.name, objects


_READERS = {"VOC": _voc, "COCO": _coco, "YOLO": _yolo, "CVAT": _cvat, "labelme": _labelme}
