#!/usr/bin/env bash
# MLflow 3.17.2: one NaN at the last step hides a run from every search by that metric.
#
# A run has one "latest" value of a metric, that of the largest step, whatever the time of logging.
# If it is NaN, as a loss or a mean over no objects may be at the end, the good values before it
# count for no comparison: neither > nor <= finds the run, and ordering puts it last in both
# directions. A search for the best run passes over it without a sign.
#
# Two runs of one experiment: "broken" logs .6 at step 1 and NaN at step 2; "whole" logs .5 at step
# 10 and, later in time, .1 at step 3.
#
# Seen on 27 November 2026 (Python 3.11):
#     latest: broken nan, whole 0.5
#     metrics.iou > 0: whole
#     metrics.iou <= 0: nobody
#     best first: whole, broken
#     worst first: whole, broken
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q mlflow==3.17.2
cd "$folder"

venv/bin/python - <<'PYTHON'
import logging
import math

logging.disable(logging.CRITICAL)
import mlflow

mlflow.set_tracking_uri("sqlite:///store.db")
experiment = mlflow.create_experiment("one")
for name, values in (("broken", {1: 0.6, 2: math.nan}), ("whole", {10: 0.5, 3: 0.1})):
    with mlflow.start_run(experiment_id=experiment, run_name=name):
        for step, value in values.items():
            mlflow.log_metric("iou", value, step=step)

client = mlflow.MlflowClient()


def names(condition="", order=()):
    runs = client.search_runs([experiment], condition, order_by=list(order))
    return [run.info.run_name for run in runs]


latest = {run.info.run_name: run.data.metrics["iou"] for run in client.search_runs([experiment])}
print(f"latest: broken {latest['broken']}, whole {latest['whole']}")
assert math.isnan(latest["broken"]), f"the behaviour changed: latest is {latest['broken']}"
assert latest["whole"] == 0.5, f"the behaviour changed: latest is {latest['whole']}"
for condition, expected in (("metrics.iou > 0", ["whole"]), ("metrics.iou <= 0", [])):
    seen = names(condition)
    print(f"{condition}: {', '.join(seen) or 'nobody'}")
    assert seen == expected, f"the behaviour changed: expected {expected}, found {seen}"
for word, direction in (("best", "DESC"), ("worst", "ASC")):
    seen = names(order=[f"metrics.iou {direction}"])
    print(f"{word} first: {', '.join(seen)}")
    assert seen == ["whole", "broken"], f"the behaviour changed: found {seen}"
PYTHON
