#!/usr/bin/env bash
# torchmetrics 1.9.0 cannot evaluate by its defaults what it read from COCO's files itself.
#
# MeanAveragePrecision().coco_to_tm reads a file of objects and one of detections. What it returns
# are boxes as COCO has them, a corner and a size; the metric takes them for two corners unless it
# was made with box_format="xywh", and what comes out is a plausible figure that depends on where in
# the image objects lie. Images without objects are left out, and with them every false detection
# there, in whatever form the boxes are.
#
# Three objects of three images: one in the upper left corner, two in the lower right. Each is found
# without error, and two detections of greater certainty lie in two images without objects. Average
# precision by hand: precision is 1/3, 2/4 and 3/5 at the objects, so .6 at every recall.
#
# Seen on 28 November 2026 (Python 3.11, CPU), average precision at an IoU of .5:
#     pycocotools 2.0.11: 0.600
#     coco_to_tm, box_format="xywh": 1.000
#     coco_to_tm, defaults: 0.337
#     coco_to_tm, images read: 3 of 5
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q torchmetrics==1.9.0 pycocotools==2.0.11 torch==2.14.1 \
    torchvision==0.29.1 numpy==2.4.6
cd "$folder"

venv/bin/python -W ignore - <<'PYTHON'
import contextlib
import io
import json
from pathlib import Path

from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from torchmetrics.detection import MeanAveragePrecision

near, far = [2, 2, 40, 30], [70, 60, 20, 15]
objects = {
    "images": [{"id": n, "file_name": f"{n}.jpg", "width": 100, "height": 80} for n in range(1, 6)],
    "annotations": [
        {"id": n, "image_id": n, "category_id": 1, "bbox": box, "area": box[2] * box[3],
         "iscrowd": 0}
        for n, box in enumerate((near, far, far), 1)
    ],
    "categories": [{"id": 1, "name": "cat"}],
}
found = [
    {"image_id": image, "category_id": 1, "bbox": box, "score": score}
    for image, box, score in (
        (4, near, 0.9), (5, far, 0.8), (1, near, 0.7), (2, far, 0.6), (3, far, 0.5)
    )
]
Path("objects.json").write_text(json.dumps(objects))
Path("found.json").write_text(json.dumps(found))

with contextlib.redirect_stdout(io.StringIO()):
    truth = COCO("objects.json")
    evaluation = COCOeval(truth, truth.loadRes("found.json"), "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    read = MeanAveragePrecision(iou_type="bbox").coco_to_tm("found.json", "objects.json")


def average_precision(**options):
    metric = MeanAveragePrecision(**options)
    metric.update(*read)
    return float(metric.compute()["map_50"])


for word, seen, expected in (
    ("pycocotools 2.0.11", float(evaluation.stats[1]), 0.6),
    ('coco_to_tm, box_format="xywh"', average_precision(box_format="xywh"), 1),
    ("coco_to_tm, defaults", average_precision(), 0.337),
):
    print(f"{word}: {seen:.3f}")
    assert abs(seen - expected) < 1e-3, f"the behaviour changed: expected {expected}"
print(f"coco_to_tm, images read: {len(read[1])} of {len(objects['images'])}")
assert len(read[1]) == 3, "the behaviour changed"
PYTHON
