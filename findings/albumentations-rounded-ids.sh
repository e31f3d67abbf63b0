#!/usr/bin/env bash
# albumentations 2.0.8 rounds the numbers that go along with boxes: two ids become one.
#
# label_fields is how one keeps with each box what belongs to it, above all the annotation's id, so
# that one knows after a crop which objects are left. Numbers in a list are stored in an array of
# single precision beside the boxes, and come back as floats: whole numbers above 16,777,216 lose
# their last digits. The ids of crowds in COCO, 900100000001 and so on, all do, as do ids made of a
# date or of several numbers side by side. Nothing is said. The same ids as strings are kept.
#
# Two boxes and an augmentation that changes nothing.
#
# Seen on 28 November 2026 (Python 3.11, CPU), ids before and after:
#     [16777215, 16777216]: [16777215.0, 16777216.0]
#     [20000000, 20000001]: [20000000.0, 20000000.0]
#     [900100000001, 900100000002]: [900099997696.0, 900099997696.0]
#     ['20000000', '20000001']: ['20000000', '20000001']
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q albumentations==2.0.8 numpy==2.4.6 scipy==1.17.1 \
    opencv-python-headless==5.0.0.93
cd "$folder"

export NO_ALBUMENTATIONS_UPDATE=1
venv/bin/python - 2> log.txt <<'PYTHON' || { cat log.txt >&2; exit 1; }
import albumentations
import numpy as np

for ids, expected in (
    ([16777215, 16777216], [16777215, 16777216]),
    ([20000000, 20000001], [20000000, 20000000]),
    ([900100000001, 900100000002], [900099997696, 900099997696]),
    (["20000000", "20000001"], ["20000000", "20000001"]),
):
    augment = albumentations.Compose(
        [albumentations.HorizontalFlip(p=0)],
        bbox_params=albumentations.BboxParams(format="coco", label_fields=["ids"]),
    )
    picture = np.zeros((80, 100, 3), np.uint8)
    after = augment(image=picture, bboxes=[[0, 0, 9, 9], [20, 20, 9, 9]], ids=ids)["ids"]
    print(f"{ids}: {list(after)}")
    assert list(after) == expected, f"the behaviour changed: expected {expected}"
PYTHON
if [ -s log.txt ]; then
    cat log.txt >&2
    echo "the behaviour changed: expected no warning" >&2
    exit 1
fi
