"""Export by supervision, from detections as a program holds them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import supervision

from benchmarks.annotation_tools.scripts.known import Picture, categories, run


def _dataset(pictures: Sequence[Picture], source: Path) -> supervision.DetectionDataset:
    names = categories(pictures)
    paths = [str(source / picture.file) for picture in pictures]
    return supervision.DetectionDataset(
        classes=names,
        images=paths,
        annotations={
            path: supervision.Detections(
                xyxy=np.array([each.box for each in picture.objects], float).reshape(-1, 4),
                class_id=np.array([names.index(each.category) for each in picture.objects], int),
            )
            for path, picture in zip(paths, pictures, strict=True)
        },
    )


def voc(pictures: Sequence[Picture], source: Path, output: Path) -> None:
    """Write pictures and VOC's XML."""
    _dataset(pictures, source).as_pascal_voc(
        images_directory_path=str(output / "images"),
        annotations_directory_path=str(output / "annotations"),
    )


def coco(pictures: Sequence[Picture], source: Path, output: Path) -> None:
    """Write pictures and COCO's JSON."""
    _dataset(pictures, source).as_coco(
        images_directory_path=str(output / "images"),
        annotations_path=str(output / "annotations.json"),
    )


def yolo(pictures: Sequence[Picture], source: Path, output: Path) -> None:
    """Write pictures, YOLO's labels and ``data.yaml``."""
    _dataset(pictures, source).as_yolo(
        images_directory_path=str(output / "images"),
        annotations_directory_path=str(output / "labels"),
        data_yaml_path=str(output / "data.yaml"),
    )


if __name__ == "__main__":
    run({"voc": voc, "coco": coco, "yolo": yolo})
