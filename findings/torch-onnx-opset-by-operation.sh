#!/usr/bin/env bash
# torch 2.13.0 writes ONNX opset 18 where 17 was asked for, if the network holds a mean or padding.
#
# The default exporter translates into opset 18 and then converts down. Where that fails it logs a
# warning and writes 18; whether it fails depends on the operations, so a change inside a network
# can raise the opset of its file. The call returns as usual. A runtime that reads up to 17, the
# reason for asking, finds out when it loads the file. The older exporter (dynamo=False) writes 17.
#
# Four networks of one operation, exported with opset_version=17.
#
# Seen on 27 November 2026 (Python 3.11, CPU), opset in the file:
#     largest three values: 17, with dynamo=False: 17
#     bilinear resizing: 17, with dynamo=False: 17
#     mean over pixels: 18, with dynamo=False: 17
#     padding: 18, with dynamo=False: 17
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q torch==2.13.0 onnx==1.23.2 onnxscript==0.7.2 numpy==2.4.6
cd "$folder"

venv/bin/python -W ignore - 2> log.txt <<'PYTHON' || { cat log.txt >&2; exit 1; }
import onnx
import torch
from torch.nn import functional


class Network(torch.nn.Module):
    def __init__(self, operation):
        super().__init__()
        self.operation = operation

    def forward(self, pictures):
        return self.operation(pictures)


def written(operation, dynamo):
    """Opset of the file that a request for 17 gives."""
    torch.onnx.export(
        Network(operation), (torch.zeros(1, 3, 8, 8),), "network.onnx",
        opset_version=17, dynamo=dynamo, verbose=False,
    )
    (opset,) = (o.version for o in onnx.load("network.onnx").opset_import if o.domain == "")
    return opset


for word, operation, expected in (
    ("largest three values", lambda x: x.flatten().topk(3)[0], 17),
    ("bilinear resizing", lambda x: functional.interpolate(x, scale_factor=2, mode="bilinear"), 17),
    ("mean over pixels", lambda x: x.mean((2, 3)), 18),
    ("padding", lambda x: functional.pad(x, (1, 1, 1, 1)), 18),
):
    seen, older = written(operation, True), written(operation, False)
    print(f"{word}: {seen}, with dynamo=False: {older}")
    assert older == 17, f"expected 17 of the older exporter, found {older}"
    assert seen == expected, f"the behaviour changed: expected {expected}, found {seen}"
PYTHON
