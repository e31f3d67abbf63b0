#!/usr/bin/env bash
# detmetric 0.2.0 cannot give a perfect detector 1 by its default method.
#
# The default, COCOInterpolation, reads the precision at 100 recalls and divides the sum by 101, so
# every figure is 1 % too low and the most that can be had is .990. The two other methods of the
# package are right, so the gap looks like one between definitions.
#
# Three images, one object each, each found without error.
#
# Seen on 27 November 2026 (Python 3.11):
#     EveryPointInterpolation: 1.0000
#     ElevenPointInterpolation: 1.0000
#     COCOInterpolation: 0.9901
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q detmetric==0.2.0 numpy==2.4.6 matplotlib==3.11.2 \
    opencv-python==5.0.0.93 tqdm==4.70.1
cd "$folder"

MPLBACKEND=Agg venv/bin/python - <<'PYTHON'
from BoundingBox import BoundingBox
from BoundingBoxes import BoundingBoxes
from detmet import DetMetric
from detutils import BBFormat, BBType, CoordinatesType, MethodAveragePrecision

boxes = BoundingBoxes()
for image in ("1", "2", "3"):
    for kind, score in ((BBType.GroundTruth, None), (BBType.Detected, 0.9)):
        boxes.addBoundingBox(
            BoundingBox(
                image, "cat", 10, 10, 40, 40, CoordinatesType.Absolute, (100, 100), kind, score,
                format=BBFormat.XYWH,
            )
        )
figures = {}
for method in MethodAveragePrecision:
    _, total = DetMetric().GetDetMetrics(boxes, method=method)
    figures[method.name] = float(total["total_map"])
    print(f"{method.name}: {figures[method.name]:.4f}")
default = figures.pop("COCOInterpolation")
assert set(figures.values()) == {1.0}, f"expected 1 by the other methods, found {figures}"
assert abs(default - 100 / 101) < 1e-9, f"the behaviour changed: {default} instead of 100/101"
PYTHON
