"""Export by datumaro, which also writes what CVAT's server exports."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from datumaro import AnnotationType, Bbox, Dataset, DatasetItem, Image, LabelCategories
from datumaro.components.annotation import RotatedBbox

from benchmarks.annotation_tools.scripts.known import Known, Picture, categories, run


def _annotation(known: Known, number: int, names: Sequence[str]) -> Any:
    xmin, ymin, xmax, ymax = known.box
    flags = {
        "label": names.index(known.category),
        "attributes": {
            "difficult": known.difficult, "truncated": known.truncated, "occluded": False,
        },
        "id": number,
        "group": number,
    }  # fmt: skip
    width, height = xmax - xmin, ymax - ymin
    if known.rotation:
        centre = ((xmin + xmax) / 2, (ymin + ymax) / 2)
        return RotatedBbox(*centre, width, height, known.rotation, **flags)
    return Bbox(xmin, ymin, width, height, **flags)


def _export(
    name: str,
    pictures: Sequence[Picture],
    source: Path,
    output: Path,
    subsets: Sequence[str] = ("train",),
    sizes: bool = True,
    **how: Any,
) -> None:
    names = categories(pictures)
    labels = LabelCategories(attributes={"difficult", "truncated", "occluded"})
    for each in names:
        labels.add(each)
    items = [
        DatasetItem(
            id=Path(picture.file).stem,
            subset=subsets[place % len(subsets)],
            media=Image.from_file(
                path=str(source / picture.file),
                size=(picture.height, picture.width) if sizes else None,
            ),
            annotations=[
                _annotation(each, number, names)
                for number, each in enumerate(picture.objects, start=1)
            ],
        )
        for place, picture in enumerate(pictures)
    ]
    dataset = Dataset.from_iterable(items, categories={AnnotationType.label: labels})
    dataset.export(str(output), name, save_media=True, **how)


def voc(pictures: Sequence[Picture], source: Path, output: Path) -> None:
    """Write a VOC devkit."""
    _export("voc", pictures, source, output)


def voc_without_sizes(pictures: Sequence[Picture], source: Path, output: Path) -> None:
    """Write a VOC devkit of pictures whose sizes the data set was not given."""
    _export("voc", pictures, source, output, sizes=False)


def voc_from_one(pictures: Sequence[Picture], source: Path, output: Path) -> None:
    """Write a VOC devkit, counted from one."""
    _export("voc", pictures, source, output, coordinate_mode="voc-one-based")


def coco(pictures: Sequence[Picture], source: Path, output: Path) -> None:
    """Write COCO's JSON."""
    _export("coco_instances", pictures, source, output)


def yolo(pictures: Sequence[Picture], source: Path, output: Path) -> None:
    """Write darknet's YOLO: ``obj.names``, lists of pictures, labels beside pictures."""
    _export("yolo", pictures, source, output)


def yolo_ultralytics(pictures: Sequence[Picture], source: Path, output: Path) -> None:
    """Write Ultralytics' YOLO: ``data.yaml``, folders of pictures and labels."""
    _export("yolo_ultralytics", pictures, source, output, subsets=("train", "val"))


def cvat(pictures: Sequence[Picture], source: Path, output: Path) -> None:
    """Write CVAT's XML for images 1.1."""
    _export("cvat", pictures, source, output)


def _through_cvat(name: str, pictures: Sequence[Picture], source: Path, output: Path) -> None:
    """Convert CVAT's XML, as CVAT's server does for its other formats."""
    with tempfile.TemporaryDirectory() as folder:
        _export("cvat", pictures, source, Path(folder), subsets=("default",))
        dataset = Dataset.import_from(folder, "cvat")
        dataset.export(str(output), name, save_media=True)


def cvat_voc(pictures: Sequence[Picture], source: Path, output: Path) -> None:
    """Write a VOC devkit from CVAT's XML."""
    _through_cvat("voc", pictures, source, output)


def cvat_coco(pictures: Sequence[Picture], source: Path, output: Path) -> None:
    """Write COCO's JSON from CVAT's XML."""
    _through_cvat("coco_instances", pictures, source, output)


if __name__ == "__main__":
    run(
        {
            "voc": voc,
            "voc-from-one": voc_from_one,
            "voc-without-sizes": voc_without_sizes,
            "coco": coco,
            "yolo": yolo,
            "yolo-ultralytics": yolo_ultralytics,
            "cvat": cvat,
            "cvat-voc": cvat_voc,
            "cvat-coco": cvat_coco,
        }
    )
