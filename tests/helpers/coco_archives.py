"""Miniature archives of COCO 2017, drawn, in the exact layout of the official ones."""

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from objloc.data.voc.devkit import open_devkit
from tests.helpers.devkits import make_devkit

# The official names; the numbers that are left out of their ids 1 to 90 were never used.
_NAMES = (
    "person, bicycle, car, motorcycle, airplane, bus, train, truck, boat, traffic light, "
    "fire hydrant, , stop sign, parking meter, bench, bird, cat, dog, horse, sheep, cow, elephant, "
    "bear, zebra, giraffe, , backpack, umbrella, , , handbag, tie, suitcase, frisbee, skis, "
    "snowboard, sports ball, kite, baseball bat, baseball glove, skateboard, surfboard, "
    "tennis racket, bottle, , wine glass, cup, fork, knife, spoon, bowl, banana, apple, sandwich, "
    "orange, broccoli, carrot, hot dog, pizza, donut, cake, chair, couch, potted plant, bed, , "
    "dining table, , , toilet, , tv, laptop, mouse, remote, keyboard, cell phone, microwave, oven, "
    "toaster, sink, refrigerator, , book, clock, vase, scissors, teddy bear, hair drier, toothbrush"
)
CATEGORIES = {number: name for number, name in enumerate(_NAMES.split(", "), start=1) if name}
"""The 80 categories by id."""
FIRST = {"train": 9, "val": 139}
"""Number of each set's first image, as in the official archives."""

Table = dict[str, Any]


def make_archives(folder: Path, images: Mapping[str, int] | None = None) -> Path:
    """Write ``train2017.zip``, ``val2017.zip`` and ``annotations_trainval2017.zip``.

    The images are those of a drawn devkit of cats and dogs; each set's last has no object. The
    first image of each set has a crowd too.
    """
    images = {"train": 12, "val": 6} if images is None else images
    folder.mkdir(parents=True, exist_ok=True)
    ids = {name: number for number, name in CATEGORIES.items()}
    tables: dict[str, Table] = {}
    for name, count in images.items():
        devkit = open_devkit(make_devkit(folder / f"drawn-{name}", {name: count}, seed=FIRST[name]))
        table = empty_table()
        jpegs = {}
        for number, image_id in enumerate(devkit.image_ids, start=FIRST[name]):
            sample = devkit.read(image_id)
            file = f"{number:012}.jpg"
            jpegs[file] = sample.jpeg
            table["images"].append(image_entry(number, file, sample.width, sample.height))
            if image_id != devkit.image_ids[-1]:
                for each in sample.objects:
                    add_object(table, number, ids[each.category], each.box)
        width, height = (table["images"][0][side] for side in ("width", "height"))
        add_object(table, FIRST[name], ids["person"], (0, 0, width, height), crowd=True)
        tables[name] = table
        write_images(folder, name, jpegs)
    write_annotations(folder, tables)
    return folder


def empty_table() -> Table:
    """Content of an annotation file without images."""
    return {
        "info": {"description": "COCO 2017 Dataset", "year": 2017},
        "licenses": [{"id": 1, "name": "Attribution", "url": "http://localhost/"}],
        "images": [],
        "annotations": [],
        "categories": [
            {"supercategory": "thing", "id": number, "name": name}
            for number, name in CATEGORIES.items()
        ],
    }


def image_entry(number: int, file: str, width: int, height: int) -> Table:
    """An entry of ``images``."""
    return {
        "license": 1, "file_name": file, "coco_url": f"http://localhost/{file}", "height": height,
        "width": width, "date_captured": "2013-11-14 17:02:52", "id": number,
    }  # fmt: skip


def add_object(
    table: Table,
    image: int,
    category: int,
    corners: tuple[float, float, float, float],
    *,
    crowd: bool = False,
) -> None:
    """Add an entry of ``annotations`` with an outline, or with a mask if it is a crowd."""
    xmin, ymin, xmax, ymax = corners
    outline: Any = [[xmin, ymin, xmax, ymin, xmax, ymax, xmin, ymax]]
    mask = {"counts": [4, 8, 3], "size": [5, 3]}
    table["annotations"].append(
        {
            "segmentation": mask if crowd else outline,
            "area": (xmax - xmin) * (ymax - ymin),
            "iscrowd": int(crowd),
            "image_id": image,
            "bbox": [float(np.round(each, 2)) for each in (xmin, ymin, xmax - xmin, ymax - ymin)],
            "category_id": category,
            "id": len(table["annotations"]) + 1,
        }
    )


def write_images(folder: Path, name: str, jpegs: Mapping[str, bytes]) -> None:
    """Write the archive of an image set, its folder first, its files in no order."""
    with zipfile.ZipFile(folder / f"{name}2017.zip", "w") as archive:
        archive.mkdir(f"{name}2017")
        for file, jpeg in reversed(list(jpegs.items())):
            archive.writestr(f"{name}2017/{file}", jpeg)


def write_annotations(folder: Path, tables: Mapping[str, Table]) -> None:
    """Write the archive of the annotations, with those that are not read."""
    path = folder / "annotations_trainval2017.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, table in tables.items():
            captions = {"images": table["images"], "annotations": [{"id": 1, "caption": "A cat."}]}
            archive.writestr(f"annotations/instances_{name}2017.json", json.dumps(table))
            archive.writestr(f"annotations/captions_{name}2017.json", json.dumps(captions))
            archive.writestr(f"annotations/person_keypoints_{name}2017.json", "{}")
