"""The store of runs and models, and connections to it.

The store is one SQLite file and one folder of artifacts at the root of the main
workspace, even if a queued experiment runs in another folder.
``MLFLOW_TRACKING_URI`` has precedence.
"""

import logging
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import unquote

import filelock
import mlflow
from mlflow import MlflowClient
from mlflow.entities import Experiment
from mlflow.exceptions import MlflowException

from objloc.errors import ObjlocError
from objloc.files import repository_root

EXPERIMENT = "objloc"
"""Name of the experiment that holds all runs."""
# MLflow logs on standard error what it creates and upgrades; keep only its warnings.
logging.getLogger("mlflow").setLevel(logging.WARNING)


def store_uri() -> str:
    """Address of the store: ``MLFLOW_TRACKING_URI``, or the main workspace's SQLite file."""
    if uri := os.environ.get("MLFLOW_TRACKING_URI"):
        return uri
    database = str(repository_root() / "mlflow.db")
    # SQLAlchemy splits an address at the question mark and decodes percent signs.
    return "sqlite:///" + database.replace("%", "%25").replace("?", "%3F")


def shown_uri() -> str:
    """The store's address without a password, for messages."""
    return re.sub(r"//[^/@]*@", "//", store_uri())


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
    each process connects under a lock.

    Raises:
        ObjlocError: the store cannot be reached, opened or created.
    """
    try:
        with store_lock():
            _probe(store_uri())
            client = MlflowClient(store_uri())
            # The client's registry opens the file separately, at its first use.
            client.search_registered_models(max_results=1)
            _experiment(client)
        return client
    except (MlflowException, OSError, sqlite3.Error) as error:
        raise store_error(error) from error


def visit() -> MlflowClient:
    """Connect to an existing store to read from it; nothing is created or repaired.

    Raises:
        ObjlocError: there is no store, or it cannot be opened.
    """
    path = _database(store_uri())
    # SQLite would create an empty file.
    if path is not None and not path.is_file():
        raise ObjlocError(f"{shown_uri()}: expected MLflow's store; found none")
    try:
        _probe(store_uri())
        return MlflowClient(store_uri())
    except (MlflowException, OSError, sqlite3.Error) as error:
        raise store_error(error) from error


def store_error(error: Exception) -> ObjlocError:
    """Convert an error of the store to one line."""
    reason = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    return ObjlocError(f"{shown_uri()}: MLflow's store fails: {reason or type(error).__name__}")


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


def _probe(uri: str) -> None:
    """Open a SQLite file once, since MLflow retries for 100 seconds if it cannot be opened."""
    path = _database(uri)
    if path is None:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path, timeout=30)) as database:
        database.execute("PRAGMA schema_version")


def _database(uri: str) -> Path | None:
    """Path of a SQLite store; None for other stores."""
    if not uri.startswith("sqlite:///"):
        return None
    return Path(unquote(uri.removeprefix("sqlite:///").partition("?")[0]))


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
