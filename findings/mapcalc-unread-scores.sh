#!/usr/bin/env bash
# mapcalc 0.2.2 asks for scores and never reads them.
#
# calculate_map checks that boxes, labels and scores are of one length, and then takes the
# detections in the order of the list. Average precision is the measure of a ranking, so the figure
# is that of the order in which the detections happen to lie: usually image by image.
#
# One object, one detection of it and one elsewhere. Average precision by hand: 1 where the right
# one has the higher score, 1/2 where the wrong one has.
#
# Seen on 27 November 2026 (Python 3.11):
#     right one first in the list, scores [0.9, 0.1]: 1.0
#     right one first in the list, scores [0.1, 0.9]: 1.0
#     wrong one first in the list, scores [0.9, 0.1]: 0.5
#     wrong one first in the list, scores [0.1, 0.9]: 0.5
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q mapcalc==0.2.2 numpy==2.4.6
cd "$folder"

venv/bin/python - <<'PYTHON'
from mapcalc import calculate_map

RIGHT, WRONG = [10, 10, 50, 50], [60, 60, 90, 90]
truth = {"boxes": [RIGHT], "labels": [1]}
for word, boxes, expected in (("right", [RIGHT, WRONG], 1.0), ("wrong", [WRONG, RIGHT], 0.5)):
    for scores in ([0.9, 0.1], [0.1, 0.9]):
        result = {"boxes": boxes, "labels": [1, 1], "scores": scores}
        figure = calculate_map(truth, result, 0.5)
        print(f"{word} one first in the list, scores {scores}: {figure}")
        assert figure == expected, f"the behaviour changed: expected {expected}, found {figure}"
PYTHON
