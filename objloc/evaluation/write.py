"""Write the files of the ``evaluate`` stage."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from objloc.evaluation.detections import file_name, to_text
from objloc.evaluation.episodes import csv_text
from objloc.evaluation.measure import Measurement
from objloc.evaluation.metrics import ImageSetMetrics, metrics_as_json
from objloc.evaluation.tables import by_iou_table
from objloc.files import write_atomically, write_json

NAMED_BY_DATA = ("detections/*/comp3_det_*.txt", "plots/*/*.png", "plots/*/*.csv")
"""Files whose names depend on image sets and categories: those of an earlier
evaluation must not stay beside the new ones."""


def write_outputs(
    folder: Path,
    measurements: Sequence[Measurement],
    metrics: Mapping[str, ImageSetMetrics],
    iou_threshold: float,
) -> None:
    """Write everything but the pictures.

    Args:
        folder: gets the files.
        measurements: one for each image set.
        metrics: their figures, by image set.
        iou_threshold: IoU above which a trigger is a success, for the tables of episodes.
    """
    for name, parts in (
        ("episodes.csv", [(each.store, each.greedy) for each in measurements]),
        ("episodes15.csv", [(each.store, each.sampled) for each in measurements]),
    ):
        write_atomically(folder / name, csv_text(parts, iou_threshold))
    for measurement in measurements:
        image_set = measurement.store.image_set
        for kind, by_category in measurement.detections.items():
            for category, detections in by_category.items():
                path = folder / "detections" / kind / file_name(image_set, category)
                write_atomically(path, to_text(detections))
        table = folder / "plots" / image_set / "success_by_iou.csv"
        write_atomically(table, by_iou_table(metrics[image_set]))
    write_json(folder / "metrics.json", metrics_as_json(metrics))
    write_json(folder / "summary.json", {name: part.summary() for name, part in metrics.items()})
