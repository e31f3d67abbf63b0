#!/usr/bin/env bash
# albumentations 2.0.8: CoarseDropout moves boxes by a pixel that it does not touch.
#
# The transform paints holes into a picture. Boxes stay where they are unless a hole covers them, or
# so one expects, as no pixel moves. But all boxes go through shares of the picture's sides in
# floating point and are cut to whole pixels on the way back: 1 % of 100 pixels, in single
# precision .99999998, becomes 0. Three of four boxes on whole pixels lose or gain a pixel; a box of
# 10 x 10 pixels then has an IoU of .8 to .9 with its object.
# HorizontalFlip of the same boxes is right.
#
# A picture of 100 x 100 pixels with one hole of one pixel, and boxes 10 pixels wide that begin at
# 0, 1, ... 89.
#
# Seen on 28 November 2026 (Python 3.11, CPU):
#     CoarseDropout: 1 to 11 becomes 0 to 10
#     CoarseDropout: 4 to 14 becomes 3 to 14
#     CoarseDropout: 9 to 19 becomes 9 to 18
#     CoarseDropout: 69 of 90 boxes moved
#     HorizontalFlip, twice: 0 of 90 boxes moved
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q albumentations==2.0.8 numpy==2.4.6 scipy==1.17.1 \
    opencv-python-headless==5.0.0.93
cd "$folder"

NO_ALBUMENTATIONS_UPDATE=1 venv/bin/python -W ignore - <<'PYTHON'
import albumentations
import numpy as np

PICTURE = np.zeros((100, 100, 3), np.uint8)
HOLE = albumentations.CoarseDropout(
    num_holes_range=(1, 1), hole_height_range=(1, 1), hole_width_range=(1, 1), p=1
)
FLIP = albumentations.HorizontalFlip(p=1)


def moved(transforms):
    """Left and right limits after the transforms of the boxes that moved, by where they began."""
    boxes = albumentations.BboxParams(format="pascal_voc", label_fields=["labels"])
    both = albumentations.Compose(transforms, bbox_params=boxes, seed=0)
    limits = {}
    for left in range(90):
        box = [left, 20, left + 10, 30]
        ((*after,),) = both(image=PICTURE, bboxes=[box], labels=[0])["bboxes"]
        if not np.allclose(after, box, atol=1e-3):
            limits[left] = f"{after[0]:g} to {after[2]:g}"
    return limits


limits = moved([HOLE])
for left, expected in ((1, "0 to 10"), (4, "3 to 14"), (9, "9 to 18")):
    print(f"CoarseDropout: {left} to {left + 10} becomes {limits.get(left)}")
    assert limits.get(left) == expected, f"the behaviour changed: expected {expected}"
print(f"CoarseDropout: {len(limits)} of 90 boxes moved")
assert len(limits) == 69, "the behaviour changed: expected 69 boxes that moved"
back = moved([FLIP, FLIP])
print(f"HorizontalFlip, twice: {len(back)} of 90 boxes moved")
assert not back, f"expected no box that moved, found {back}"
PYTHON
