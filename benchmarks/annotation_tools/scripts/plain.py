"""Plain files by our own code, for the tools that only convert."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from benchmarks.annotation_tools.scripts.known import Known, Picture, categories


def coco_tree(pictures: Sequence[Picture]) -> dict[str, Any]:
    """Make a tree in COCO's format, with ids from 1."""
    names = categories(pictures)
    annotations: list[dict[str, Any]] = []
    for image_id, picture in enumerate(pictures, start=1):
        for each in picture.objects:
            xmin, ymin, xmax, ymax = each.box
            width, height = xmax - xmin, ymax - ymin
            annotations.append(
                {
                    "id": len(annotations) + 1, "image_id": image_id,
                    "category_id": names.index(each.category) + 1,
                    "bbox": [xmin, ymin, width, height], "area": width * height,
                    "iscrowd": 0, "segmentation": [],
                }
            )  # fmt: skip
    return {
        "images": [
            {"id": number, "file_name": each.file, "width": each.width, "height": each.height}
            for number, each in enumerate(pictures, start=1)
        ],
        "annotations": annotations,
        "categories": [
            {"id": number, "name": name, "supercategory": ""}
            for number, name in enumerate(names, start=1)
        ],
    }


def write_coco(path: Path, pictures: Sequence[Picture]) -> None:
    """Write COCO's JSON."""
    path.write_text(json.dumps(coco_tree(pictures)))


def voc_xml(picture: Picture, objects: Sequence[str], head: str = "") -> str:
    """Make an annotation in VOC's format from its objects as XML."""
    return (
        f"<annotation>{head}<filename>{escape(picture.file)}</filename>"
        f"<size><width>{picture.width}</width><height>{picture.height}</height>"
        f"<depth>3</depth></size><segmented>0</segmented>{''.join(objects)}</annotation>\n"
    )


def voc_object(known: Known, flags: str = "", after: str = "") -> str:
    """Make an object of an annotation, with the corners as they are known."""
    corners = zip(("xmin", "ymin", "xmax", "ymax"), known.box, strict=True)
    box = "".join(f"<{name}>{number}</{name}>" for name, number in corners)
    return (
        f"<object><name>{escape(known.category)}</name>{flags}<bndbox>{box}</bndbox>"
        f"{after}</object>"
    )
