#!/usr/bin/env bash
# pycocotools 2.0.11 gives -1 as average precision if no cap of detections is 100.
#
# COCOeval.params.maxDets is a list that one may change, for instance for crowded aerial pictures.
# The summary then reads the last cap for AP50 and AP75, but AP over .50:.95, the headline figure,
# always looks for a cap of 100. Without it the figure is -1, the value that otherwise means "no
# objects", beside an AP50 that is right.
#
# One object, found without error.
#
# Seen on 27 November 2026 (Python 3.11), AP over .50:.95 and AP50:
#     caps [1, 10, 100]: 1.0 1.0
#     caps [1, 10, 1000]: -1.0 1.0
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q pycocotools==2.0.11 numpy==2.4.6
cd "$folder"

venv/bin/python - <<'PYTHON'
import contextlib
import io

from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

BOX = [10, 10, 40, 40]


def figures(caps):
    """AP over .50:.95 and at .5 with a list of caps."""
    truth = COCO()
    truth.dataset = {
        "images": [{"id": 1}],
        "categories": [{"id": 1, "name": "cat"}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 1, "bbox": BOX, "area": 1600, "iscrowd": 0}
        ],
    }
    with contextlib.redirect_stdout(io.StringIO()):
        truth.createIndex()
        found = [{"image_id": 1, "category_id": 1, "bbox": BOX, "score": 0.9}]
        evaluation = COCOeval(truth, truth.loadRes(found), "bbox")
        evaluation.params.maxDets = caps
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return [round(float(figure), 6) for figure in evaluation.stats[:2]]


for caps, expected in (([1, 10, 100], [1.0, 1.0]), ([1, 10, 1000], [-1.0, 1.0])):
    seen = figures(caps)
    print(f"caps {caps}: {seen[0]} {seen[1]}")
    assert seen == expected, f"the behaviour changed: expected {expected}, found {seen}"
PYTHON
