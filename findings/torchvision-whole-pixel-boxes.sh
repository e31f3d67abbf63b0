#!/usr/bin/env bash
# torchvision 0.29.1 moves boxes of Pascal VOC up and to the left with every transform.
#
# wrap_dataset_for_transforms_v2 makes tensors of whole numbers from the boxes of VOCDetection, and
# the transforms keep that type: what a resize gives is cut to whole pixels, always downwards. The
# conversion to a centre and a size cuts once more. In a small training image that is a pixel of
# a box a few tens of pixels wide. The same boxes from CocoDetection are floats if the JSON has
# decimal points, and then exact; the function box_convert gives floats for whole numbers.
#
# One object of 28 x 24 pixels, whose corners have odd numbers, in an image that is shrunk to half.
# The boxes are as torchvision reads them: it takes VOC's numbers as they are.
#
# Seen on 28 November 2026 (Python 3.11, CPU), corners after the resize; then centre and size:
#     VOCDetection: 5 10 19 22; 12 16 14 12
#     CocoDetection, 11.0: 5.5 10.5 19.5 22.5; 12.5 16.5 14 12
#     CocoDetection, 11: 5 10 19 22; 12 16 14 12
#     odd corners to centre and back: 9 19 50 60 of 10 20 51 61
#     the same by box_convert: 10 20 51 61
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q torch==2.14.1 torchvision==0.29.1 pycocotools==2.0.11 \
    pillow==13.0.0 numpy==2.4.6
cd "$folder"

venv/bin/python -W ignore - <<'PYTHON'
import contextlib
import io
import json
from pathlib import Path

import torch
from PIL import Image
from torchvision import datasets, ops
from torchvision.transforms import v2
from torchvision.tv_tensors import BoundingBoxes

devkit = Path("VOCdevkit/VOC2012")
for part in ("Annotations", "JPEGImages", "ImageSets/Main"):
    (devkit / part).mkdir(parents=True)
Image.new("RGB", (100, 80)).save(devkit / "JPEGImages/a.jpg")
(devkit / "ImageSets/Main/train.txt").write_text("a\n")
(devkit / "Annotations/a.xml").write_text(
    "<annotation><filename>a.jpg</filename>"
    "<size><width>100</width><height>80</height><depth>3</depth></size>"
    "<object><name>cat</name><difficult>0</difficult><bndbox><xmin>11</xmin><ymin>21</ymin>"
    "<xmax>39</xmax><ymax>45</ymax></bndbox></object></annotation>"
)


def coco(name, box):
    """A file of COCO with that box."""
    Path(name).write_text(json.dumps({
        "images": [{"id": 1, "file_name": "a.jpg", "width": 100, "height": 80}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": box, "area": 672,
                         "iscrowd": 0}],
        "categories": [{"id": 1, "name": "cat"}],
    }))
    with contextlib.redirect_stdout(io.StringIO()):
        return datasets.CocoDetection(devkit / "JPEGImages", name, transforms=shrink)


def text(boxes):
    return " ".join(f"{number:g}" for number in boxes[0].tolist())


shrink = v2.Resize((40, 50))
to_centre = v2.ConvertBoundingBoxFormat("CXCYWH")
for word, dataset, expected in (
    ("VOCDetection", datasets.VOCDetection(".", "2012", "train", transforms=shrink),
     "5 10 19 22; 12 16 14 12"),
    ("CocoDetection, 11.0", coco("floats.json", [11.0, 21.0, 28.0, 24.0]),
     "5.5 10.5 19.5 22.5; 12.5 16.5 14 12"),
    ("CocoDetection, 11", coco("whole.json", [11, 21, 28, 24]), "5 10 19 22; 12 16 14 12"),
):
    ((_, target),) = datasets.wrap_dataset_for_transforms_v2(dataset, target_keys={"boxes"})
    seen = f"{text(target['boxes'])}; {text(to_centre(target['boxes']))}"
    print(f"{word}: {seen}")
    assert seen == expected, f"the behaviour changed: expected {expected}"

plain = torch.tensor([[10, 20, 51, 61]])
boxes = BoundingBoxes(plain, format="XYXY", canvas_size=(80, 100))
seen = text(v2.ConvertBoundingBoxFormat("XYXY")(to_centre(boxes)))
print(f"odd corners to centre and back: {seen} of {text(plain)}")
assert seen == "9 19 50 60", "the behaviour changed"
seen = text(ops.box_convert(ops.box_convert(plain, "xyxy", "cxcywh"), "cxcywh", "xyxy"))
print(f"the same by box_convert: {seen}")
assert seen == "10 20 51 61", "the behaviour changed"
PYTHON
