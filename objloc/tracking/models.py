"""Fetch registered models by their address."""

import re
from pathlib import Path
from urllib.parse import unquote, urlparse

import mlflow
from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from objloc.errors import ObjlocError
from objloc.files import file_hash
from objloc.params import Register
from objloc.tracking.store import (
    connect,
    shown_uri,
    state_folder,
    store_error,
    store_uri,
    visit,
)

REMEDY = "`make run` registers one; a checkpoint's path will do as well"
"""Advice in the error message when no model is registered."""

CHECKPOINT = "artifacts/checkpoint.pt"
"""Path of the checkpoint in a registered model."""

_ADDRESS = re.compile(r"models:/(?P<name>[^/@]+)(?:/(?P<version>[0-9]+)|@(?P<alias>[\w-]+))")


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
    client = connect()
    return checkpoint_of(client, find_version(client, model))


def find_model(name: str) -> Path:
    """Fetch the checkpoint of a registered model by a short name; creates no store.

    Args:
        name: alias or version of the default model, such as ``champion`` or ``3``; or a
            whole address, ``models:/NAME@ALIAS`` or ``models:/NAME/VERSION``.

    Raises:
        ObjlocError: there is no store or no such model (the message says what to do);
            its files are missing or damaged.
    """
    address = name
    if not name.startswith("models:"):
        sign = "/" if name.isdecimal() else "@"
        address = f"models:/{Register().model_name}{sign}{name}"
    try:
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
    address = _ADDRESS.fullmatch(init_from)
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


def find_version(client: MlflowClient, address: str) -> ModelVersion:
    """Find the registered version that an address names.

    Raises:
        ObjlocError: the address is malformed, or there is no such version (the message
            lists those there are).
    """
    parts = _ADDRESS.fullmatch(address)
    if parts is None:
        raise ObjlocError(f"{address}: expected models:/NAME/VERSION or models:/NAME@ALIAS")
    try:
        names = sorted(model.name for model in client.search_registered_models())
        if parts["name"] not in names:
            raise ObjlocError(
                f"{address}: expected a registered model; found {', '.join(names) or 'none'} in "
                f"{shown_uri()}"
            )
        versions = {
            str(each.version): each
            for each in client.search_model_versions(f"name = '{parts['name']}'")
        }
        aliases = client.get_registered_model(parts["name"]).aliases
    except MlflowException as error:
        raise store_error(error) from error
    number = aliases.get(parts["alias"]) if parts["alias"] else parts["version"].lstrip("0")
    if number is None or str(number) not in versions:
        known = [*sorted(versions, key=int), *(f"@{alias}" for alias in sorted(aliases))]
        raise ObjlocError(
            f"{address}: expected one of the versions and aliases of {parts['name']}; "
            f"found {', '.join(known) or 'none'}"
        )
    return versions[str(number)]


def checkpoint_of(client: MlflowClient, version: ModelVersion) -> Path:
    """Path of a registered version's checkpoint; not copied if the store is on this machine.

    Raises:
        ObjlocError: the files are missing, damaged or not of this project.
    """
    where = f"models:/{version.name}/{version.version}"
    try:
        source = client.get_model_version_download_uri(version.name, version.version)
        local = _local_path(source)
        path = local or Path(
            mlflow.artifacts.download_artifacts(
                artifact_uri=f"{source}/{CHECKPOINT}",
                dst_path=str(state_folder() / "models" / version.name / str(version.version)),
                tracking_uri=store_uri(),
            )
        )
        found = file_hash(path)
    except (MlflowException, OSError) as error:
        raise ObjlocError(f"{where}: its {CHECKPOINT} cannot be had: {error}") from None
    expected = version.tags.get("model_sha256", found)
    if found != expected:
        raise ObjlocError(f"{where}: damaged: expected SHA-256 {expected}; found {found}")
    return path


def files_are_gone(client: MlflowClient, version: ModelVersion) -> bool:
    """Whether the store is on this machine and no longer holds the model's files."""
    path = _local_path(client.get_model_version_download_uri(version.name, version.version))
    return path is not None and not path.is_file()


def _local_path(source: str) -> Path | None:
    """Path of a model's checkpoint on this machine; None if it lies on another."""
    if source.startswith("file:"):
        source = unquote(urlparse(source).path)
    return Path(source, CHECKPOINT) if source.startswith("/") else None
