#!/usr/bin/env bash
# torch 2.13.0's older ONNX exporter rounds x // 2 towards zero, and adds repeated places once.
#
# torch rounds a // b down, as Python does, and x >> 1 as well. What torch.onnx.export(dynamo=False)
# writes for them rounds towards zero, so the two differ for negative numbers alone: the cell of a
# feature map in which a box begins is another one if the box reaches beyond the border. index_put
# with accumulate=True becomes a node that adds only the last of the values for one place. Nothing
# of it is said, and a comparison on positive numbers and different places finds no fault.
# torch.div(x, 2, rounding_mode="floor") is written right.
#
# Run by onnxruntime 1.32.0.
#
# Seen on 28 November 2026 (Python 3.11, CPU), torch; the ONNX file:
#     x // 2 of [-7, -3, 3, 7]: [-4, -2, 1, 3]; [-3, -1, 1, 3]
#     x >> 1 of [-7, -3, 3, 7]: [-4, -2, 1, 3]; [-3, -1, 1, 3]
#     div, floor of [-7, -3, 3, 7]: [-4, -2, 1, 3]; [-4, -2, 1, 3]
#     1 added at 0, 0 and 1 of [0, 0, 0, 0]: [2, 1, 0, 0]; [1, 1, 0, 0]
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q torch==2.13.0 onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
cd "$folder"

venv/bin/python -W ignore - <<'PYTHON'
import io

import onnxruntime
import torch


class Network(torch.nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


def added(x):
    places = torch.tensor([0, 0, 1])
    return x.index_put((places,), torch.ones(3, dtype=x.dtype), accumulate=True)


NUMBERS = [-7, -3, 3, 7]
DOWN, TO_ZERO = [-4, -2, 1, 3], [-3, -1, 1, 3]
for word, function, numbers, right, expected in (
    ("x // 2", lambda x: x // 2, NUMBERS, DOWN, TO_ZERO),
    ("x >> 1", lambda x: x >> 1, NUMBERS, DOWN, TO_ZERO),
    ("div, floor", lambda x: torch.div(x, 2, rounding_mode="floor"), NUMBERS, DOWN, DOWN),
    ("1 added at 0, 0 and 1", added, [0, 0, 0, 0], [2, 1, 0, 0], [1, 1, 0, 0]),
):
    x = torch.tensor(numbers)
    file = io.BytesIO()
    torch.onnx.export(
        Network(function), (x,), file, input_names=["x"], opset_version=17, dynamo=False
    )
    session = onnxruntime.InferenceSession(file.getvalue(), providers=["CPUExecutionProvider"])
    seen = session.run(None, {"x": x.numpy()})[0].tolist()
    print(f"{word} of {numbers}: {function(x).tolist()}; {seen}")
    assert function(x).tolist() == right, f"expected {right} of torch"
    assert seen == expected, f"the behaviour changed: expected {expected} of the file"
PYTHON
