"""Packages that count as Pascal VOC does, and ways to use them."""

import importlib
from collections.abc import Iterator
from typing import Any

from benchmarks.metric_tools.case import (
    Case,
    Row,
    Variant,
    as_in_file,
    by_image,
    one_by_one,
    ordinary,
)


def mmeval() -> Iterator[Variant]:
    """The metric of MMDetection."""

    def measure(case: Case, mode: str, legacy: bool) -> float:
        metric = importlib.import_module("mmeval").VOCMeanAP(
            num_classes=case.categories, eval_mode=mode, use_legacy_coordinate=legacy, nproc=1
        )
        found, truth = [], []
        for (boxes, labels, flags), (one, mine, scores) in by_image(
            case, as_in_file(case.objects), as_in_file(case.scores)
        ):
            hard = flags == 1
            truth.append(
                {
                    "bboxes": boxes[~hard], "labels": labels[~hard],
                    "bboxes_ignore": boxes[hard], "labels_ignore": labels[hard],
                }
            )  # fmt: skip
            found.append({"bboxes": one, "labels": mine, "scores": scores})
        return float(metric(predictions=found, groundtruths=truth)["mAP"])

    yield (
        "11 points, corners as in the devkit's files, legacy coordinates, difficult ignored",
        lambda case: measure(case, "11points", True),
    )
    yield "area, the same otherwise", lambda case: measure(case, "area", True)
    yield (
        "its defaults: area, no legacy coordinates; difficult ignored",
        lambda case: measure(case, "area", False),
    )


def mean_average_precision() -> Iterator[Variant]:
    """The package of that name."""

    def measure(case: Case, eleven: bool) -> float:
        np = importlib.import_module("numpy")
        metric = importlib.import_module(
            "mean_average_precision"
        ).MetricBuilder.build_evaluation_metric(
            "map_2d", async_mode=False, num_classes=case.categories
        )
        for (boxes, labels, flags), (one, mine, scores) in by_image(
            case, as_in_file(case.objects), as_in_file(case.scores)
        ):
            metric.add(
                np.column_stack([one, mine, scores]),
                np.column_stack([boxes, labels, flags, np.zeros(len(flags))]),
            )
        points = np.arange(0.0, 1.1, 0.1) if eleven else None
        return float(metric.value(iou_thresholds=0.5, recall_thresholds=points)["mAP"])

    text = "corners as in the devkit's files, difficult flagged"
    yield f"11 points, {text}", lambda case: measure(case, True)
    yield f"area, {text}", lambda case: measure(case, False)


def object_detection_metrics() -> Iterator[Variant]:
    """The package object-detection-metrics, which is imported as podm."""

    def measure(case: Case, method: str, objects: list[Row]) -> float:
        podm = importlib.import_module("podm.metrics")
        found = podm.get_pascal_voc_metrics(
            [podm.BoundingBox.of_bbox(i, c, *box) for i, c, box, _ in objects],
            [podm.BoundingBox.of_bbox(i, c, *box, score) for i, c, box, score in case.scores],
            0.5,
            podm.MethodAveragePrecision[method],
        )
        return float(podm.MetricPerClass.mAP(found))

    yield (
        "11 points, difficult left out",
        lambda case: measure(case, "ElevenPointsInterpolation", ordinary(case.objects)),
    )
    yield (
        "area, difficult left out",
        lambda case: measure(case, "AllPointsInterpolation", ordinary(case.objects)),
    )


def map_boxes() -> Iterator[Variant]:
    """Keras-RetinaNet's computation as a package."""

    def measure(case: Case) -> float:
        np = importlib.import_module("numpy")

        def as_table(rows: list[Row], scored: bool) -> Any:
            return np.array(
                [
                    [str(i), str(c), *([last] if scored else []), box[0], box[2], box[1], box[3]]
                    for i, c, box, last in rows
                ],
                dtype=object,
            ).reshape(-1, 7 if scored else 6)

        value, _ = importlib.import_module("map_boxes").mean_average_precision_for_boxes(
            as_table(ordinary(case.objects), False), as_table(case.scores, True), verbose=False
        )
        return float(value)

    yield "area, difficult left out", measure
    yield "the same, one category at a time", one_by_one(measure)
