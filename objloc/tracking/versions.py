"""Find versions of registered models, and their files."""

from pathlib import Path

import mlflow
from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from objloc.errors import ObjlocError
from objloc.files import file_hash
from objloc.tracking.database import shown_uri, store_uri
from objloc.tracking.lookup import ADDRESS, CHECKPOINT, checkpoint_in
from objloc.tracking.store import state_folder, store_errors


def find_version(client: MlflowClient, address: str) -> ModelVersion:
    """Find the registered version that an address names.

    Raises:
        ObjlocError: the address is malformed, or there is no such version (the message
            lists those there are).
    """
    parts = ADDRESS.fullmatch(address)
    if parts is None:
        raise ObjlocError(f"{address}: expected models:/NAME/VERSION or models:/NAME@ALIAS")
    with store_errors():
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
        local = checkpoint_in(source)
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
    path = checkpoint_in(client.get_model_version_download_uri(version.name, version.version))
    return path is not None and not path.is_file()
