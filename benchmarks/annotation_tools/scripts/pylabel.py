"""Export by pylabel, which converts: it is given COCO's JSON with the known boxes."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pylabel import importer

from benchmarks.annotation_tools.scripts.known import Picture, copy_pictures, run
from benchmarks.annotation_tools.scripts.plain import write_coco


def _dataset(folder: str, pictures: Sequence[Picture]) -> Any:
    path = Path(folder) / "known.json"
    write_coco(path, pictures)
    return importer.ImportCoco(str(path), name="annotations")


def voc(pictures: Sequence[Picture], source: Path, output: Path) -> None:
    """Write VOC's XML."""
    copy_pictures(pictures, source, output / "images")
    with tempfile.TemporaryDirectory() as folder:
        _dataset(folder, pictures).export.ExportToVoc(output_path=str(output / "annotations"))


def coco(pictures: Sequence[Picture], source: Path, output: Path) -> None:
    """Write COCO's JSON."""
    copy_pictures(pictures, source, output / "images")
    with tempfile.TemporaryDirectory() as folder:
        path = str(output / "annotations.json")
        _dataset(folder, pictures).export.ExportToCoco(output_path=path)


def _yolo(pictures: Sequence[Picture], source: Path, output: Path, **how: Any) -> None:
    copy_pictures(pictures, source, output / "images")
    with tempfile.TemporaryDirectory() as folder:
        _dataset(folder, pictures).export.ExportToYoloV5(
            output_path=str(output / "labels"), yaml_file="dataset.yaml", **how
        )


def yolo(pictures: Sequence[Picture], source: Path, output: Path) -> None:
    """Write YOLO's labels and ``dataset.yaml``, with the numbers of classes as they were read."""
    _yolo(pictures, source, output)


def yolo_from_zero(pictures: Sequence[Picture], source: Path, output: Path) -> None:
    """Write YOLO's labels and ``dataset.yaml``, classes counted from zero."""
    _yolo(pictures, source, output, cat_id_index=0)


if __name__ == "__main__":
    run({"voc": voc, "coco": coco, "yolo": yolo, "yolo-from-zero": yolo_from_zero})
