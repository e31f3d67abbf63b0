#!/usr/bin/env bash
# sahi 0.12.8 makes ordinary objects of the crowds of a COCO file.
#
# COCO marks an area full of objects by "iscrowd": 1, so that what a detector finds there counts
# neither for nor against it, and trainers leave it out. sahi's reader of COCO drops the mark, and
# every file that it writes afterwards, merged, split, filtered or cut into slices for small
# objects, says "iscrowd": 0: one box around a whole crowd becomes an object to be found. Images
# and annotations are numbered afresh as well. Nothing is said.
#
# An image with a dog and a crowd, read and written. The detector finds the dog with .8 and, in the
# crowd, a dog of 10 x 10 pixels with .9.
#
# Seen on 28 November 2026 (Python 3.11), and average precision at an IoU of .5 by pycocotools:
#     the file: image 7, iscrowd 0 1: 1.000
#     read and written by sahi: image 1, iscrowd 0 0: 0.252
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q sahi==0.12.8 pycocotools==2.0.11 numpy==2.4.6
cd "$folder"

export TQDM_DISABLE=1
venv/bin/python - 2> log.txt <<'PYTHON' || { cat log.txt >&2; exit 1; }
import contextlib
import io
import json
from pathlib import Path

from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from sahi.utils.coco import Coco

DOG, CROWD, WITHIN = [10, 10, 20, 20], [40, 20, 50, 50], [50, 30, 10, 10]
dataset = {
    "images": [{"id": 7, "file_name": "a.jpg", "width": 100, "height": 80}],
    "categories": [{"id": 1, "name": "dog", "supercategory": "animal"}],
    "annotations": [
        {"id": number, "image_id": 7, "category_id": 1, "bbox": box, "area": box[2] * box[3],
         "iscrowd": crowd}
        for number, box, crowd in ((1, DOG, 0), (2, CROWD, 1))
    ],
}
Path("in.json").write_text(json.dumps(dataset))
written = Coco.from_coco_dict_or_path("in.json").json


def average_precision(dataset):
    """AP at .5 of a detection of the dog and, with a better score, one in the crowd."""
    image = dataset["images"][0]["id"]
    found = [
        {"image_id": image, "category_id": 1, "bbox": box, "score": score}
        for box, score in ((WITHIN, 0.9), (DOG, 0.8))
    ]
    truth = COCO()
    truth.dataset = dataset
    with contextlib.redirect_stdout(io.StringIO()):
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes(found), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return float(evaluation.stats[1])


for word, content, expected in (
    ("the file", dataset, (7, [0, 1], 1.0)),
    ("read and written by sahi", written, (1, [0, 0], 0.2525)),
):
    image = content["images"][0]["id"]
    crowds = [annotation["iscrowd"] for annotation in content["annotations"]]
    figure = average_precision(content)
    print(f"{word}: image {image}, iscrowd {crowds[0]} {crowds[1]}: {figure:.3f}")
    assert (image, crowds) == expected[:2], f"the behaviour changed: expected {expected[:2]}"
    assert abs(figure - expected[2]) < 1e-3, f"the behaviour changed: expected {expected[2]}"
PYTHON
if [ -s log.txt ]; then
    cat log.txt >&2
    echo "the behaviour changed: expected no warning" >&2
    exit 1
fi
