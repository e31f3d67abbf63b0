#!/usr/bin/env bash
# safetensors 0.8.0 scrambles numpy arrays that are views: a transposed picture, a cut-out window.
#
# The writer for numpy takes the bytes of an array as they lie in memory, beside the shape that the
# view has. What is read back has the right shape, type and size and other numbers in other places;
# a part of an array comes back as other parts of it. Pictures made channel first by transpose,
# cut-out windows and every second frame are such arrays. That arrays are to be contiguous is said
# in a line of the docstring and nowhere checked, where the writer for torch refuses such tensors
# with a message that says what to do.
#
# An array of 2 x 3 numbers from 0 to 5.
#
# Seen on 28 November 2026 (Python 3.11, CPU), saved and loaded:
#     transposed: [[0, 3], [1, 4], [2, 5]] becomes [[0, 1], [2, 3], [4, 5]]
#     last two columns: [[1, 2], [4, 5]] becomes [[1, 2], [3, 4]]
#     last two columns, copied: [[1, 2], [4, 5]] becomes [[1, 2], [4, 5]]
#     last two columns, a tensor: ValueError
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q safetensors==0.8.0 numpy==2.4.6 torch==2.13.0
cd "$folder"

venv/bin/python -W ignore - <<'PYTHON'
import numpy as np
import safetensors.numpy
import safetensors.torch
import torch

array = np.arange(6).reshape(2, 3)
for word, saved, expected in (
    ("transposed", array.T, [[0, 1], [2, 3], [4, 5]]),
    ("last two columns", array[:, 1:], [[1, 2], [3, 4]]),
    ("last two columns, copied", array[:, 1:].copy(), [[1, 2], [4, 5]]),
):
    safetensors.numpy.save_file({"array": saved}, "array.safetensors")
    loaded = safetensors.numpy.load_file("array.safetensors")["array"].tolist()
    print(f"{word}: {saved.tolist()} becomes {loaded}")
    assert loaded == expected, f"the behaviour changed: expected {expected}"

try:
    safetensors.torch.save_file({"array": torch.from_numpy(array)[:, 1:]}, "array.safetensors")
    said = "saved"
except ValueError as error:
    said = type(error).__name__
print(f"last two columns, a tensor: {said}")
assert said == "ValueError", "the behaviour changed: torch's writer takes views"
PYTHON
