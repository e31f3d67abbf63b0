#!/usr/bin/env bash
# onnxruntime 1.32.0 notices a NaN in a maximum only if it comes first.
#
# torch and numpy have NaN as the largest of numbers with a NaN among them, and its place as that of
# the largest, so a network that has gone wrong shows it in every decision. The same network in
# onnxruntime hides it: ReduceMax and ArgMax pass over a NaN that is not the first number and give
# a plausible answer. TopK of the same numbers has the NaN at the top wherever it is. An agent that
# takes the action of the greatest value so acts on as if nothing were wrong.
#
# Three numbers; the largest, its place, and the first of TopK.
#
# Seen on 28 November 2026 (Python 3.11, CPU):
#     nan 1 2: numpy nan at 0; ReduceMax nan, ArgMax 0, TopK nan
#     1 nan 2: numpy nan at 1; ReduceMax 2, ArgMax 2, TopK nan
#     1 2 nan: numpy nan at 2; ReduceMax 2, ArgMax 1, TopK nan
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q onnxruntime==1.32.0 onnx==1.23.2 numpy==2.4.6
cd "$folder"

venv/bin/python - <<'PYTHON'
import numpy as np
import onnxruntime
from onnx import TensorProto, helper

ONE = helper.make_tensor("one", TensorProto.INT64, [1], [1])


def run(operation, numbers, inputs=(), outputs=("y",), **attributes):
    """First output of one node, given numbers as an array [1, 1, 3]."""
    graph = helper.make_graph(
        [helper.make_node(operation, ["x", *inputs], outputs, **attributes)],
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, 3])],
        [helper.make_empty_tensor_value_info("y")],
        initializer=[ONE] if inputs else [],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return session.run(["y"], {"x": np.array(numbers, np.float32).reshape(1, 1, 3)})[0].item()


nan = float("nan")
for numbers, expected in (
    ([nan, 1, 2], [nan, 0, nan]),
    ([1, nan, 2], [2, 2, nan]),
    ([1, 2, nan], [2, 1, nan]),
):
    seen = [
        run("ReduceMax", numbers, axes=[2]),
        run("ArgMax", numbers, axis=2),
        run("TopK", numbers, inputs=["one"], outputs=("y", "place"), axis=2),
    ]
    largest, place = np.max(numbers), np.argmax(numbers)
    names = ("ReduceMax", "ArgMax", "TopK")
    words = ", ".join(f"{name} {value:g}" for name, value in zip(names, seen))
    print(f"{' '.join(f'{n:g}' for n in numbers)}: numpy {largest:g} at {place}; {words}")
    assert np.isnan(largest) and np.isnan(numbers[place]), "expected NaN of numpy"
    assert np.array_equal(seen, expected, equal_nan=True), f"the behaviour changed: {seen}"
PYTHON
