"""Export by labelImg: the functions that its window calls when a picture is saved."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from libs.labelFile import LabelFile

from benchmarks.annotation_tools.scripts.known import Known, Picture, copy_pictures, run


def _shape(known: Known) -> dict[str, Any]:
    xmin, ymin, xmax, ymax = map(float, known.box)
    points = [(xmin, ymin), (xmax, ymin), (xmax, ymax), (xmin, ymax)]
    return {"label": known.category, "points": points, "difficult": known.difficult}


def voc(pictures: Sequence[Picture], source: Path, output: Path) -> None:
    """Write VOC's XML beside the pictures."""
    copy_pictures(pictures, source, output)
    for picture in pictures:
        path = output / picture.file
        LabelFile().save_pascal_voc_format(
            str(path.with_suffix(".xml")), [_shape(each) for each in picture.objects],
            str(path), None,
        )  # fmt: skip


def yolo(pictures: Sequence[Picture], source: Path, output: Path) -> None:
    """Write YOLO's labels and ``classes.txt`` beside the pictures."""
    copy_pictures(pictures, source, output)
    names: list[str] = []
    for picture in pictures:
        path = output / picture.file
        LabelFile().save_yolo_format(
            str(path.with_suffix(".txt")), [_shape(each) for each in picture.objects],
            str(path), None, names,
        )  # fmt: skip


if __name__ == "__main__":
    run({"voc": voc, "yolo": yolo})
