"""Look up registered models in a local store without MLflow, which takes seconds to load.

Only what is found whole in a store of a known form is returned. For anything else MLflow
is asked, which also knows why a model is not to be had.
"""

import os
import re
import sqlite3
from pathlib import Path
from urllib.parse import unquote, urlparse

from objloc.errors import ObjlocError
from objloc.files import file_hash
from objloc.tracking.contest import Entry
from objloc.tracking.database import check, database_at, opened, store_uri

CHECKPOINT = "artifacts/checkpoint.pt"
"""Path of the checkpoint in a registered model."""

ADDRESS = re.compile(r"models:/(?P<name>[^/@]+)(?:/(?P<version>[0-9]+)|@(?P<alias>[\w-]+))")
"""Address of a registered model."""

KNOWN_FORMS = ("dc11669786a5",)
"""Revisions of MLflow's tables that the queries here are written for."""

_ELSEWHERE = ("MLFLOW_REGISTRY_URI", "MLFLOW_ENABLE_WORKSPACES", "MLFLOW_WORKSPACE")
"""Variables by which MLflow looks for models in other places."""

_ALIASES = "SELECT alias, version FROM registered_model_aliases WHERE name = ?"

_VERSIONS = """
SELECT version, coalesce(nullif(storage_location, ''), source), tags.value
FROM model_versions JOIN model_version_tags AS tags USING (workspace, name, version)
WHERE workspace = 'default' AND name = ? AND current_stage <> 'Deleted_Internal'
AND tags.key = 'model_sha256'
"""


def find_model(name: str, *, rebuilt: bool = True) -> Path:
    """Find the checkpoint of a registered model by a short name; see ``models.ask_for_model``.

    Raises:
        ObjlocError: as ``models.ask_for_model``.
    """
    # Who asks what a store holds needs no parameters.
    from objloc.params import Register  # noqa: PLC0415

    address = name
    if not name.startswith("models:"):
        sign = "/" if name.isdecimal() else "@"
        address = f"models:/{Register().model_name}{sign}{name}"
    if (path := look_up(address)) is not None:
        return path
    from objloc.tracking.models import ask_for_model  # noqa: PLC0415

    return ask_for_model(name, address, rebuilt=rebuilt)


def look_up(address: str) -> Path | None:
    """The checkpoint of a registered model, if its store and its files are on this machine.

    Returns:
        None if the model is not found whole; MLflow may find it.
    """
    parts = ADDRESS.fullmatch(address)
    if parts is None:
        return None
    aliases, versions = _models(parts["name"])
    # A store without any is one to be rebuilt.
    if not aliases:
        return None
    number = aliases.get(parts["alias"]) if parts["alias"] else int(parts["version"])
    for version, path, sha256 in versions:
        if version == number and path.is_file() and file_hash(path) == sha256:
            return path
    return None


def holds(name: str, entry: Entry) -> bool:
    """Whether a local store has a model with its files and the alias of its contest."""
    aliases, versions = _models(name)
    return (entry.value is None or entry.contest.alias in aliases) and any(
        sha256 == entry.sha256 and path.is_file() for _, path, sha256 in versions
    )


def checkpoint_in(source: str) -> Path | None:
    """Path of a model's checkpoint on this machine; None if it lies on another.

    Args:
        source: MLflow's address of the model's files.
    """
    if source.startswith("file:"):
        source = unquote(urlparse(source).path)
    return Path(source, CHECKPOINT) if source.startswith("/") else None


def _models(name: str) -> tuple[dict[str, int], list[tuple[int, Path, str]]]:
    """Aliases of a registered model; number, checkpoint and hash of its versions.

    Both are empty unless they can be read from a whole store of a known form.
    """
    database = database_at(store_uri())
    if database is None or not database.is_file() or any(map(os.environ.get, _ELSEWHERE)):
        return {}, []
    try:
        check(database)
        with opened(database) as store:
            (form,) = store.execute("SELECT version_num FROM alembic_version").fetchone() or ("",)
            if form not in KNOWN_FORMS:
                return {}, []
            aliases = dict(store.execute(_ALIASES, [name]))
            found = store.execute(_VERSIONS, [name]).fetchall()
    except (ObjlocError, OSError, sqlite3.Error):
        return {}, []
    placed = ((number, checkpoint_in(source), sha256) for number, source, sha256 in found)
    return aliases, [(number, path, sha256) for number, path, sha256 in placed if path is not None]
