"""The end of runs whose process or store is gone before it is recorded."""

import json
import logging
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import filelock
from mlflow import MlflowClient
from mlflow.entities import Metric
from mlflow.exceptions import MlflowException

from objloc.files import file_hash, write_atomically
from objloc.tracking.database import shown_uri
from objloc.tracking.folder import complete_run
from objloc.tracking.log_values import log_file, log_metrics
from objloc.tracking.store import harmless, state_folder

Status = Literal["FINISHED", "KILLED", "FAILED"]

_LOGGER = logging.getLogger(__name__)


@dataclass
class Ending:
    """The end of a run, recorded in its store, or kept in a file while the store is gone.

    Attributes:
        run_id: id of the run.
        store: address of its store, without a password.
        status: how it ended.
        milliseconds: when it ended, since 1970.
        folder: run folder of the training; empty if it wrote none.
        model_sha256: hash of the model in it.
        files: further files, each with its folder among the artifacts.
        metrics: name, value, time and step of metrics that are not written yet.
    """

    run_id: str
    store: str
    status: Status = "FINISHED"
    milliseconds: int = 0
    folder: str = ""
    model_sha256: str = ""
    files: list[tuple[str, str | None]] = field(default_factory=list)
    metrics: list[tuple[str, float, int, int]] = field(default_factory=list)

    @property
    def kept(self) -> Path:
        """The file that keeps it until the store is back."""
        return life_folder() / f"{self.run_id}.json"

    def record(self, client: MlflowClient) -> None:
        """Complete and end the run; recording it twice changes nothing.

        Raises:
            Exception: whatever the store fails with.
        """
        log_metrics(client, self.run_id, [Metric(*each) for each in self.metrics])
        if self.model_sha256:
            model = Path(self.folder, "checkpoint.pt")
            # A later training may have written into the same folder.
            if model.is_file() and file_hash(model) == self.model_sha256:
                complete_run(client, self.run_id, model.parent)
            client.set_tag(self.run_id, "model_sha256", self.model_sha256)
        for path, place in self.files:
            if Path(path).exists():
                log_file(client, self.run_id, Path(path), place)
        client.set_terminated(self.run_id, self.status, self.milliseconds)

    def keep(self) -> None:
        """Write it to its file."""
        write_atomically(self.kept, json.dumps(asdict(self)))
        _LOGGER.warning("%s: keeps the end of the run until MLflow is back", self.kept)


def record_kept_endings(client: MlflowClient) -> None:
    """End the runs in this store whose ends were kept; one that fails is kept further."""
    for path in sorted(life_folder().glob("*.json")):
        try:
            found: dict[str, Any] = json.loads(path.read_text("utf-8"))
            ending = Ending(**found)
        except FileNotFoundError:
            continue  # another process was quicker
        except (ValueError, TypeError):
            path.rename(path.with_suffix(".damaged"))
            continue
        if ending.store != shown_uri():
            continue
        with harmless("this command"):
            try:
                ending.record(client)
            except MlflowException as error:
                # A store that was made anew does not know the run; files restore it.
                if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                    raise
            path.unlink(missing_ok=True)


def now() -> int:
    """Milliseconds since 1970."""
    return int(time.time() * 1000)


def life_folder() -> Path:
    """Folder of the locks of running runs, and of kept endings."""
    folder = state_folder() / "runs"
    folder.mkdir(exist_ok=True)
    return folder


def life_lock(run_id: str) -> filelock.BaseFileLock:
    """Lock that the process of a run holds while it lives.

    The operating system releases it when the process ends, however it ends. Unlike a
    process id it is never reused.
    """
    return filelock.FileLock(life_folder() / f"{run_id}.lock")


def close_dead_runs(client: MlflowClient, find: Callable[..., str | None]) -> None:
    """Mark as killed the runs whose process is gone.

    Only runs started in this repository have a lock in it; runs of others on the same
    server are not touched.

    Args:
        client: client of the store.
        find: finds the id of the newest run under a ``condition``.
    """
    for path in life_folder().glob("*.lock"):
        life = life_lock(path.stem)
        try:
            life.acquire(timeout=0)
        except filelock.Timeout:
            continue
        try:
            left = f"attributes.run_id = '{path.stem}' and attributes.status = 'RUNNING'"
            if run_id := find(client, condition=left):
                client.set_terminated(run_id, "KILLED")
            path.unlink(missing_ok=True)
        finally:
            life.release()
