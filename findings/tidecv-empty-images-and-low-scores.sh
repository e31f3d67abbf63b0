#!/usr/bin/env bash
# tidecv 1.0.1 leaves out images without objects, and needs scores above -1.
#
# Its loop runs over the images of the ground truth, which come to be by their first object. False
# positives in images without any are left out unless each image is announced by add_image, which
# only fills in a name by its description. And a detection with a score of -1 or less, as logits and
# Q-values are, ends in a KeyError as soon as its error is looked into.
#
# Three images, one object; the detector finds it with .5 and two that do not exist with .9 and .8.
# Average precision by hand: 1/3, which tidecv gives as 33.3.
#
# Seen on 27 November 2026 (Python 3.11):
#     images not announced: 100.0
#     images announced: 33.3
#     one window beside the object, score -0.5: 0.0
#     one window beside the object, score -1.5: KeyError 'best_id'
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q tidecv==1.0.1 numpy==2.4.6 pycocotools==2.0.11
cd "$folder"

venv/bin/python - <<'PYTHON'
from tidecv import TIDE, Data

BOX = [10, 10, 40, 40]  # x, y, width, height


def average_precision(detections, announced=()):
    """AP of (image, score, box), in percent, where image 0 has one object."""
    truth, found = Data("truth"), Data("found")
    truth.add_ground_truth(0, 0, BOX)
    for image in announced:
        truth.add_image(image, f"{image}.jpg")
    for image, score, box in detections:
        found.add_detection(image, 0, score, box)
    return TIDE().evaluate(truth, found, mode=TIDE.BOX).ap


three = [(0, 0.5, BOX), (1, 0.9, BOX), (2, 0.8, BOX)]
lost, whole = average_precision(three), average_precision(three, announced=(1, 2))
print(f"images not announced: {lost:.1f}")
print(f"images announced: {whole:.1f}")
assert abs(whole - 100 / 3) < 0.1, f"expected 33.3 with all images announced, found {whole}"
assert lost == 100, f"the behaviour changed: expected 100 if not announced, found {lost}"

beside = [10, 10, 40, 15]
figure = average_precision([(0, -0.5, beside)])
print(f"one window beside the object, score -0.5: {figure:.1f}")
try:
    average_precision([(0, -1.5, beside)])
except KeyError as error:
    print(f"one window beside the object, score -1.5: KeyError {error}")
else:
    raise SystemExit("the behaviour changed: a score of -1.5 no longer ends in a KeyError")
PYTHON
