"""Write results of later stages into a training's run, which is restored if it was lost."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mlflow import MlflowClient

from objloc.files import file_hash
from objloc.tracking.ending import record_kept_endings
from objloc.tracking.folder import complete_run
from objloc.tracking.log_values import log_file, log_values
from objloc.tracking.run import create_run, newest_run, run_tags
from objloc.tracking.store import connect, harmless, store_lock


def log_to_run_of(
    model: Path,
    *,
    metrics: Mapping[str, Any] | None = None,
    artifacts: Iterable[Path] = (),
    folder: str | None = None,
    data: str = "",
    data_hash: str = "",
    categories: Sequence[str] = (),
) -> str | None:
    """Write into the run that made a model; a failing store is logged in one line.

    If there is no such run (training came from the cache, the store was lost, or the
    model is from elsewhere), it is restored from the files beside the model.

    Args:
        model: path of a checkpoint.
        metrics: nested numbers, written under dotted keys.
        artifacts: files, and folders that keep their names.
        folder: folder among the run's artifacts.
        data: name of the shards of training, for a run that is restored.
        data_hash: hash of these shards.
        categories: categories of the model.

    Returns:
        The run's id; None if the store fails.
    """
    sha256 = file_hash(model)
    run_id = None
    with harmless("this stage"):
        client = connect()
        run_id = run_of(client, model, sha256, run_tags(data, data_hash, categories))
        log_values(client, run_id, metrics or {})
        for path in artifacts:
            log_file(client, run_id, path, folder)
    return run_id


def run_of(client: MlflowClient, model: Path, sha256: str, tags: Mapping[str, str]) -> str:
    """Id of the run that made a model; if there is none, it is restored from files and tagged."""
    with store_lock():
        record_kept_endings(client)
        run_id = newest_run(client, model_sha256=sha256)
        if run_id is not None:
            return run_id
        run_id = create_run(client, {**tags, "model_sha256": sha256, "restored": "true"})
        client.set_terminated(run_id, "FINISHED")
    complete_run(client, run_id, model.parent)
    return run_id
