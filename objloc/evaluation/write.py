"""The files of the ``evaluate`` stage: written first, put in their places last."""

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from objloc.errors import ObjlocError
from objloc.evaluation.detections import file_name, to_text
from objloc.evaluation.episodes import csv_text
from objloc.evaluation.measure import Measurement
from objloc.evaluation.metrics import ImageSetMetrics, metrics_as_json
from objloc.evaluation.tables import by_iou_table
from objloc.files import write_atomically, write_json

_OWN = ("detections/*/comp3_det_*.txt", "plots/*/*.png", "plots/*/*.csv")
"""Files whose names depend on image sets and categories: those of an earlier run
must not stay beside the new ones."""


@contextmanager
def files_published(out: Path) -> Iterator[Path]:
    """Give a temporary folder whose files replace those in ``out`` if the block succeeds.

    An error inside leaves ``out`` as it was. Files in ``out`` that this stage
    does not write stay.

    Raises:
        ObjlocError: ``out`` cannot be written.
    """
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        if out.exists() and not out.is_dir():
            raise ObjlocError(f"{out}: expected a folder; found a file")
        folder = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}."))
    except OSError as error:
        raise ObjlocError(f"{out}: cannot be written: {error.strerror}") from error
    try:
        yield folder
        _publish(folder, out)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _publish(folder: Path, out: Path) -> None:
    try:
        written = [path.relative_to(folder) for path in sorted(folder.rglob("*")) if path.is_file()]
        for path in written:
            (out / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).replace(out / path)
        for pattern in _OWN:
            for path in out.glob(pattern):
                if path.relative_to(out) not in written:
                    path.unlink()
    except OSError as error:
        raise ObjlocError(f"{out}: cannot be written: {error.strerror}") from error


def write_outputs(
    folder: Path,
    measurements: Sequence[Measurement],
    metrics: Mapping[str, ImageSetMetrics],
    iou_threshold: float,
) -> None:
    """Write everything but the pictures.

    Args:
        folder: where to.
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
