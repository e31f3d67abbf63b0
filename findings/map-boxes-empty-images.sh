#!/usr/bin/env bash
# map-boxes 1.0.6 never sees false positives in images without objects.
#
# mean_average_precision_for_boxes has an option, exclude_not_in_annotations, that is said to leave
# out images that are not in the annotations; it is off by default. But the loop over images runs
# over those of the annotations in either case, so a detector that fires with confidence in every
# empty image is scored as if it had not. Scored one category at a time, all images without that
# category are lost in the same way.
#
# Three images, one cat; the detector finds it with .5 and two cats that do not exist with .9 and
# .8. Average precision by hand: the only object is found at rank 3, so 1/3.
#
# Seen on 27 November 2026 (Python 3.11):
#     option off: 1.0
#     option on: 1.0
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q map-boxes==1.0.6 numpy==2.4.6 pandas==3.1.1
cd "$folder"

venv/bin/python - <<'PYTHON'
from map_boxes import mean_average_precision_for_boxes

# Columns: image, category, (score,) xmin, xmax, ymin, ymax.
annotations = [["a.jpg", "cat", 10, 50, 10, 50]]
detections = [
    ["a.jpg", "cat", 0.5, 10, 50, 10, 50],
    ["empty1.jpg", "cat", 0.9, 10, 50, 10, 50],
    ["empty2.jpg", "cat", 0.8, 10, 50, 10, 50],
]
figures = {}
for word, excluded in (("off", False), ("on", True)):
    figure, _ = mean_average_precision_for_boxes(
        annotations, detections, exclude_not_in_annotations=excluded, verbose=False
    )
    figures[word] = float(figure)
    print(f"option {word}: {figure}")
assert figures["on"] == 1.0, "the option no longer leaves the other images out"
assert figures["off"] == 1.0, f"the behaviour changed: off gives {figures['off']}, not 1.0"
PYTHON
