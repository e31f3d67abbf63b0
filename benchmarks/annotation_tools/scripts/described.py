"""Files in the form of tools that do not run here, written from public descriptions."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from xml.sax.saxutils import escape

from PIL import Image

from benchmarks.annotation_tools.scripts.known import (
    Known,
    Picture,
    categories,
    copy_pictures,
    run,
)
from benchmarks.annotation_tools.scripts.plain import coco_tree, voc_object, voc_xml


def _by_roboflow(
    pictures: Sequence[Picture], source: Path, folder: Path
) -> list[tuple[Picture, Path]]:
    """Copy pictures under Roboflow's names, all of them JPEG."""
    folder.mkdir(parents=True)
    found = []
    for picture in pictures:
        stem, _, suffix = picture.file.replace(" ", "-").rpartition(".")
        digest = hashlib.md5(picture.file.encode(), usedforsecurity=False).hexdigest()
        renamed = replace(picture, file=f"{stem}_{suffix}.rf.{digest}.jpg")
        with Image.open(source / picture.file) as image:
            image.convert("RGB").save(folder / renamed.file, quality=95)
        found.append((renamed, folder / renamed.file))
    return found


def _from_one(known: Known) -> Known:
    xmin, ymin, xmax, ymax = known.box
    return replace(known, box=(xmin + 1, ymin + 1, xmax, ymax))


def roboflow_voc(pictures: Sequence[Picture], source: Path, output: Path) -> None:
    """Write XML beside the pictures; numbers from one are an assumption."""
    for picture, path in _by_roboflow(pictures, source, output / "train"):
        objects = []
        for each in map(_from_one, picture.objects):
            xmin, ymin, xmax, ymax = each.box
            objects.append(
                f"<object><name>{escape(each.category)}</name><pose>Unspecified</pose>"
                "<truncated>0</truncated><difficult>0</difficult><occluded>0</occluded>"
                f"<bndbox><xmin>{xmin}</xmin><xmax>{xmax}</xmax><ymin>{ymin}</ymin>"
                f"<ymax>{ymax}</ymax></bndbox></object>"
            )
        head = "<folder></folder>"
        xml = voc_xml(picture, objects, head).replace(
            "<size>",
            f"<path>{escape(picture.file)}</path><source><database>roboflow.com</database>"
            "</source><size>",
        )
        path.with_suffix(".xml").write_text(xml)


def _roboflow_coco(pictures: Sequence[Picture], source: Path, output: Path, project: str) -> None:
    renamed = [each for each, _ in _by_roboflow(pictures, source, output / "train")]
    tree = coco_tree(renamed)
    for image in tree["images"]:
        image["id"] -= 1
        image["date_captured"] = "2026-11-27T00:00:00+00:00"
    for number, annotation in enumerate(tree["annotations"]):
        annotation["id"] = number
        annotation["image_id"] -= 1
    for category in tree["categories"]:
        category["supercategory"] = project
    tree["categories"].insert(0, {"id": 0, "name": project, "supercategory": "none"})
    (output / "train" / "_annotations.coco.json").write_text(json.dumps(tree))


def roboflow_coco(pictures: Sequence[Picture], source: Path, output: Path) -> None:
    """Write COCO's JSON, whose first category is the project."""
    _roboflow_coco(pictures, source, output, "animals")


def roboflow_coco_namesake(pictures: Sequence[Picture], source: Path, output: Path) -> None:
    """Write COCO's JSON, whose first category is the project, called like a class."""
    _roboflow_coco(pictures, source, output, "cat")


def roboflow_yolo(pictures: Sequence[Picture], source: Path, output: Path) -> None:
    """Write YOLO's labels and ``data.yaml``."""
    names = categories(pictures)
    labels = output / "train" / "labels"
    labels.mkdir(parents=True)
    for picture, path in _by_roboflow(pictures, source, output / "train" / "images"):
        _yolo_labels(picture, names, labels / f"{path.stem}.txt")
    text = f"train: ../train/images\nval: ../valid/images\nnc: {len(names)}\nnames: {names}\n"
    (output / "data.yaml").write_text(text)


def _yolo_labels(picture: Picture, names: Sequence[str], path: Path) -> None:
    rows = []
    for each in picture.objects:
        xmin, ymin, xmax, ymax = each.box
        numbers = (
            (xmin + xmax) / 2 / picture.width, (ymin + ymax) / 2 / picture.height,
            (xmax - xmin) / picture.width, (ymax - ymin) / picture.height,
        )  # fmt: skip
        rows.append(" ".join(map(str, (names.index(each.category), *numbers))))
    path.write_text("\n".join(rows))


def via(pictures: Sequence[Picture], source: Path, output: Path) -> None:
    """Write COCO's JSON as VIA does: annotations name images by text, flat polygons."""
    copy_pictures(pictures, source, output)
    tree = coco_tree(pictures)
    for annotation in tree["annotations"]:
        annotation["image_id"] = str(annotation["image_id"])
        x, y, width, height = annotation["bbox"]
        annotation["segmentation"] = [
            x, y, x + width, y, x + width, y + height, x, y + height
        ]  # fmt: skip
    for category in tree["categories"]:
        category["supercategory"] = "type"
    (output / "via_project_coco.json").write_text(json.dumps(tree))


def labelme_voc(pictures: Sequence[Picture], source: Path, output: Path) -> None:
    """Write what labelme's example of bounding boxes makes: JPEGs, empty flags, floats."""
    for part in ("JPEGImages", "Annotations", "AnnotationsVisualization"):
        (output / part).mkdir(parents=True)
    names = ["__ignore__", "_background_", *categories(pictures)]
    (output / "class_names.txt").write_text("\n".join(names))
    for picture in pictures:
        stem = Path(picture.file).stem
        renamed = replace(picture, file=f"{stem}.jpg")
        with Image.open(source / picture.file) as image:
            for part in ("JPEGImages", "AnnotationsVisualization"):
                image.convert("RGB").save(output / part / renamed.file, quality=95)
        objects = [
            voc_object(_floats(each), "<pose/><truncated/><difficult/>") for each in picture.objects
        ]
        xml = voc_xml(renamed, objects, "<folder/>")
        (output / "Annotations" / f"{stem}.xml").write_text(xml)


def _floats(known: Known) -> Known:
    xmin, ymin, xmax, ymax = map(float, known.box)
    return replace(known, box=(xmin, ymin, xmax, ymax))


def coco_official(pictures: Sequence[Picture], source: Path, output: Path) -> None:
    """Write COCO's folders of 2017: instances, keypoints and captions of the same pictures."""
    copy_pictures(pictures, source, output / "train2017")
    folder = output / "annotations"
    folder.mkdir()
    tree = coco_tree(pictures)
    (folder / "instances_train2017.json").write_text(json.dumps(tree))
    first = tree["annotations"][0]
    keypoints = tree | {
        "annotations": [first | {"keypoints": [20, 30, 2], "num_keypoints": 1}],
        "categories": [
            category | {"keypoints": ["nose"], "skeleton": []}
            for category in tree["categories"]
            if category["id"] == first["category_id"]
        ],
    }
    (folder / "person_keypoints_train2017.json").write_text(json.dumps(keypoints))
    captions = {
        "images": tree["images"],
        "annotations": [
            {"id": number, "image_id": image["id"], "caption": "A drawing."}
            for number, image in enumerate(tree["images"], start=1)
        ],
    }
    (folder / "captions_train2017.json").write_text(json.dumps(captions))


if __name__ == "__main__":
    run(
        {
            "roboflow-voc": roboflow_voc,
            "roboflow-coco": roboflow_coco,
            "roboflow-coco-namesake": roboflow_coco_namesake,
            "roboflow-yolo": roboflow_yolo,
            "via-coco": via,
            "labelme-voc": labelme_voc,
            "coco-official": coco_official,
        }
    )
