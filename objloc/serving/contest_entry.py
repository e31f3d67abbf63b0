"""Build a trained model's entry for its contest from the metrics that ``evaluate`` wrote."""

from pathlib import Path
from typing import Any

from objloc.errors import ObjlocError
from objloc.evaluation.metrics import ImageSetMetrics, Metrics
from objloc.tracking.contest import Contest, Entry


def entry_of(
    metrics: Metrics, path: Path, *, sha256: str, data_hash: str, image_set: str, metric: str
) -> Entry:
    """Build the entry of a model with one of its figures.

    Args:
        metrics: the model's metrics.
        path: file of the metrics, for messages.
        sha256: hash of the checkpoint.
        data_hash: hash of the shards it learned from.
        image_set: the set that its training validated on.
        metric: dotted name of a figure.

    Raises:
        ObjlocError: figures of other image sets, of another model or of other data.
    """
    if image_set not in metrics:
        raise ObjlocError(
            f"{path}: expected figures of image set '{image_set}', which training validated on "
            f"(evaluate.image_sets); found {', '.join(metrics) or 'none'}"
        )
    part = metrics[image_set]
    if part.model.sha256 != sha256:
        raise ObjlocError(
            f"{path}: expected figures of the model {sha256[:12]}…; "
            f"found those of {part.model.sha256[:12]}…: run the evaluate stage again"
        )
    if part.data.hash != data_hash:
        raise ObjlocError(
            f"{path}: expected figures on the data that the model learned from "
            f"({data_hash[:12]}…); found {part.data.name} ({part.data.hash[:12]}…)"
        )
    contest = Contest(
        data=part.data.name,
        data_hash=data_hash,
        categories=part.model.categories,
        metric=metric,
        image_set=image_set,
        conditions=_conditions(part, metric),
    )
    return Entry(contest, sha256, part.figure(metric))


def _conditions(part: ImageSetMetrics, metric: str) -> dict[str, Any]:
    """The parameters of ``evaluate`` that two figures must share to be compared."""
    names = {
        "success_rate.greedy.mean": ("iou_threshold", "images_by_category"),
        "success_rate.episodes15.mean": (
            "iou_threshold", "images_by_category", "episodes", "epsilon",
        ),
    }.get(metric, ("images", "nms", "soft_nms", "order", "cross"))  # fmt: skip
    written = part.as_json()
    return {name: written[name] for name in names if name in written}
