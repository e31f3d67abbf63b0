#!/usr/bin/env bash
# torchmetrics 1.9.0: IntersectionOverUnion gives perfect detections .5 if two objects are alike.
#
# The metric pairs nothing. It averages the IoU of every detection with every object of the same
# label in the image, so the mean falls with the number of alike objects, however well each is
# found. A threshold leaves the pairs below it out of the mean, and with them the objects that were
# missed: these do not count then. The function intersection_over_union averages the pairs of equal
# position in the two lists instead, so that the order of the boxes decides. None of the three is
# the mean IoU of the objects, which a localiser is judged by.
#
# Objects of 20 x 20 pixels that do not touch, each found without error or missed.
#
# Seen on 28 November 2026 (Python 3.11, CPU), and the mean IoU by hand:
#     a cat and a dog, both found: 1.00 (by hand 1.00)
#     two cats, both found: 0.50 (by hand 1.00)
#     four cats, all found: 0.25 (by hand 1.00)
#     two cats, one found, threshold .5: 1.00 (by hand 0.50)
#     function, two cats, both found: 1.00 (by hand 1.00)
#     function, the same in another order: 0.00 (by hand 1.00)
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q torchmetrics==1.9.0 torch==2.14.1 torchvision==0.29.1 numpy==2.4.6
cd "$folder"

venv/bin/python -W ignore - <<'PYTHON'
import torch
from torchmetrics.detection import IntersectionOverUnion
from torchmetrics.functional.detection import intersection_over_union

corners = torch.tensor([[0, 0], [30, 0], [0, 30], [30, 30]], dtype=torch.float32)
boxes = torch.cat([corners, corners + 20], 1)


def mean_iou(found, labels, **options):
    """The metric's figure if the first objects are found exactly."""
    labels = torch.tensor(labels)
    objects = boxes[: len(labels)]
    metric = IntersectionOverUnion(**options)
    metric.update(
        [{"boxes": objects[:found], "labels": labels[:found], "scores": torch.ones(found)}],
        [{"boxes": objects, "labels": labels}],
    )
    return metric.compute()["iou"]


two = boxes[:2]
for word, figure, expected, by_hand in (
    ("a cat and a dog, both found", mean_iou(2, [0, 1]), 1, 1),
    ("two cats, both found", mean_iou(2, [0, 0]), 0.5, 1),
    ("four cats, all found", mean_iou(4, [0, 0, 0, 0]), 0.25, 1),
    ("two cats, one found, threshold .5", mean_iou(1, [0, 0], iou_threshold=0.5), 1, 0.5),
    ("function, two cats, both found", intersection_over_union(two, two), 1, 1),
    ("function, the same in another order", intersection_over_union(two.flip(0), two), 0, 1),
):
    print(f"{word}: {float(figure):.2f} (by hand {by_hand:.2f})")
    assert abs(float(figure) - expected) < 1e-6, f"the behaviour changed: expected {expected}"
PYTHON
