#!/usr/bin/env bash
# pylabel 0.1.55 writes YOLO labels of COCO whose numbers do not meet its own list of names.
#
# The ids of COCO's categories, which begin at 1 in COCO itself and in most files, become the
# classes of the label files as they are. The YAML beside them lists the names, and a list counts
# from 0. So each object has the name of the next category, and the last category has none. Only
# the option cat_id_index=0 makes the two agree; without it nothing is said.
#
# One picture of each of three categories.
#
# Seen on 28 November 2026 (Python 3.11), class and the name of that number in the list:
#     default: cat is 1 (dog), dog is 2 (cow), cow is 3 (nothing)
#     cat_id_index=0: cat is 0 (cat), dog is 1 (dog), cow is 2 (cow)
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q pylabel==0.1.55 pandas==2.3.3 numpy==2.4.6 pillow==12.3.0 \
    pyyaml==6.0.3
cd "$folder"

venv/bin/python -W ignore - 2> log.txt <<'PYTHON' || { cat log.txt >&2; exit 1; }
import json
from pathlib import Path

import yaml
from PIL import Image
from pylabel import importer

names = ["cat", "dog", "cow"]
for name in names:
    Image.new("RGB", (100, 80)).save(f"{name}.jpg")
Path("coco.json").write_text(json.dumps({
    "images": [
        {"id": n, "file_name": f"{name}.jpg", "width": 100, "height": 80}
        for n, name in enumerate(names, 1)
    ],
    "categories": [
        {"id": n, "name": name, "supercategory": ""} for n, name in enumerate(names, 1)
    ],
    "annotations": [
        {"id": n, "image_id": n, "category_id": n, "bbox": [10, 20, 40, 40], "area": 1600,
         "iscrowd": 0}
        for n in (1, 2, 3)
    ],
}))
for word, options, expected in (
    ("default", {}, "cat is 1 (dog), dog is 2 (cow), cow is 3 (nothing)"),
    ("cat_id_index=0", {"cat_id_index": 0}, "cat is 0 (cat), dog is 1 (dog), cow is 2 (cow)"),
):
    folder = Path(word)
    importer.ImportCoco("coco.json").export.ExportToYoloV5(
        output_path=str(folder / "labels"), **options
    )
    listed = yaml.safe_load((folder / "dataset.yaml").read_text())["names"]
    parts = []
    for name in names:
        number = int(float((folder / f"labels/{name}.txt").read_text().split()[0]))
        called = listed[number] if number < len(listed) else "nothing"
        parts.append(f"{name} is {number} ({called})")
    seen = ", ".join(parts)
    print(f"{word}: {seen}")
    assert seen == expected, f"the behaviour changed: expected {expected}"
PYTHON
