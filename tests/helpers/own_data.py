"""Folders of one's own, drawn: VOC's XML beside images, or COCO's JSON, in several layouts."""

import io
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from objloc.data.voc.devkit import open_devkit
from tests.helpers.devkits import make_devkit

CATEGORIES = ("robot", "traffic light")
"""None of Pascal VOC's."""


def make_flat(folder: Path, images: int = 24) -> Path:
    """Images and XML files side by side, without image sets."""
    devkit = make_devkit(
        folder.parent / f"{folder.name}.devkit", {"train": images}, CATEGORIES, year="ANY"
    )
    folder.mkdir(parents=True)
    for part in ("JPEGImages", "Annotations"):
        for path in (devkit / "ANY" / part).iterdir():
            shutil.move(path, folder / path.name)
    shutil.rmtree(devkit.parent)
    return folder


def make_coco(folder: Path, sets: Sequence[str] = ("train", "valid", "test")) -> Path:
    """Folders of images, each with its ``_annotations.coco.json``.

    Image 000001 of ``train`` has a crowd, and the last one no object.
    """
    source = make_devkit(
        folder.parent / f"{folder.name}.devkit", {"all": 8 * len(sets)}, CATEGORIES, year="ANY"
    )
    devkit = open_devkit(source)
    ids = iter(devkit.image_ids)
    for name in sets:
        part = folder / name
        part.mkdir(parents=True)
        tree: dict[str, Any] = {
            # As some tools write: a category above the others, ids with gaps.
            "categories": [{"id": 0, "name": "things"}]
            + [{"id": 5 + 2 * n, "name": each} for n, each in enumerate(CATEGORIES)],
            "images": [],
            "annotations": [],
        }
        for number in range(8):
            sample = devkit.read(next(ids))
            (part / f"{sample.image_id}.jpg").write_bytes(sample.jpeg)
            size = {"width": sample.width, "height": sample.height}
            tree["images"].append({"id": number, "file_name": f"{sample.image_id}.jpg", **size})
            for item in sample.objects if number < 7 else ():
                xmin, ymin, xmax, ymax = item.box
                tree["annotations"].append(
                    {
                        "id": len(tree["annotations"]),
                        "image_id": number,
                        "category_id": 5 + 2 * CATEGORIES.index(item.category),
                        "bbox": [xmin, ymin, xmax - xmin, ymax - ymin],
                        "iscrowd": int(name == "train" and number == 0),
                        "segmentation": [[xmin, ymin, xmax, ymin, xmax, ymax]],
                    }
                )
        (part / "_annotations.coco.json").write_text(json.dumps(tree))
    shutil.rmtree(source.parent)
    return folder


def change_json(path: Path, change: dict[str, Any]) -> None:
    """Replace keys of a JSON file."""
    path.write_text(json.dumps(json.loads(path.read_text()) | change))


def turned(path: Path, orientation: int) -> None:
    """Give a JPEG a camera's orientation; its pixels stay as they are."""
    with Image.open(path) as image:
        exif = image.getexif()
        exif[274] = orientation
        stream = io.BytesIO()
        image.save(stream, "JPEG", quality=95, exif=exif)
    path.write_bytes(stream.getvalue())


def draw_blanks(folder: Path, *names: str) -> list[Path]:
    """Draw a plain image of 100 x 80 pixels for each name."""
    paths = [folder / name for name in names]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (100, 80), "grey").save(path)
    return paths


def write_texts(folder: Path, texts: dict[str, str]) -> None:
    """Write a text file for each name."""
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
