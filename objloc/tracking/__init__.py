"""Runs and registered models: the only room that uses MLflow.

``run`` logs a training and finds its run by the model's hash; ``ending`` ends runs whose
process or store is gone; ``provenance`` reads the commit of a run; ``restore`` fills a run
from files; ``registry`` versions models and moves aliases, ``rebuild`` does so again where
the store was lost; ``models`` fetches registered models; ``database`` makes the store.
"""

import os

# Set before MLflow is imported. By default it reports its use over the network, waits
# for minutes if a server does not answer, and draws bars for local copies.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "15")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")

from objloc.tracking.contest import Contest, Entry
from objloc.tracking.models import download_model, resolve_init
from objloc.tracking.provenance import commit_of
from objloc.tracking.rebuild import Outputs, rebuild
from objloc.tracking.registry import Registration, register
from objloc.tracking.restore import log_to_run_of
from objloc.tracking.run import TrainingRun, find_run

__all__ = [
    "Contest",
    "Entry",
    "Outputs",
    "Registration",
    "TrainingRun",
    "commit_of",
    "download_model",
    "find_run",
    "log_to_run_of",
    "rebuild",
    "register",
    "resolve_init",
]
