"""Figures of one image set as ``metrics.json`` has them, made by hand."""

import json
from collections.abc import Sequence
from typing import Any

from objloc.evaluation.metrics import ImageSetMetrics


def metrics_json(
    value: float | None = 0.5,
    *,
    categories: Sequence[str] = ("cat", "dog"),
    sha256: str = "5" * 64,
    data: str = "scenes",
    data_hash: str = "ab" * 32,
    blind: float | None = None,
    **changes: Any,
) -> dict[str, Any]:
    """Plain values.

    Args:
        value: success rate of greedy episodes in every column.
        categories: of the model.
        sha256: of the model.
        data: name of the data.
        data_hash: hash of the data.
        blind: success rate of every baseline in every column.
        changes: other values of keys.
    """
    columns = (*categories, "mean")

    def figures(each: float | None) -> dict[str, float | None]:
        return dict.fromkeys(columns, each)

    precision = {"voc2007": figures(0.125), "area": figures(0.0625)}
    by_iou = {f"0.{percent}": None for percent in range(50, 100, 5)}
    baseline = {
        "success_rate": {"greedy": figures(blind)},
        "ap": {"voc2007": figures(blind), "area": figures(blind)},
        "success_by_iou": by_iou,
    }
    gain = None if value is None or blind is None else value - blind
    return {
        "images": 3,
        "success_rate": {"greedy": figures(value), "episodes15": figures(0.25)},
        "ap": {"triggered": precision, "attended": precision},
        "baselines": dict.fromkeys(("random", "whole_image", "fixed_box"), baseline),
        "gain_over_best_baseline": figures(gain),
        "steps": {"mean": 7.25, "median": 6.0},
        "success_by_iou": by_iou,
        "interval": {
            "success_rate": figures(None),
            "gain_over_best_baseline": figures(None),
        },
        "answer": None,
        "images_by_category": dict.fromkeys(categories, 2),
        "iou_threshold": 0.5,
        "episodes": 15,
        "epsilon": 0.2,
        "nms": 0.5,
        "soft_nms": None,
        "search": None,
        "fixed_box": None,
        "data": {"name": data, "hash": data_hash},
        "model": {"sha256": sha256, "categories": list(categories)},
    } | changes


def make_metrics(value: float | None = 0.5, **changes: Any) -> ImageSetMetrics:
    """The same as a model; see ``metrics_json``."""
    return ImageSetMetrics.model_validate_json(json.dumps(metrics_json(value, **changes)))
