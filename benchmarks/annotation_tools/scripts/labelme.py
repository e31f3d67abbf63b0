"""Export by labelme: the function that its window calls when a picture is saved."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from labelme._label_file import LabelFile

from benchmarks.annotation_tools.scripts.known import Picture, copy_pictures, run


def labelme(pictures: Sequence[Picture], source: Path, output: Path) -> None:
    """Write labelme's JSON beside the pictures, without their content."""
    copy_pictures(pictures, source, output)
    for picture in pictures:
        shapes: list[dict[str, Any]] = []
        for each in picture.objects:
            xmin, ymin, xmax, ymax = map(float, each.box)
            shapes.append(
                {
                    "label": each.category, "points": [[xmin, ymin], [xmax, ymax]],
                    "group_id": None, "description": "", "shape_type": "rectangle",
                    "flags": {}, "mask": None,
                }
            )  # fmt: skip
        LabelFile().save(
            filename=str((output / picture.file).with_suffix(".json")), shapes=shapes,
            image_path=picture.file, image_height=picture.height, image_width=picture.width,
            other_data={}, flags={},
        )  # fmt: skip


if __name__ == "__main__":
    run({"labelme": labelme})
