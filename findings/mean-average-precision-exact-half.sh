#!/usr/bin/env bash
# mean-average-precision 2024.1.5.0 counts an IoU of exactly the threshold as a miss.
#
# The devkit of Pascal VOC, COCO and nearly every other package match at an IoU of at least the
# threshold; this one asks for more. Boxes on whole pixels hit a half often: halves, or a box
# shifted by a third of its side.
#
# An object of 10 x 10 pixels (0 to 9, both included) and a window on its upper half: IoU 1/2, a
# number that floating point holds exactly.
#
# Seen on 27 November 2026 (Python 3.11):
#     threshold 0.5: 0.0
#     threshold 0.499: 1.0
#     pycocotools 2.0.11, threshold 0.5: 1.0
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q mean-average-precision==2024.1.5.0 pycocotools==2.0.11 \
    numpy==2.4.6 pandas==3.1.1
cd "$folder"

venv/bin/python - <<'PYTHON'
import contextlib
import io

import numpy as np
from mean_average_precision import MetricBuilder
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

metric = MetricBuilder.build_evaluation_metric("map_2d", async_mode=False, num_classes=1)
# xmin, ymin, xmax, ymax, class, then score; or difficult and crowd.
metric.add(np.array([[0, 0, 9, 4, 0, 0.9]]), np.array([[0, 0, 9, 9, 0, 0, 0]]))
figures = {}
for threshold in (0.5, 0.499):
    figures[threshold] = float(metric.value(iou_thresholds=threshold)["mAP"])
    print(f"threshold {threshold}: {figures[threshold]}")

with contextlib.redirect_stdout(io.StringIO()):
    truth = COCO()
    truth.dataset = {
        "images": [{"id": 1}],
        "categories": [{"id": 1, "name": "cat"}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 1, "bbox": [0, 0, 10, 10], "area": 100,
             "iscrowd": 0}
        ],
    }
    truth.createIndex()
    found = [{"image_id": 1, "category_id": 1, "bbox": [0, 0, 10, 5], "score": 0.9}]
    evaluation = COCOeval(truth, truth.loadRes(found), "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
print(f"pycocotools 2.0.11, threshold 0.5: {evaluation.stats[1]:.1f}")

assert abs(evaluation.stats[1] - 1) < 1e-9, "pycocotools no longer matches at exactly .5"
assert figures[0.499] == 1.0, f"expected 1.0 below the half, found {figures[0.499]}"
assert figures[0.5] == 0.0, f"the behaviour changed: an IoU of .5 now gives {figures[0.5]}"
PYTHON
