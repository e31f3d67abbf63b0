#!/usr/bin/env bash
# pycocotools 2.0.11 loses every object whose annotation id is 0.
#
# The evaluation notes the id of the matched annotation beside each detection and later reads it as
# true or false, so a match with annotation 0 counts as no match. Ids from 0 are valid JSON, several
# annotation tools write them (Label Studio and globox do), and no message is given. The fewer
# objects, the larger the loss.
#
# Two images, one object each, each found without error; the same with hotcoco 1.3.0, whose figures
# otherwise equal those of pycocotools.
#
# Seen on 27 November 2026 (Python 3.11), average precision at an IoU of .5:
#     ids from 1: pycocotools 1.0000, hotcoco 1.0000
#     ids from 0: pycocotools 0.2525, hotcoco 1.0000
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q pycocotools==2.0.11 hotcoco==1.3.0 numpy==2.4.6
cd "$folder"

venv/bin/python - <<'PYTHON'
import contextlib
import io
import json

import hotcoco
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

BOX = [10, 10, 40, 40]


def average_precision(first, coco, evaluator):
    """AP at .5 of perfect detections, if annotation ids begin at ``first``."""
    truth = {
        "images": [{"id": i, "file_name": f"{i}.jpg", "width": 100, "height": 80} for i in (1, 2)],
        "categories": [{"id": 1, "name": "cat"}],
        "annotations": [
            {"id": first + i - 1, "image_id": i, "category_id": 1, "bbox": BOX, "area": 1600,
             "iscrowd": 0}
            for i in (1, 2)
        ],
    }
    found = [{"image_id": i, "category_id": 1, "bbox": BOX, "score": 0.9} for i in (1, 2)]
    with open("truth.json", "w") as file:
        json.dump(truth, file)
    with contextlib.redirect_stdout(io.StringIO()):
        loaded = coco("truth.json")
        evaluation = evaluator(loaded, loaded.loadRes(found), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return float(evaluation.stats[1])


figures = {}
for first in (1, 0):
    theirs = average_precision(first, COCO, COCOeval)
    other = average_precision(first, hotcoco.COCO, hotcoco.COCOeval)
    print(f"ids from {first}: pycocotools {theirs:.4f}, hotcoco {other:.4f}")
    assert abs(other - 1) < 1e-9, f"expected 1 by hotcoco, found {other}"
    figures[first] = theirs
assert abs(figures[1] - 1) < 1e-9, f"expected 1 with ids from 1, found {figures[1]}"
assert abs(figures[0] - 0.2525) < 1e-3, f"the behaviour changed: ids from 0 give {figures[0]}"
PYTHON
