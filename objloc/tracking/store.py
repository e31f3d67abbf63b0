"""The store of runs and models, and connections to it.

The store is one SQLite file and one folder of artifacts at the root of the main
workspace, even if a queued experiment runs in another folder.
``MLFLOW_TRACKING_URI`` has precedence.
"""

import logging
import math
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock
import mlflow
from alembic.util import CommandError
from mlflow import MlflowClient
from mlflow.entities import Experiment
from mlflow.exceptions import MlflowException
from sqlalchemy.exc import SQLAlchemyError

from objloc.errors import ObjlocError
from objloc.files import repository_root
from objloc.tracking.database import (
    check,
    database_at,
    is_half_made,
    prepare,
    shown_uri,
    store_uri,
)

EXPERIMENT = "objloc"
"""Name of the experiment that holds all runs."""
_FAILURES = (MlflowException, SQLAlchemyError, CommandError, OSError, sqlite3.Error)
_BUCKETS = ("boto3", "botocore", "azure", "google")
"""Packages by which MLflow reaches buckets, and whose errors it passes on as they are; none of
them need be installed."""
_LOGGER = logging.getLogger(__name__)
# MLflow logs on standard error what it creates and upgrades; keep only its warnings.
logging.getLogger("mlflow").setLevel(logging.WARNING)
# It logs each error of the database with a traceback; the error itself is reported in a line.
logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)


def state_folder() -> Path:
    """Folder of the main workspace for locks, ignored by git."""
    folder = repository_root() / ".objloc"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def store_lock(name: str = "mlflow", patience: float = 120.0) -> Iterator[None]:
    """Hold a lock that all processes of this repository share.

    Args:
        name: name of the lock.
        patience: maximum seconds to wait.

    Raises:
        ObjlocError: another process holds the lock for longer.
    """
    path = state_folder() / f"{name}.lock"
    lock = filelock.FileLock(path)
    try:
        lock.acquire(timeout=patience)
    except filelock.Timeout:
        raise ObjlocError(f"{path}: held by another process for {patience:.0f} s") from None
    try:
        yield
    finally:
        lock.release()


def connect() -> MlflowClient:
    """Connect to the store, which is created if it does not exist.

    Two processes that create one SQLite store at the same time destroy it. Therefore
    each process connects under a lock. A half-made store is put aside.

    Raises:
        ObjlocError: the store cannot be reached, opened or created, or is damaged.
    """
    with store_errors(), store_lock():
        path = database_at(store_uri())
        if path is not None:
            prepare(path)
        client = MlflowClient(store_uri())
        # The client's registry opens the file separately, at its first use.
        client.search_registered_models(max_results=1)
        _experiment(client)
    return client


def visit() -> MlflowClient:
    """Connect to an existing store to read from it; nothing is created or repaired.

    Raises:
        ObjlocError: there is no store, it cannot be opened, or is damaged.
    """
    path = database_at(store_uri())
    with store_errors():
        if path is not None:
            # SQLite would create an empty file.
            if not path.is_file():
                raise ObjlocError(f"{shown_uri()}: expected MLflow's store; found none")
            check(path)
            if is_half_made(path):
                raise ObjlocError(f"{shown_uri()}: expected MLflow's store; found a half-made one")
        return MlflowClient(store_uri())


def describe_store() -> str:
    """Its address, and the size of a file, which is checked however large it is.

    Raises:
        ObjlocError: as ``visit``.
    """
    visit()
    path = database_at(store_uri())
    if path is None:
        return shown_uri()
    check(path, math.inf)
    return f"{path}: {path.stat().st_size / 2**20:.1f} MiB, whole"


@contextmanager
def store_errors() -> Iterator[None]:
    """Convert any error of the store in the block to one line.

    Raises:
        ObjlocError: the store fails.
    """
    try:
        yield
    except Exception as error:
        package = type(error).__module__.partition(".")[0]
        if not isinstance(error, _FAILURES) and package not in _BUCKETS:
            raise
        reason = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
        raise ObjlocError(
            f"{shown_uri()}: MLflow's store fails: {reason or type(error).__name__}"
        ) from error


@contextmanager
def harmless(what: str, *, silent: bool = False) -> Iterator[list[str]]:
    """Turn any failure of the store in the block into one line in the log.

    Args:
        what: the process that continues without the store, for the message.
        silent: whether the failure is not logged.

    Yields:
        A list that holds the message after a failure.
    """
    failures: list[str] = []
    try:
        yield failures
    # Any error of MLflow, its database or the network: results matter more than
    # their log.
    except Exception as error:
        reason = next(iter(str(error).strip().splitlines()), "") or type(error).__name__
        failures.append(f"MLflow at {shown_uri()} fails, {what} goes on without it: {reason}")
        if not silent:
            _LOGGER.warning(failures[0])


def experiment_id(client: MlflowClient) -> str:
    """Id of the project's experiment in MLflow."""
    return str(_experiment(client).experiment_id)


def _experiment(client: MlflowClient) -> Experiment:
    """The project's experiment, created or restored if necessary."""
    root, location = repository_root(), None
    if store_uri().startswith("sqlite:"):
        # Absolute, since a relative path depends on the folder of each process.
        location = (root / "mlruns" / EXPERIMENT).as_uri()
    found = client.get_experiment_by_name(EXPERIMENT)
    if found and "MLFLOW_TRACKING_URI" not in os.environ and found.artifact_location != location:
        # The repository was moved or copied: new artifacts belong here.
        client.rename_experiment(found.experiment_id, f"{EXPERIMENT} before it came to {root}")
        found = None
    if found is None:
        return client.get_experiment(client.create_experiment(EXPERIMENT, location))
    if found.lifecycle_stage == "deleted":
        client.restore_experiment(found.experiment_id)
    return found


@contextmanager
def global_store() -> Iterator[None]:
    """Make the store MLflow's global one within the block, as registering a model requires."""
    before = os.environ.get("MLFLOW_TRACKING_URI")
    mlflow.set_tracking_uri(store_uri())
    try:
        yield
    finally:
        # None also removes the environment variable, which a child process or a later
        # call would take for the user's.
        mlflow.set_tracking_uri(before)  # type: ignore[arg-type]
