"""The values of a report: all that its page and text show. They are written as ``report.json``."""

import csv
from pathlib import Path
from typing import Any

import numpy as np

from objloc.diagnosis.analysis import Analysis
from objloc.diagnosis.curves_by_windows import CurvesByWindows
from objloc.diagnosis.explanation import explanation_of
from objloc.diagnosis.oracle import reached_detections
from objloc.diagnosis.run_parameters import agent_parameters, read_parameters
from objloc.diagnosis.verdict import verdict_of
from objloc.errors import ObjlocError
from objloc.evaluation.average_precision import (
    AVERAGE_PRECISIONS,
    mean_known,
    precision_recall,
)
from objloc.evaluation.baselines import BASELINES
from objloc.evaluation.metrics import KINDS_OF_DETECTIONS, Figures, ImageSetMetrics
from objloc.evaluation.success_rate import by_iou, interval, replicated_rates
from objloc.network.checkpoint import Checkpoint
from objloc.params import Report


def contents_of(
    analysis: Analysis,
    curves: CurvesByWindows,
    checkpoint: Checkpoint,
    train: Path,
    params: Report,
) -> dict[str, Any]:
    """Collect the values of a report.

    Args:
        analysis: the image set's analysis.
        curves: by number of windows.
        checkpoint: the model.
        train: run folder of the training; files that it lacks are left out.
        params: parameters of the report.

    Raises:
        ObjlocError: a file of the run folder is damaged.
    """
    metrics = analysis.evaluation.metrics
    scores = {"success": _success(analysis, params.seed)} | {
        f"ap_{kind}": _ap(analysis, kind) for kind in KINDS_OF_DETECTIONS
    }
    return {
        "format": "objloc report 1",
        "data": metrics.data.as_json(),
        "image_set": analysis.evaluation.image_set,
        "images": metrics.images,
        "images_by_category": metrics.images_by_category,
        "searches": len(analysis.searches.steps),
        "categories": list(checkpoint.categories),
        "model": metrics.model.sha256,
        "iou_threshold": analysis.evaluation.threshold,
        "max_steps": checkpoint.agent.mdp.max_steps,
        "steps": metrics.steps.as_json(),
        "beam_width": analysis.width,
        "scores": scores,
        "verdict": _verdict(metrics, scores["success"]["ceiling"]),
        "success_by_iou": {"agent": metrics.success_by_iou}
        | {name: metrics.baselines[name].success_by_iou for name in BASELINES}
        | {"oracle": by_iou(analysis.ceiling)},
        "by_windows": curves.as_json(),
        "explanation": explanation_of(analysis).as_json(),
        "command": _text(train / "command.txt"),
        "environment": _text(train / "environment.txt"),
        "parameters": _parameters(train / "params.yaml", checkpoint)
        | {
            "evaluate.iou_threshold": metrics.iou_threshold,
            "evaluate.episodes": metrics.episodes,
            "evaluate.epsilon": metrics.epsilon,
            "evaluate.nms": metrics.nms,
        }
        | {f"report.{key}": value for key, value in params.model_dump().items()},
        "history": _history(train / "history.csv"),
    }


def _success(analysis: Analysis, seed: int) -> dict[str, Any]:
    """Success of each category and their mean, between floor and ceiling."""
    metrics, threshold = analysis.evaluation.metrics, analysis.evaluation.threshold
    columns = [*analysis.store.categories, "mean"]
    rates = analysis.ceiling.rates(threshold)
    replicates = replicated_rates(
        analysis.ceiling.share(threshold).numpy()[None],
        analysis.ceiling.counted.double().numpy(),
        np.random.default_rng(seed),
    )[0]
    return {
        "agent": metrics.success_rate.greedy,
        "interval": metrics.interval.success_rate,
        "baselines": {name: metrics.baselines[name].success_rate.greedy for name in BASELINES},
        "gain": metrics.gain_over_best_baseline,
        "gain_interval": metrics.interval.gain_over_best_baseline,
        "ceiling": dict(zip(columns, [*rates, mean_known(rates)], strict=True)),
        "ceiling_interval": {
            column: interval(replicates[:, row]) for row, column in enumerate(columns)
        },
    }


def _ap(analysis: Analysis, kind: str) -> dict[str, Any]:
    """VOC2007 AP of one kind of detections, between floor and ceiling."""
    metrics, define = analysis.evaluation.metrics, AVERAGE_PRECISIONS["voc2007"]
    claimed = reached_detections(analysis.store, analysis.reach, one=kind == "triggered")
    ceiling: Figures = {}
    for category, each in claimed.items():
        curve = precision_recall(each, analysis.objects[category])
        ceiling[category] = None if curve is None else define(curve)
    return {
        "agent": metrics.ap[kind].voc2007,
        "interval": analysis.ap_intervals[kind]["voc2007"],
        "baselines": {name: metrics.baselines[name].ap.voc2007 for name in BASELINES},
        "ceiling": ceiling | {"mean": mean_known(ceiling.values())},
    }


def _verdict(metrics: ImageSetMetrics, ceiling: Figures) -> dict[str, dict[str, Any]]:
    verdicts = {}
    for column, success in metrics.success_rate.greedy.items():
        judged = verdict_of(
            success,
            metrics.blind_rates(column),
            metrics.interval.gain_over_best_baseline[column],
            ceiling[column],
            metrics.images_of(column),
        )
        verdicts[column] = {"better": judged.better, "share": judged.share, "text": judged.text}
    return verdicts


def _text(path: Path) -> str | None:
    try:
        return path.read_text("utf-8").strip() if path.is_file() else None
    except (OSError, UnicodeDecodeError) as error:
        raise ObjlocError(f"{path}: cannot be read: {error}") from None


def _parameters(path: Path, checkpoint: Checkpoint) -> dict[str, Any]:
    """Parameters in the run folder, else those in the checkpoint."""
    return read_parameters(path) if path.is_file() else agent_parameters(checkpoint)


def _history(path: Path) -> dict[str, list[float | None]] | None:
    """The columns of the training's history; None without one."""
    text = _text(path)
    if text is None:
        return None
    try:
        rows = list(csv.DictReader(text.splitlines()))
        return {name: [float(row[name]) if row[name] else None for row in rows] for name in rows[0]}
    except (ValueError, IndexError, TypeError, KeyError):
        raise ObjlocError(f"{path}: expected a table of numbers; found another file") from None
