"""Runs and registered models: the only room that uses MLflow.

``run`` logs a training and finds its run by the model's hash; ``ending`` ends runs whose
process or store is gone; ``provenance`` reads the commit of a run; ``restore`` fills a run
from files; ``registry`` versions models and moves aliases, ``rebuild`` does so again where
the store was lost; ``models`` fetches registered models; ``store`` connects to the store.

MLflow takes seconds to load. ``address``, ``contest``, ``database``, ``lookup`` and
``outputs`` do without it.
"""

import os

# Set before MLflow is imported. By default it reports its use over the network, waits
# for minutes if a server does not answer, and draws bars for local copies.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "15")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
