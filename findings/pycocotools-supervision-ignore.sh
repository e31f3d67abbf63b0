#!/usr/bin/env bash
# pycocotools 2.0.11 overwrites the flag "ignore" that supervision 0.31.2 obeys.
#
# An object may be marked as one that is neither to be found nor to be missed, as the difficult
# objects of Pascal VOC are. supervision, whose COCO metric follows pycocotools, leaves out objects
# with "ignore" 1; pycocotools has the same flag in its code but sets it from "iscrowd" first, so
# what the file says is lost. One ground truth, two figures.
#
# Two objects, of which one is marked; the other is found without error.
#
# Seen on 27 November 2026 (Python 3.11), average precision at an IoU of .5:
#     no mark: pycocotools 0.505, supervision 0.505
#     ignore: pycocotools 0.505, supervision 1.000
#     iscrowd: pycocotools 1.000, supervision 1.000
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q pycocotools==2.0.11 supervision==0.31.2 \
    opencv-python==5.0.0.93 numpy==2.4.6
cd "$folder"

venv/bin/python - <<'PYTHON'
import contextlib
import io

import numpy as np
import supervision
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from supervision.metrics import MeanAveragePrecision

BOXES = np.array([[10, 10, 50, 50], [60, 10, 90, 40]], float)  # the second is marked


def by_pycocotools(flags):
    truth = COCO()
    truth.dataset = {
        "images": [{"id": 1}],
        "categories": [{"id": 1, "name": "cat"}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 1, "bbox": [10, 10, 40, 40], "area": 1600,
             "iscrowd": 0},
            {"id": 2, "image_id": 1, "category_id": 1, "bbox": [60, 10, 30, 30], "area": 900,
             "iscrowd": 0, **{flag: 1 for flag in flags}},
        ],
    }
    with contextlib.redirect_stdout(io.StringIO()):
        truth.createIndex()
        found = [{"image_id": 1, "category_id": 1, "bbox": [10, 10, 40, 40], "score": 0.9}]
        evaluation = COCOeval(truth, truth.loadRes(found), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return float(evaluation.stats[1])


def by_supervision(flags):
    data = {flag: np.array([0, 1]) for flag in flags}
    truth = supervision.Detections(xyxy=BOXES, class_id=np.array([0, 0]), data=data)
    found = supervision.Detections(
        xyxy=BOXES[:1], class_id=np.array([0]), confidence=np.array([0.9])
    )
    return float(MeanAveragePrecision().update([found], [truth]).compute().map50)


for flags, expected in (([], (0.505, 0.505)), (["ignore"], (0.505, 1)), (["iscrowd"], (1, 1))):
    seen = by_pycocotools(flags), by_supervision(flags)
    word = flags[0] if flags else "no mark"
    print(f"{word}: pycocotools {seen[0]:.3f}, supervision {seen[1]:.3f}")
    assert np.allclose(seen, expected, atol=1e-3), f"the behaviour changed: expected {expected}"
PYTHON
