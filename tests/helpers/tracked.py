"""Runs of MLflow, opened as training opens them and read back."""

from typing import Any

from mlflow.entities import Run

from objloc.tracking.run import TrainingRun
from objloc.tracking.store import connect


def start(run_key: str = "a", **changes: Any) -> TrainingRun:
    given: dict[str, Any] = {
        "params": {"train": {"seed": 0, "categories": ["cat"], "init_from": None}},
        "data": "scenes",
        "data_hash": "ab" * 32,
        "categories": ("cat",),
        "command": "python -m stages.train data/shards data/train",
    }
    return TrainingRun.start(run_key=run_key, **{**given, **changes})


def stored(run_id: str) -> Run:
    return connect().get_run(run_id)


def history(run_id: str, key: str) -> list[tuple[int, float]]:
    return [(each.step, each.value) for each in connect().get_metric_history(run_id, key)]
