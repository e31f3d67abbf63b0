"""Register the pipeline's model again where the store has lost it.

DVC keeps what the stages wrote, not the store: in a clone, after ``dvc pull`` or where
``mlflow.db`` was removed, the ``register`` stage is up to date and no model registered.
"""

import logging
import os

from objloc.files import repository_root
from objloc.tracking.database import has_alias, shown_uri
from objloc.tracking.outputs import CARD, Outputs
from objloc.tracking.registry import Registration, register
from objloc.tracking.store import connect, store_errors
from objloc.tracking.versions import files_are_gone

_LOGGER = logging.getLogger(__name__)


def rebuild_if_empty() -> None:
    """Register the workspace's model if the workspace's own store is lost or has no champion.

    Nothing is done to a store that ``MLFLOW_TRACKING_URI`` names, nor without the outputs
    of a whole pipeline.

    Raises:
        ObjlocError: the store fails.
    """
    outputs = Outputs.of_workspace()
    if "MLFLOW_TRACKING_URI" in os.environ or outputs.registered() is None:
        return
    with store_errors():
        if has_alias(repository_root() / "mlflow.db"):
            return
    rebuild(outputs)


def rebuild(outputs: Outputs) -> Registration | None:
    """Register a pipeline's model if the store lacks it; say so in one line of the log.

    Returns:
        None if it is registered with its files, or if there is no whole pipeline's output.

    Raises:
        ObjlocError: the store fails.
    """
    found = outputs.registered()
    if found is None:
        return None
    name, entry = found
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
    card = (outputs.register / CARD).read_text("utf-8")
    done = register(outputs.train, outputs.evaluate, name, entry, card)
    _LOGGER.warning(
        "%s had no model of %s: registered it again as models:/%s/%s",
        shown_uri(), outputs.train, name, done.version,
    )  # fmt: skip
    return done
