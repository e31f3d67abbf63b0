"""Export by globox, from its annotation set."""

from collections.abc import Sequence
from pathlib import Path

from globox import Annotation, AnnotationSet, BoundingBox

from benchmarks.annotation_tools.scripts.known import Picture, categories, copy_pictures, run


def _annotations(pictures: Sequence[Picture]) -> AnnotationSet:
    return AnnotationSet(
        Annotation(
            image_id=picture.file,
            image_size=(picture.width, picture.height),
            boxes=[
                BoundingBox.create(label=each.category, coords=each.box) for each in picture.objects
            ],
        )
        for picture in pictures
    )


def voc(pictures: Sequence[Picture], source: Path, output: Path) -> None:
    """Write VOC's XML."""
    copy_pictures(pictures, source, output / "images")
    _annotations(pictures).save_pascal_voc(output / "annotations")


def coco(pictures: Sequence[Picture], source: Path, output: Path) -> None:
    """Write COCO's JSON."""
    copy_pictures(pictures, source, output / "images")
    _annotations(pictures).save_coco(output / "annotations.json", auto_ids=True)


def yolo(pictures: Sequence[Picture], source: Path, output: Path) -> None:
    """Write YOLO's labels, and beside them the names that were given to the tool."""
    copy_pictures(pictures, source, output / "images")
    names = categories(pictures)
    numbers = {name: number for number, name in enumerate(names)}
    _annotations(pictures).save_yolo_v5(output / "labels", label_to_id=numbers)
    (output / "classes.txt").write_text("".join(f"{name}\n" for name in names))


def labelme(pictures: Sequence[Picture], source: Path, output: Path) -> None:
    """Write labelme's JSON."""
    copy_pictures(pictures, source, output)
    _annotations(pictures).save_labelme(output)


if __name__ == "__main__":
    run({"voc": voc, "coco": coco, "yolo": yolo, "labelme": labelme})
