#!/usr/bin/env bash
# tidecv 1.0.1 needs scores above -1.
#
# A score ranks detections, so logits and Q-values serve as well as probabilities. tidecv looks for
# the best detection beside each object by a maximum that begins at -1. If no score there is higher,
# there is no best one, and the evaluation ends in a KeyError that names neither score nor image. It
# does so only when a window lies near an object without matching it: whether a run passes depends
# on its errors.
#
# One object and one window, over it or on its upper part (IoU 3/8).
#
# Seen on 27 November 2026 (Python 3.11), average precision in percent:
#     over the object, score -1.5: 100
#     on its upper part, score -0.5: 0
#     on its upper part, score -1.5: KeyError 'best_id'
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q tidecv==1.0.1 pycocotools==2.0.11 numpy==2.4.6
cd "$folder"

venv/bin/python - <<'PYTHON'
from tidecv import TIDE, Data


def outcome(height, score):
    """AP of one window on an object of 40 x 40 pixels, or the error."""
    truth, found = Data("truth"), Data("found")
    truth.add_ground_truth(0, 0, [10, 10, 40, 40])
    found.add_detection(0, 0, score, [10, 10, 40, height])
    try:
        return f"{TIDE().evaluate(truth, found, mode=TIDE.BOX).ap:.0f}"
    except KeyError as error:
        return f"KeyError {error}"


for word, height, score, expected in (
    ("over the object", 40, -1.5, "100"),
    ("on its upper part", 15, -0.5, "0"),
    ("on its upper part", 15, -1.5, "KeyError 'best_id'"),
):
    seen = outcome(height, score)
    print(f"{word}, score {score}: {seen}")
    assert seen == expected, f"the behaviour changed: expected {expected}, found {seen}"
PYTHON
