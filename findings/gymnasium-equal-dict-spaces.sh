#!/usr/bin/env bash
# gymnasium 1.4.0: two equal dictionary spaces flatten one observation into different vectors.
#
# spaces.Dict sorts its keys if it is given a dict, and keeps their order if it is given pairs or
# keyword arguments. Equality, contains and indexing do not care for the order; flatten and
# FlattenObservation do. Whoever rebuilds a space, say from a file or with Dict(**parts), may get
# one that passes every check and feeds a trained network its numbers in another order.
#
# One observation, a window of two numbers (0) and a box of one (2), in three spaces of one content.
#
# Seen on 27 November 2026 (Python 3.11):
#     made from a dict: box, window: [2.0, 0.0, 0.0]
#     made from pairs: window, box: [0.0, 0.0, 2.0]
#     made from keywords: window, box: [0.0, 0.0, 2.0]
#     equal spaces: True
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q gymnasium==1.4.0 numpy==2.4.6
cd "$folder"

venv/bin/python - <<'PYTHON'
import numpy as np
from gymnasium import spaces

parts = {
    "window": spaces.Box(0, 1, (2,), np.float32),
    "box": spaces.Box(2, 3, (1,), np.float32),
}
made = {
    "a dict": spaces.Dict(parts),
    "pairs": spaces.Dict(list(parts.items())),
    "keywords": spaces.Dict(**parts),
}
observation = {"window": np.zeros(2, np.float32), "box": np.full(1, 2, np.float32)}
vectors = {}
for word, space in made.items():
    assert space.contains(observation), f"made from {word}: the observation is refused"
    vectors[word] = spaces.flatten(space, observation).tolist()
    print(f"made from {word}: {', '.join(space)}: {vectors[word]}")
equal = made["a dict"] == made["pairs"] == made["keywords"]
print(f"equal spaces: {equal}")
assert equal, "the behaviour changed: the spaces are no longer equal"
assert vectors["a dict"] == [2, 0, 0], f"the behaviour changed: a dict gives {vectors['a dict']}"
for word in ("pairs", "keywords"):
    assert vectors[word] == [0, 0, 2], f"the behaviour changed: {word} give {vectors[word]}"
PYTHON
