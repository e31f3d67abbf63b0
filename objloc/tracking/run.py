"""The run of a training: opened by the training, found later by the model's hash."""

import getpass
import os
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import filelock
from mlflow import MlflowClient
from mlflow.entities import Metric

from objloc.files import file_hash
from objloc.tracking.database import shown_uri
from objloc.tracking.ending import (
    Ending,
    Status,
    close_dead_runs,
    life_lock,
    now,
    record_kept_endings,
)
from objloc.tracking.log_values import as_metrics, log_metrics, log_params
from objloc.tracking.store import connect, experiment_id, harmless, store_lock

RETRY_SECONDS = 60.0
"""Seconds until a store that failed during a run is tried again."""


class TrainingRun:
    """One run of MLflow for one training.

    It never breaks the training: a failing store is logged once, in one line. Metrics
    that could not be written are kept and tried again. If there is no store at its end,
    a file keeps what it lacks until the next training or stage finds the store again; if
    there was none from the start, ``register`` restores the run from files.

    As a context manager it ends the run: finished, failed, or killed by an interrupt.

    Attributes:
        run_id: MLflow's id; empty if there is no store.
    """

    def __init__(self) -> None:
        self.run_id = ""
        self._client: MlflowClient | None = None
        self._life: filelock.BaseFileLock | None = None
        self._ending = Ending("", "")
        self._pending: list[Metric] = []
        self._retry_at = 0.0
        self._logged = False

    @classmethod
    def start(
        cls,
        *,
        params: Mapping[str, Any],
        data: str,
        data_hash: str,
        categories: Sequence[str],
        run_key: str,
        command: str,
        machine: Mapping[str, str] | None = None,
    ) -> Self:
        """Open a run, or continue the run of an interrupted training.

        Args:
            params: all parameters, nested; logged under dotted keys.
            data: name of the shards.
            data_hash: hash of the shards.
            categories: categories of the agent.
            run_key: hash of data and parameters, which identifies an interrupted
                training.
            command: the exact command.
            machine: what decides how its sums are rounded, by name; tags ``machine.NAME``.
        """
        run = cls()
        with run._harmless():
            client = connect()
            tags = run_tags(data, data_hash, categories) | {
                "run_key": run_key,
                "command": command,
                **{f"machine.{name}": value for name, value in (machine or {}).items()},
            }
            with store_lock():
                record_kept_endings(client)
                close_dead_runs(client, newest_run)
                run_id = _interrupted_run(client, run_key)
                if run_id is None:
                    run_id = create_run(client, tags)
                else:
                    client.update_run(run_id, status="RUNNING")
                    for key, value in tags.items():
                        client.set_tag(run_id, key, value)
                run._life = life_lock(run_id)
                run._life.acquire(timeout=0)
            run._client, run.run_id, run._ending = client, run_id, Ending(run_id, shown_uri())
            log_params(client, run_id, params)
        return run

    def log_metrics(self, metrics: Mapping[str, float], step: int) -> None:
        """Write values of one step; nan (not measured) is left out."""
        if self._client is None:
            return
        self._pending += as_metrics(metrics, step)
        if time.monotonic() >= self._retry_at:
            self._flush()

    def log_artifact(self, path: Path, folder: str | None = None) -> None:
        """Keep a file, or a folder under its name, with the run; done when it ends."""
        self._ending.files.append((str(path.absolute()), folder))

    def set_result(self, folder: Path) -> None:
        """Complete the run from a run folder when it ends.

        Its model is not kept, but the run is tagged with the model's hash, by which
        later stages find it.
        """
        with self._harmless():
            self._ending.folder = str(folder.absolute())
            self._ending.model_sha256 = file_hash(folder / "checkpoint.pt")

    def finish(self, status: Status = "FINISHED") -> None:
        """End the run; a second call does nothing."""
        if self._client is not None:
            ending, self._ending = self._ending, Ending("", "")
            ending.status, ending.milliseconds = status, now()
            ending.metrics = [
                (each.key, each.value, each.timestamp, each.step) for each in self._pending
            ]
            with self._harmless() as failures:
                ending.record(self._client)
            if failures:
                with harmless("training"):
                    ending.keep()
        self._client = None
        if self._life is not None:
            # Delete the lock before releasing it, so that nobody takes the run for a dead one.
            Path(self._life.lock_file).unlink(missing_ok=True)
            self._life.release()
            self._life = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is None:
            self.finish()
        else:
            self.finish("FAILED" if issubclass(kind, Exception) else "KILLED")

    def _flush(self) -> None:
        if not self._pending:
            return
        self._retry_at = time.monotonic() + RETRY_SECONDS
        with self._harmless():
            log_metrics(self._client, self.run_id, self._pending)  # type: ignore[arg-type]
            self._pending = []
            self._retry_at = 0.0

    @contextmanager
    def _harmless(self) -> Iterator[list[str]]:
        """Log the first failure in one line; let training go on."""
        with harmless("training", silent=self._logged) as failures:
            yield failures
        self._logged = self._logged or bool(failures)


def run_tags(data: str, data_hash: str, categories: Sequence[str]) -> dict[str, str]:
    """Tags that state the origin of a model: commit, experiment, data."""
    commit = _git("rev-parse", "HEAD")
    # Only code counts: parameters are logged, dvc.lock records what was run, and DVC
    # removes outs that git holds before it makes them again.
    changed = _git(
        "status", "--porcelain", "--untracked-files=no", "--",
        ":/", ":(top,exclude)dvc.lock", ":(top,exclude)params.yaml",
        ":(top,exclude,glob)data/*/**",
    )  # fmt: skip
    tags = {
        "stage": "train",
        "data": data,
        "data_hash": data_hash,
        "categories": ",".join(categories),
        "git_commit": commit,
        "git_dirty": str(bool(changed)).lower() if commit else "",
        "dvc_exp_name": os.environ.get("DVC_EXP_NAME", ""),
        "dvc_exp_baseline_rev": os.environ.get("DVC_EXP_BASELINE_REV", ""),
        # MLflow's pages show these tags.
        "mlflow.source.git.commit": commit,
        "mlflow.source.name": "stages.train",
        "mlflow.user": _user(),
    }
    return {key: value for key, value in tags.items() if value}


def create_run(client: MlflowClient, tags: Mapping[str, str]) -> str:
    """Open a run, named after its DVC experiment, or after its data and categories."""
    categories = [name for name in tags.get("categories", "").split(",") if name]
    listed = ", ".join(categories) if len(categories) < 4 else f"{len(categories)} categories"
    name = tags.get("dvc_exp_name") or f"{tags.get('data', '')} {listed}".strip()
    run = client.create_run(experiment_id(client), tags=dict(tags), run_name=name or None)
    return str(run.info.run_id)


def find_run(*, model_sha256: str | None = None, run_key: str | None = None) -> str | None:
    """Find the id of the newest run with this model or key; None if there is none.

    Raises:
        ObjlocError: the store cannot be reached.
    """
    return newest_run(connect(), model_sha256=model_sha256, run_key=run_key)


def newest_run(client: MlflowClient, *, condition: str = "", **tags: str | None) -> str | None:
    """Find the id of the newest run that has all these tags and meets MLflow's ``condition``."""
    wanted = [f"tags.{key} = '{value}'" for key, value in tags.items() if value is not None]
    found = client.search_runs(
        [experiment_id(client)],
        " and ".join([*wanted, *([condition] if condition else [])]),
        max_results=1,
        order_by=["attributes.start_time DESC"],
    )
    return str(found[0].info.run_id) if found else None


def _interrupted_run(client: MlflowClient, run_key: str) -> str | None:
    """Find the run of an earlier, interrupted attempt at this training."""
    ended = "attributes.status != 'FINISHED' and attributes.status != 'RUNNING'"
    return newest_run(client, condition=ended, run_key=run_key)


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user may have no name
        return ""


def _git(*arguments: str) -> str:
    """Output of git in the working folder; empty without git or outside a repository."""
    try:
        result = subprocess.run(  # noqa: S603 - fixed arguments, no shell
            ["git", *arguments],  # noqa: S607 - wherever the user's git is
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return result.stdout.strip() if result.returncode == 0 else ""
