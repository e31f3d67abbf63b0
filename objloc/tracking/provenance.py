"""Find the commit that trained a model.

Only its run of MLflow states it. A file of a stage may not: it would differ with each commit.
"""

from collections.abc import Mapping
from pathlib import Path

from objloc.files import file_hash
from objloc.tracking.database import database_at, store_uri
from objloc.tracking.run import newest_run
from objloc.tracking.store import connect, harmless


def commit_of(model: Path) -> str | None:
    """The commit that trained a model, and whether the code differed from it.

    No store is created if there is none.

    Args:
        model: path of a checkpoint.

    Returns:
        The commit with remarks; None if no run of this model states it.
    """
    path = database_at(store_uri())
    if path is not None and not path.is_file():
        return None
    found: list[str | None] = []
    with harmless("this command"):
        client = connect()
        run_id = newest_run(client, model_sha256=file_hash(model))
        found.append(None if run_id is None else _described(client.get_run(run_id).data.tags))
    return found[0] if found else None


def _described(tags: Mapping[str, str]) -> str | None:
    if "git_commit" not in tags:
        return None
    changed = " with changes" if tags.get("git_dirty") == "true" else ""
    # A run restored from files has the commit of the restoration.
    restored = ", of a run restored from files" if tags.get("restored") == "true" else ""
    return f"{tags['git_commit']}{changed}{restored}"
