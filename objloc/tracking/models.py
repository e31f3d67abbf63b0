"""Fetch registered models by their address."""

from pathlib import Path

from objloc.errors import ObjlocError
from objloc.files import file_hash
from objloc.tracking.lookup import ADDRESS, look_up
from objloc.tracking.rebuild import rebuild_if_empty
from objloc.tracking.store import connect, visit
from objloc.tracking.versions import checkpoint_of, find_version

REMEDY = (
    "`make run` registers one for its repository; elsewhere set MLFLOW_TRACKING_URI, or name a "
    "checkpoint"
)
"""Advice in the error message when no model is registered."""


def download_model(model: str) -> Path:
    """Fetch the checkpoint of a model.

    Args:
        model: a path, which is returned unchanged, or a registered model:
            ``models:/NAME/VERSION`` or ``models:/NAME@ALIAS``.

    Raises:
        ObjlocError: there is no such model, version or alias (the message lists those
            there are); its files are missing or damaged.
    """
    if not model.startswith("models:"):
        return Path(model)
    if (path := look_up(model)) is not None:
        return path
    rebuild_if_empty()
    client = connect()
    return checkpoint_of(client, find_version(client, model))


def ask_for_model(name: str, address: str, *, rebuilt: bool) -> Path:
    """Fetch the checkpoint of a registered model by a short name.

    No store is created, unless a lost one can be rebuilt.

    Args:
        name: alias or version of the default model, such as ``champion`` or ``3``, or an
            address; for messages.
        address: what it stands for, ``models:/NAME@ALIAS`` or ``models:/NAME/VERSION``.
        rebuilt: whether a lost store is rebuilt (``rebuild_if_empty``).

    Raises:
        ObjlocError: there is no store or no such model (the message says what to do);
            its files are missing or damaged.
    """
    try:
        if rebuilt:
            rebuild_if_empty()
        client = visit()
        version = find_version(client, address)
    except ObjlocError as error:
        raise ObjlocError(f"model '{name}': {error} ({REMEDY})") from None
    return checkpoint_of(client, version)


def resolve_init(init_from: str | None, init_sha256: str | None) -> Path | None:
    """Fetch the checkpoint of a warm start and verify its hash.

    A registered model must be given by its version number: parameters determine a run,
    but an alias may name another model later.

    Args:
        init_from: ``train.init_from``.
        init_sha256: ``train.init_sha256``.

    Raises:
        ObjlocError: the address is an alias, or the hash is missing or differs (the
            message says what to write); there is no such model or file.
    """
    if init_from is None:
        return None
    address = ADDRESS.fullmatch(init_from)
    if address and address["alias"]:
        client = connect()
        version = find_version(client, init_from)
        raise ObjlocError(
            f"train.init_from: expected a version, which does not move; found {init_from}: write "
            f"models:/{version.name}/{version.version} and train.init_sha256="
            f"{file_hash(checkpoint_of(client, version))}"
        )
    path = download_model(init_from)
    try:
        found = file_hash(path)
    except OSError as error:
        raise ObjlocError(
            f"train.init_from: {path}: cannot be read: {error.strerror or error}"
        ) from None
    if init_sha256 is None:
        raise ObjlocError(
            f"train.init_sha256: required with train.init_from={init_from}; write {found}"
        )
    if found != init_sha256:
        raise ObjlocError(
            f"train.init_sha256: expected {init_sha256}; found {found} in {init_from}"
        )
    return path
