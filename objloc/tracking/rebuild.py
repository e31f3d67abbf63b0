"""Register the pipeline's model again where the store has lost it.

DVC keeps what the stages wrote, not the store: in a clone, after ``dvc pull`` or where
``mlflow.db`` was removed, the ``register`` stage is up to date and no model registered.
"""

import json
import logging
import os
from typing import Any

from objloc.files import file_hash, repository_root
from objloc.tracking.contest import Entry
from objloc.tracking.database import has_alias
from objloc.tracking.registry import CARD, Registration, register
from objloc.tracking.store import connect, shown_uri, store_errors
from objloc.tracking.versions import files_are_gone

_LOGGER = logging.getLogger(__name__)


def rebuild_if_empty() -> None:
    """Register the pipeline's model if the workspace's own store is lost or has no model.

    Nothing is done to a store that ``MLFLOW_TRACKING_URI`` names, and without the
    outputs of a whole pipeline.

    Raises:
        ObjlocError: the store fails.
    """
    path = repository_root() / "mlflow.db"
    if "MLFLOW_TRACKING_URI" in os.environ or _registered() is None:
        return
    with store_errors():
        if has_alias(path):
            return
    rebuild()


def rebuild() -> Registration | None:
    """Register the pipeline's model if the store lacks it, in one line of the log.

    Returns:
        None if it is registered with its files, or if there is no whole pipeline's output.

    Raises:
        ObjlocError: the store fails.
    """
    kept = _registered()
    if kept is None:
        return None
    name, entry = kept["model"], Entry.from_summary(kept)
    client = connect()
    with store_errors():
        same = client.search_model_versions(
            f"name = '{name}' and tags.model_sha256 = '{entry.sha256}'"
        )
        if any(not files_are_gone(client, each) for each in same) and (
            # A registration that was killed may have set none.
            entry.value is None or entry.contest.alias in client.get_registered_model(name).aliases
        ):
            return None
    data = repository_root() / "data"
    card = (data / "register" / CARD).read_text("utf-8")
    done = register(data / "train", data / "evaluate", name, entry, card)
    _LOGGER.warning(
        "%s had no model of data/train: registered it again as models:/%s/%s",
        shown_uri(), name, done.version,
    )  # fmt: skip
    return done


def _registered() -> dict[str, Any] | None:
    """What the ``register`` stage wrote, if the model and its metrics are still there."""
    data = repository_root() / "data"
    checkpoint = data / "train" / "checkpoint.pt"
    needed = (checkpoint, data / "evaluate" / "metrics.json", data / "register" / CARD)
    path = data / "register" / "model.json"
    if not all(each.is_file() for each in (*needed, path)):
        return None
    try:
        kept: dict[str, Any] = json.loads(path.read_text("utf-8"))
        Entry.from_summary(kept)
        return kept if kept["model"] and kept["sha256"] == file_hash(checkpoint) else None
    except (ValueError, KeyError, TypeError):
        # Damaged, or written before it stated the contest's conditions.
        return None
