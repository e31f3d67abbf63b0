#!/usr/bin/env bash
# kornia 0.9.0 mirrors boxes a pixel away from the picture if they are given by two corners.
#
# AugmentationSequential changes boxes along with pictures. It counts pixels by their middles, so
# that column 0 mirrors to 99; a box that ends between pixels has to lose a pixel before and to get
# it back after. With the key "bbox_xywh" that is done, and a mirrored box lies over its object.
# With "bbox_xyxy" it is not, and the box is moved by a pixel. Usually half of the training images
# are mirrored, so half of the boxes are off.
#
# A white object at x 10 to 50, y 20 to 60 (upper limits excluded) in 100 x 80 pixels.
#
# Seen on 28 November 2026 (Python 3.11, CPU), limits of the white pixels and of the two boxes:
#     horizontal flip: object 50 20 90 60, xyxy 49 20 89 60, xywh 50 20 90 60
#     vertical flip: object 10 20 50 60, xyxy 10 19 50 59, xywh 10 20 50 60
#     padding: object 10 20 50 60, xyxy 10 20 50 60, xywh 10 20 50 60
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q kornia==0.9.0 torch==2.13.0 numpy==2.4.6
cd "$folder"

venv/bin/python -W ignore - <<'PYTHON'
import torch
from kornia.augmentation import (
    AugmentationSequential,
    PadTo,
    RandomHorizontalFlip,
    RandomVerticalFlip,
)

picture = torch.zeros(1, 1, 80, 100)
picture[..., 20:60, 10:50] = 1
BOXES = {"xyxy": [10.0, 20, 50, 60], "xywh": [10.0, 20, 40, 40]}


def changed(transform):
    """Limits of the white pixels and of the box in both formats after the transform."""
    limits = {}
    for form, box in BOXES.items():
        both = AugmentationSequential(transform, data_keys=["input", f"bbox_{form}"])
        after, moved = both(picture, torch.tensor([[box]]))
        x, y, right, bottom = moved.flatten().tolist()
        if form == "xywh":
            right, bottom = right + x, bottom + y
        limits[form] = [round(number, 4) for number in (x, y, right, bottom)]
        rows, columns = torch.nonzero(after[0, 0] > 0.5, as_tuple=True)
        corners = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
        limits["object"] = [int(corner) for corner in corners]
    return limits


for word, transform, corners in (
    ("horizontal flip", RandomHorizontalFlip(p=1.0), [49, 20, 89, 60]),
    ("vertical flip", RandomVerticalFlip(p=1.0), [10, 19, 50, 59]),
    ("padding", PadTo((100, 120)), [10, 20, 50, 60]),
):
    seen = changed(transform)
    print(f"{word}: " + ", ".join(
        f"{name} {' '.join(f'{number:g}' for number in seen[name])}"
        for name in ("object", "xyxy", "xywh")
    ))
    assert seen["xywh"] == seen["object"], f"the behaviour changed: xywh is {seen['xywh']}"
    assert seen["xyxy"] == corners, f"the behaviour changed: expected {corners} of xyxy"
PYTHON
