"""Export by Label Studio's converter, from tasks as its server stores them."""

import json
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.annotation_tools.scripts.known import (
    Known,
    Picture,
    categories,
    run,
)

try:
    from label_studio_sdk.converter.converter import Converter, Format
except ImportError:
    from label_studio_converter.converter import Converter, Format


def _result(picture: Picture, known: Known) -> dict[str, Any]:
    xmin, ymin, xmax, ymax = known.box
    return {
        "type": "rectanglelabels",
        "from_name": "label",
        "to_name": "image",
        "original_width": picture.width,
        "original_height": picture.height,
        "image_rotation": 0,
        "value": {
            "x": xmin / picture.width * 100,
            "y": ymin / picture.height * 100,
            "width": (xmax - xmin) / picture.width * 100,
            "height": (ymax - ymin) / picture.height * 100,
            "rotation": known.rotation,
            "rectanglelabels": [known.category],
        },
    }


def _converted(name: str, pictures: Sequence[Picture], source: Path, output: Path) -> None:
    """Convert pictures that were uploaded to the server's project 1."""
    labels = "".join(f'<Label value="{each}"/>' for each in categories(pictures))
    config = (
        '<View><Image name="image" value="$image"/>'
        f'<RectangleLabels name="label" toName="image">{labels}</RectangleLabels></View>'
    )
    with tempfile.TemporaryDirectory() as server:
        upload = Path(server) / "upload" / "1"
        upload.mkdir(parents=True)
        tasks = []
        for number, picture in enumerate(pictures, start=1):
            uploaded = f"{number:08x}-{picture.file.replace(' ', '_')}"
            shutil.copy(source / picture.file, upload / uploaded)
            annotation = {
                "id": number,
                "completed_by": {"email": "a@b.example"},
                "was_cancelled": False,
                "result": [_result(picture, each) for each in picture.objects],
            }
            data = {"image": f"/data/upload/1/{uploaded}"}
            tasks.append({"id": number, "data": data, "annotations": [annotation]})
        tasks_file = Path(server) / "tasks.json"
        tasks_file.write_text(json.dumps(tasks))
        converter = Converter(
            config, project_dir=server, upload_dir=str(upload.parent), download_resources=True
        )
        if not hasattr(Format, name):
            # The older package has one format, with pictures.
            name = name.removesuffix("_WITH_IMAGES")
        converter.convert(str(tasks_file), str(output), name, is_dir=False)
        if not any((output / "images").glob("*")):
            # An export without pictures: the user puts them beside.
            shutil.copytree(upload, output / "images", dirs_exist_ok=True)


def voc(pictures: Sequence[Picture], source: Path, output: Path) -> None:
    """Write VOC's XML."""
    _converted("VOC", pictures, source, output)


def coco(pictures: Sequence[Picture], source: Path, output: Path) -> None:
    """Write COCO's JSON with the pictures."""
    _converted("COCO_WITH_IMAGES", pictures, source, output)


def coco_alone(pictures: Sequence[Picture], source: Path, output: Path) -> None:
    """Write COCO's JSON without the pictures."""
    _converted("COCO", pictures, source, output)


def yolo(pictures: Sequence[Picture], source: Path, output: Path) -> None:
    """Write YOLO's labels, ``classes.txt``, ``notes.json`` and the pictures."""
    _converted("YOLO_WITH_IMAGES", pictures, source, output)


if __name__ == "__main__":
    run({"voc": voc, "coco": coco, "coco-alone": coco_alone, "yolo": yolo})
