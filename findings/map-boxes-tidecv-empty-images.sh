#!/usr/bin/env bash
# map-boxes 1.0.6 and tidecv 1.0.1 never see false positives in images without objects.
#
# Both go through the images of the ground truth, which come to be by their first object, so a
# detector that fires with confidence in every empty image is scored as if it had not. Scored one
# category at a time, all images without that category are lost in the same way. map-boxes has an
# option for leaving such images out, exclude_not_in_annotations, off by default; it makes no
# difference. tidecv sees them if each is announced by add_image, a call that is described as one
# for names.
#
# Three images, one object; a detector finds it with .5 and two that do not exist with .9 and .8.
# Average precision by hand: the only object is found at rank 3, so 1/3.
#
# Seen on 27 November 2026 (Python 3.11):
#     map-boxes, option off: 1.000
#     map-boxes, option on: 1.000
#     tidecv, images not announced: 1.000
#     tidecv, images announced: 0.333
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q map-boxes==1.0.6 tidecv==1.0.1 pycocotools==2.0.11 \
    numpy==2.4.6 pandas==3.1.1
cd "$folder"

venv/bin/python - <<'PYTHON'
from map_boxes import mean_average_precision_for_boxes
from tidecv import TIDE, Data

SCORES = [0.5, 0.9, 0.8]  # one detection an image; the first image has the object


def by_map_boxes(excluded):
    # Columns: image, category, (score,) xmin, xmax, ymin, ymax.
    truth = [["0.jpg", "cat", 10, 50, 10, 50]]
    found = [[f"{i}.jpg", "cat", score, 10, 50, 10, 50] for i, score in enumerate(SCORES)]
    figure, _ = mean_average_precision_for_boxes(
        truth, found, exclude_not_in_annotations=excluded, verbose=False
    )
    return float(figure)


def by_tidecv(announced):
    truth, found = Data("truth"), Data("found")
    truth.add_ground_truth(0, 0, [10, 10, 40, 40])
    for image in announced:
        truth.add_image(image, f"{image}.jpg")
    for image, score in enumerate(SCORES):
        found.add_detection(image, 0, score, [10, 10, 40, 40])
    return TIDE().evaluate(truth, found, mode=TIDE.BOX).ap / 100


for word, seen, expected in (
    ("map-boxes, option off", by_map_boxes(False), 1),
    ("map-boxes, option on", by_map_boxes(True), 1),
    ("tidecv, images not announced", by_tidecv([]), 1),
    ("tidecv, images announced", by_tidecv([1, 2]), 1 / 3),
):
    print(f"{word}: {seen:.3f}")
    assert abs(seen - expected) < 1e-3, f"the behaviour changed: expected {expected:.3f}"
PYTHON
