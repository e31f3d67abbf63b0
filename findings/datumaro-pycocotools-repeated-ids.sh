#!/usr/bin/env bash
# datumaro 1.13.12 turns Pascal VOC into COCO files on which pycocotools 2.0.11 misjudges.
#
# Read from Pascal VOC, objects are numbered afresh in each picture. The writer of COCO takes these
# numbers as annotation ids and numbers only the objects that have none (0), so ids repeat across
# the file as soon as pictures hold several objects. pycocotools keeps annotations by id: of two of
# one id the later stands for both, its truth is no longer that of the file, and it says nothing.
#
# Three pictures with two objects each, each found without error.
#
# Seen on 27 November 2026 (Python 3.11), average precision at an IoU of .5:
#     ids written: [1, 1, 2, 1, 3, 1]
#     with these ids: 0.2525
#     with ids 1 to 6: 1.0000
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q datumaro==1.13.12 pycocotools==2.0.11 pillow==12.3.0
cd "$folder"

venv/bin/python -W ignore - <<'PYTHON'
import contextlib
import io
import json
from pathlib import Path

import datumaro
from PIL import Image
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

for folder in ("Annotations", "JPEGImages", "ImageSets/Main"):
    Path("voc", folder).mkdir(parents=True)
objects = "".join(
    f"<object><name>cat</name><bndbox><xmin>{x}</xmin><ymin>21</ymin><xmax>{x + 20}</xmax>"
    "<ymax>60</ymax></bndbox></object>"
    for x in (10, 50)
)
for name in "abc":
    Image.new("RGB", (100, 80)).save(f"voc/JPEGImages/{name}.jpg")
    size = "<size><width>100</width><height>80</height><depth>3</depth></size>"
    Path(f"voc/Annotations/{name}.xml").write_text(
        f"<annotation><filename>{name}.jpg</filename>{size}{objects}</annotation>"
    )
Path("voc/ImageSets/Main/train.txt").write_text("a\nb\nc\n")
datumaro.Dataset.import_from("voc", "voc_detection").export("coco", "coco_instances")


def average_precision(dataset):
    """AP at .5 of detections equal to the objects of the data set."""
    found = [
        {key: a[key] for key in ("image_id", "category_id", "bbox")} | {"score": 0.9}
        for a in dataset["annotations"]
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


dataset = json.loads(Path("coco/annotations/instances_train.json").read_text())
ids = [annotation["id"] for annotation in dataset["annotations"]]
print(f"ids written: {ids}")
repeated = average_precision(dataset)
print(f"with these ids: {repeated:.4f}")
for number, annotation in enumerate(dataset["annotations"], 1):
    annotation["id"] = number
whole = average_precision(dataset)
print(f"with ids 1 to {len(ids)}: {whole:.4f}")
assert len(ids) == 6, f"expected 6 objects, found {len(ids)}"
assert abs(whole - 1) < 1e-9, f"expected 1 with proper ids, found {whole}"
assert len(set(ids)) < 6, "the behaviour changed: ids no longer repeat"
assert abs(repeated - 0.2525) < 1e-3, f"the behaviour changed: expected 0.2525, found {repeated}"
PYTHON
