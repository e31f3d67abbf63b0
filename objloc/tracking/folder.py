"""Write the run folder of a training into a run of MLflow."""

import csv
import json
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Metric
from ruamel.yaml import YAML

from objloc.tracking.log_values import as_metrics, log_file, log_metrics, log_params, log_values

_PARAMS, _COMMAND = "params.yaml", "command.txt"
_HISTORY, _METRICS = "history.csv", "metrics.json"
_FILES = (_PARAMS, _COMMAND, _HISTORY, _METRICS, "environment.txt", "plots")
"""Files that become artifacts. Models are left to registration, and other files are not
taken, since a checkpoint may lie in any folder."""


def complete_run(client: MlflowClient, run_id: str, folder: Path) -> None:
    """Complete a run from a run folder: parameters, command, metrics, files.

    Args:
        client: client of the store.
        run_id: id of the run.
        folder: run folder; any of the files may be missing.
    """
    if (folder / _PARAMS).is_file():
        text = (folder / _PARAMS).read_text("utf-8")
        log_params(client, run_id, YAML(typ="safe", pure=True).load(text))
    if (folder / _COMMAND).is_file():
        client.set_tag(run_id, "command", (folder / _COMMAND).read_text("utf-8").strip())
    if (folder / _HISTORY).is_file():
        log_metrics(client, run_id, _missing(client, run_id, _read_history(folder / _HISTORY)))
    if (folder / _METRICS).is_file():
        log_values(client, run_id, json.loads((folder / _METRICS).read_text("utf-8")))
    for name in _FILES:
        if (folder / name).exists():
            log_file(client, run_id, folder / name, "train")


def _read_history(path: Path) -> list[Metric]:
    """Read a table with one row per validation: the first column is the step, all are metrics."""
    metrics: list[Metric] = []
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            numbers = {key: float(value) for key, value in row.items() if value}
            step = next(iter(numbers.values()))
            metrics += as_metrics(numbers, int(step))
    return metrics


def _missing(client: MlflowClient, run_id: str, metrics: list[Metric]) -> list[Metric]:
    """Metrics that the run does not have at their step."""
    known = {
        (key, old.step)
        for key in client.get_run(run_id).data.metrics
        for old in client.get_metric_history(run_id, key)
    }
    return [each for each in metrics if (each.key, each.step) not in known]
