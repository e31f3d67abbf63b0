#!/usr/bin/env bash
# datumaro 1.13.12 leaves rotated boxes out of COCO, Pascal VOC and YOLO without a word.
#
# CVAT lets one turn a rectangle. datumaro reads it from the XML of CVAT as an annotation type of
# its own, for which the writers of plain boxes have no case: the object is neither written as its
# upright hull nor as a polygon, and nothing is logged. The picture then counts as one without that
# object, so a detector is trained to call it background.
#
# One picture with an upright box and one turned by 30 degrees.
#
# Seen on 27 November 2026 (Python 3.11):
#     read from CVAT: bbox, rotated_bbox
#     boxes in coco_instances: 1
#     boxes in voc_detection: 1
#     boxes in yolo: 1
#     words logged: none
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q datumaro==1.13.12 pillow==12.3.0
cd "$folder"

venv/bin/python - <<'PYTHON'
import json
import logging
import warnings
from pathlib import Path

import datumaro
from PIL import Image

words = []
logging.getLogger().addHandler(type("Listener", (logging.Handler,), {
    "emit": lambda self, record: words.append(record.getMessage())})())
warnings.simplefilter("ignore")

Path("cvat/images").mkdir(parents=True)
Image.new("RGB", (100, 80)).save("cvat/images/a.png")
Path("cvat/annotations.xml").write_text("""<?xml version="1.0" encoding="utf-8"?>
<annotations><version>1.1</version>
<meta><task><name>one</name><labels><label><name>cat</name></label></labels></task></meta>
<image id="0" name="a.png" width="100" height="80">
<box label="cat" occluded="0" xtl="10" ytl="20" xbr="50" ybr="60" z_order="0"></box>
<box label="cat" occluded="0" xtl="60" ytl="20" xbr="80" ybr="40" rotation="30" z_order="0"></box>
</image></annotations>
""")
dataset = datumaro.Dataset.import_from("cvat", "cvat")
kinds = [annotation.type.name for item in dataset for annotation in item.annotations]
print(f"read from CVAT: {', '.join(kinds)}")
assert kinds == ["bbox", "rotated_bbox"], f"expected both boxes to be read, found {kinds}"

for name in ("coco_instances", "voc_detection", "yolo"):
    dataset.export(name, name)
(coco,) = Path("coco_instances/annotations").glob("*.json")
(labels,) = Path("yolo").glob("*/a.txt")
boxes = {
    "coco_instances": len(json.loads(coco.read_text())["annotations"]),
    "voc_detection": Path("voc_detection/Annotations/a.xml").read_text().count("<object>"),
    "yolo": len(labels.read_text().split("\n")) - labels.read_text().endswith("\n"),
}
for name, number in boxes.items():
    print(f"boxes in {name}: {number}")
print(f"words logged: {words or 'none'}")
assert set(boxes.values()) == {1}, "the behaviour changed: the rotated box is written"
assert not words, "the behaviour changed: datumaro now says something"
PYTHON
