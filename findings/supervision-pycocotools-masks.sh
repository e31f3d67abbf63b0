#!/usr/bin/env bash
# supervision 0.31.2 and pycocotools 2.0.11 do not agree on the box of a mask, nor the mask of a
# polygon.
#
# In pycocotools, limits are places between pixels; supervision takes the boxes and polygons of
# masks through the pixels. So a mask of 40 x 40 pixels has a box of 39 x 39 in supervision, where
# other boxes of the same program are half-open, and the box of a small object loses much of its
# area: that of one pixel has none. A mask exported as COCO loses a row and a column once
# pycocotools draws its polygon. supervision reads its own file right, so a round trip does not show
# it.
#
# A mask from 10 to 50 and from 20 to 60, upper limits excluded: 1600 pixels.
#
# Seen on 27 November 2026 (Python 3.11):
#     box by pycocotools: 10 20 50 60
#     box by supervision: 10 20 49 59, an IoU of 0.951
#     area of a box of one pixel: pycocotools 1, supervision 0
#     pixels after export to COCO: supervision 1600, pycocotools 1521
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q supervision==0.31.2 pycocotools==2.0.11 \
    opencv-python==5.0.0.93 numpy==2.4.6 pillow==13.0.0
cd "$folder"

venv/bin/python -W ignore - <<'PYTHON'
import contextlib
import io

import numpy as np
import supervision
from PIL import Image
from pycocotools import mask as rle
from pycocotools.coco import COCO

mask = np.zeros((1, 80, 100), bool)
mask[0, 20:60, 10:50] = True
one = np.zeros_like(mask)
one[0, 20, 10] = True


def by_pycocotools(mask):
    x, y, width, height = rle.toBbox(rle.encode(np.asfortranarray(mask[0], np.uint8)))
    return np.array([[x, y, x + width, y + height]])


theirs, other = supervision.mask_to_xyxy(mask).astype(float), by_pycocotools(mask)
iou = float(supervision.box_iou_batch(theirs, other)[0, 0])
print("box by pycocotools:", *(f"{corner:.0f}" for corner in other[0]))
print("box by supervision:", *(f"{corner:.0f}" for corner in theirs[0]), end=", ")
print(f"an IoU of {iou:.3f}")
areas = [
    int((box[0, 2] - box[0, 0]) * (box[0, 3] - box[0, 1]))
    for box in (by_pycocotools(one), supervision.mask_to_xyxy(one))
]
print(f"area of a box of one pixel: pycocotools {areas[0]}, supervision {areas[1]}")

Image.new("RGB", (100, 80)).save("a.png")
found = supervision.Detections(xyxy=other, mask=mask, class_id=np.array([0]))
written = supervision.DetectionDataset(["cat"], ["a.png"], {"a.png": found})
written.as_coco(annotations_path="out.json")
((_, _, again),) = supervision.DetectionDataset.from_coco(".", "out.json", force_masks=True)
with contextlib.redirect_stdout(io.StringIO()):
    coco = COCO("out.json")
pixels = [int(again.mask.sum()), int(coco.annToMask(coco.loadAnns(1)[0]).sum())]
print(f"pixels after export to COCO: supervision {pixels[0]}, pycocotools {pixels[1]}")
assert other.tolist() == [[10, 20, 50, 60]], f"expected 10 20 50 60, found {other}"
assert theirs.tolist() == [[10, 20, 49, 59]], f"the behaviour changed: {theirs}"
assert areas == [1, 0], f"the behaviour changed: areas of one pixel are {areas}"
assert pixels == [1600, 1521], f"the behaviour changed: pixels are {pixels}"
PYTHON
