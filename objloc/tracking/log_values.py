"""Log parameters, metrics and files as MLflow requires: flat, in batches."""

import json
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from mlflow import MlflowClient
from mlflow.entities import Metric, Param

_METRICS_AT_ONCE = 1000
_PARAMS_AT_ONCE = 100
_LONGEST_PARAM = 6000

T = TypeVar("T")


def flatten(nested: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Flatten a nested mapping: ``{"a": {"b": 1}}`` becomes ``{"a.b": 1}``."""
    flat: dict[str, Any] = {}
    for key, value in nested.items():
        if isinstance(value, Mapping):
            flat.update(flatten(value, f"{prefix}{key}."))
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def as_metrics(values: Mapping[str, Any], step: int = 0) -> list[Metric]:
    """Convert the numbers of a flat mapping to metrics, dated now; None and nan are left out."""
    now = int(time.time() * 1000)
    return [
        Metric(key, float(value), now, step)
        for key, value in values.items()
        if isinstance(value, int | float) and not math.isnan(value)
    ]


def log_metrics(client: MlflowClient, run_id: str, metrics: Sequence[Metric]) -> None:
    """Write any number of metrics in as few requests as MLflow allows."""
    for some in _batches(metrics, _METRICS_AT_ONCE):
        client.log_batch(run_id, metrics=some)


def log_values(client: MlflowClient, run_id: str, nested: Mapping[str, Any]) -> None:
    """Write nested final values that the run does not have yet."""
    known = client.get_run(run_id).data.metrics
    log_metrics(
        client,
        run_id,
        [each for each in as_metrics(flatten(nested)) if known.get(each.key) != each.value],
    )


def log_params(client: MlflowClient, run_id: str, params: Mapping[str, Any]) -> None:
    """Write nested parameters under dotted keys.

    A run keeps the first value of a parameter. A value that an extended run changes
    (the number of passes, a time limit) becomes the tag ``resumed.KEY``.
    """
    flat = {
        key: (value if isinstance(value, str) else json.dumps(value))[:_LONGEST_PARAM]
        for key, value in flatten(params).items()
    }
    known = client.get_run(run_id).data.params
    new = [Param(key, value) for key, value in flat.items() if key not in known]
    for some in _batches(new, _PARAMS_AT_ONCE):
        client.log_batch(run_id, params=some)
    for key, value in flat.items():
        if known.get(key, value) != value:
            client.set_tag(run_id, f"resumed.{key}", value)


def log_file(client: MlflowClient, run_id: str, path: Path, folder: str | None = None) -> None:
    """Keep a file, or a folder under its name, in a folder of the run's artifacts."""
    if path.is_dir():
        client.log_artifacts(run_id, str(path), f"{folder}/{path.name}" if folder else path.name)
    else:
        client.log_artifact(run_id, str(path), folder)


def _batches(values: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(values), size):
        yield values[start : start + size]
