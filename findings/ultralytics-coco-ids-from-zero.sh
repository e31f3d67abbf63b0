#!/usr/bin/env bash
# ultralytics 8.4.190 makes a class -1 of COCO ids from 0 and gives other objects false names.
#
# convert_coco writes the category's id less 1 as the class, whatever ids the file has
# (cls91to80=False, as for data of one's own). Ids from 0 are valid and common: Label Studio and
# globox write them. The conversion reports success. The trainer then drops every image with an
# object of class -1 as corrupt, in a line among others, and trains on the rest with each object
# under the name of the category before its own.
#
# Three images of one object each: cat, dog, cow. The list of names is that of the file, in order.
#
# Seen on 28 November 2026 (Python 3.11, CPU), classes written; what the trainer's data set holds:
#     ids from 1: 0 1 2; cat as cat, cow as cow, dog as dog
#     ids from 0: -1 0 1; cow as dog, dog as cat
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q ultralytics==8.4.190 torch==2.13.0 torchvision==0.28.0 \
    pillow==12.3.0 numpy==2.4.6
cd "$folder"
export YOLO_CONFIG_DIR="$folder" YOLO_OFFLINE=true YOLO_VERBOSE=false

venv/bin/python -W ignore - > out.txt 2> log.txt <<'PYTHON' || { cat out.txt log.txt >&2; exit 1; }
import json
from pathlib import Path

from PIL import Image
from ultralytics.data.converter import convert_coco
from ultralytics.data.dataset import YOLODataset

names = ["cat", "dog", "cow"]
for first, expected in (
    (1, "0 1 2; cat as cat, cow as cow, dog as dog"),
    (0, "-1 0 1; cow as dog, dog as cat"),
):
    root = Path(f"from{first}").resolve()
    for part in ("json", "images"):
        (root / part).mkdir(parents=True)
    for name in names:
        Image.new("RGB", (100, 80)).save(root / f"images/{name}.jpg")
    dataset = {
        "images": [
            {"id": n, "file_name": f"{name}.jpg", "width": 100, "height": 80}
            for n, name in enumerate(names)
        ],
        "annotations": [
            {"id": n + 1, "image_id": n, "category_id": n + first, "bbox": [10, 20, 40, 40],
             "area": 1600, "iscrowd": 0}
            for n in range(3)
        ],
        "categories": [{"id": n + first, "name": name} for n, name in enumerate(names)],
    }
    (root / "json/all.json").write_text(json.dumps(dataset))
    convert_coco(str(root / "json"), save_dir=str(root / "yolo"), cls91to80=False)
    (root / "yolo/labels/all").rename(root / "labels")
    written = [(root / f"labels/{name}.txt").read_text().split()[0] for name in names]
    kept = YOLODataset(
        img_path=str(root / "images"), data={"names": dict(enumerate(names)), "channels": 3},
        augment=False, imgsz=64,
    )
    seen = ", ".join(sorted(
        f"{Path(label['im_file']).stem} as {names[int(label['cls'][0, 0])]}"
        for label in kept.labels
    ))
    seen = f"{' '.join(written)}; {seen}"
    print(f"ids from {first}: {seen}")
    assert seen == expected, f"the behaviour changed: expected {expected}"
PYTHON
grep "^ids from" out.txt
