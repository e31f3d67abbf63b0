"""Export by FiftyOne's exporters, which need no database."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import fiftyone
from fiftyone.utils.coco import COCODetectionDatasetExporter
from fiftyone.utils.voc import VOCDetectionDatasetExporter
from fiftyone.utils.yolo import YOLOv5DatasetExporter

from benchmarks.annotation_tools.scripts.known import Picture, categories, run


def _written(exporter: Any, pictures: Sequence[Picture], source: Path) -> None:
    with exporter:
        for picture in pictures:
            detections = []
            for each in picture.objects:
                xmin, ymin, xmax, ymax = each.box
                width, height = picture.width, picture.height
                fractions = [
                    xmin / width, ymin / height, (xmax - xmin) / width, (ymax - ymin) / height
                ]  # fmt: skip
                detections.append(
                    fiftyone.Detection(
                        label=each.category,
                        bounding_box=fractions,
                        difficult=each.difficult,
                        truncated=each.truncated,
                    )
                )
            path = str(source / picture.file)
            metadata = fiftyone.ImageMetadata.build_for(path)
            label = fiftyone.Detections(detections=detections)
            exporter.export_sample(path, label, metadata=metadata)


def voc(pictures: Sequence[Picture], source: Path, output: Path) -> None:
    """Write pictures and VOC's XML."""
    _written(VOCDetectionDatasetExporter(export_dir=str(output)), pictures, source)


def coco(pictures: Sequence[Picture], source: Path, output: Path) -> None:
    """Write pictures and COCO's JSON."""
    exporter = COCODetectionDatasetExporter(export_dir=str(output), classes=categories(pictures))
    _written(exporter, pictures, source)


def yolo(pictures: Sequence[Picture], source: Path, output: Path) -> None:
    """Write pictures, YOLO's labels and ``dataset.yaml``."""
    exporter = YOLOv5DatasetExporter(export_dir=str(output), classes=categories(pictures))
    _written(exporter, pictures, source)


if __name__ == "__main__":
    run({"voc": voc, "coco": coco, "yolo": yolo})
