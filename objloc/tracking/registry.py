"""Register versions of models and move aliases to the best."""

import json
import tempfile
from dataclasses import dataclass
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

import mlflow
import mlflow.pyfunc
from mlflow import MlflowClient
from mlflow.models import Model

import objloc
from objloc.tracking.contest import Entry
from objloc.tracking.folder import complete_run
from objloc.tracking.log_values import log_file, log_values
from objloc.tracking.outputs import CARD
from objloc.tracking.restore import run_of
from objloc.tracking.run import run_tags
from objloc.tracking.signature import SIGNATURE, example
from objloc.tracking.store import connect, experiment_id, global_store, store_errors, store_lock
from objloc.tracking.versions import files_are_gone

CHAMPION = "champion"
"""Alias of the first contest."""

PACKAGE = Path(objloc.__file__).parent
"""The code that goes with a model; one of its files answers requests."""

REQUIREMENTS = (
    "mlflow", "numpy", "pandas", "pillow", "pydantic", "ruamel.yaml", "torch", "webdataset",
)  # fmt: skip
"""Packages that a registered model needs."""


@dataclass(frozen=True)
class Registration:
    """Result of a registration.

    Attributes:
        version: number of the registered version.
        created: whether the version is new.
        aliases: one sentence for each alias that the model competes for.
    """

    version: str
    created: bool
    aliases: tuple[str, ...]


def register(train: Path, evaluate: Path, name: str, entry: Entry, card: str) -> Registration:
    """Register a trained model in the run that made it, together with its metrics.

    If training came from the cache or the store was lost, the run is restored from
    files; an incomplete run is completed. Registering twice makes one version.

    Args:
        train: run folder of the training.
        evaluate: output folder of the evaluation.
        name: name of the registered model.
        entry: contest and figure of the model.
        card: the model's card, in Markdown.

    Raises:
        ObjlocError: the store fails.
    """
    checkpoint, contest = train / "checkpoint.pt", entry.contest
    client = connect()
    with store_errors():
        tags = run_tags(contest.data, contest.data_hash, contest.categories)
        run_id = run_of(client, checkpoint, entry.sha256, tags)
        complete_run(client, run_id, train)
        metrics = evaluate / "metrics.json"
        log_values(client, run_id, json.loads(metrics.read_text("utf-8")))
        for path in (metrics, evaluate / "plots"):
            if path.exists():
                log_file(client, run_id, path, "evaluate")
        client.log_text(run_id, card, CARD)
        # Under a lock, so that no process decides on the basis of what another is changing.
        # MLflow looks up a version's source in its global store, not in the client's.
        with store_lock("registry", patience=600.0), global_store():
            registry = _Registry(client, name, entry)
            version, created = registry.version(run_id, checkpoint, card)
            aliases = registry.compete(version)
    return Registration(version, created, aliases)


class _Registry:
    """A registered model, and an entry that competes in it.

    Args:
        client: client of the store.
        name: name of the registered model.
        entry: contest and figure of the model that competes.
    """

    def __init__(self, client: MlflowClient, name: str, entry: Entry) -> None:
        self._client = client
        self._name = name
        self._entry = entry
        self._contest = entry.contest

    def version(self, run_id: str, checkpoint: Path, card: str) -> tuple[str, bool]:
        """Find or create the version of this model: its number, and whether it is new."""
        client, name, sha256 = self._client, self._name, self._entry.sha256
        if not any(model.name == name for model in client.search_registered_models()):
            client.create_registered_model(
                name, description="Agents that search a photograph for objects (docs/mlflow.md)."
            )
        same = client.search_model_versions(f"name = '{name}' and tags.model_sha256 = '{sha256}'")
        whole = [str(each.version) for each in same if not files_are_gone(client, each)]
        if not whole:
            model = _log_model(client, run_id, checkpoint, card)
            version = client.create_model_version(
                name,
                model.model_uri,
                run_id,
                tags={"model_sha256": sha256},
                description=str(self._entry),
                model_id=model.model_id,
            )
        number = whole[0] if whole else str(version.version)
        for key, text in self._tags(run_id).items():
            client.set_model_version_tag(name, number, key, text)
        return number, not whole

    def compete(self, number: str) -> tuple[str, ...]:
        """Let a version compete for its contest's alias and ``champion``; report the results."""
        value = self._entry.value
        if value is None:
            return (f"{self._entry}: no alias moves",)
        return tuple(
            f"{alias}: {self._move(alias, number, value)}"
            for alias in (self._contest.alias, CHAMPION)
        )

    def _move(self, alias: str, number: str, value: float) -> str:
        """Move an alias to a better model of the same contest; report what was done and why."""
        holder = self._client.get_registered_model(self._name).aliases.get(alias)
        if holder is not None and str(holder) == number:
            return f"version {number}, as before"
        reason = "the first"
        if holder is not None:
            version = self._client.get_model_version(self._name, str(holder))
            tags = version.tags
            held = tags.get(f"value.{self._contest.id}")
            if files_are_gone(self._client, version):
                reason = f"the files of version {holder} are gone"
            elif held is None:
                return (
                    f"stays with version {holder}, of another contest: {tags.get('image_set')} "
                    f"{tags.get('metric')} on {tags.get('data')} ({tags.get('categories')})"
                )
            elif value <= float(held):
                return f"stays with version {holder}: {float(held):.4f} against {value:.4f}"
            else:
                reason = f"{value:.4f} against {float(held):.4f} of version {holder}"
        self._client.set_registered_model_alias(self._name, alias, number)
        return f"version {number} ({reason})"

    def _tags(self, run_id: str) -> dict[str, str]:
        """Tags that describe a version."""
        contest, value = self._contest, self._entry.value
        tags = {
            "data": contest.data,
            "data_hash": contest.data_hash,
            "categories": ",".join(contest.categories),
            "metric": contest.metric,
            "image_set": contest.image_set,
            "contest": contest.id,
            "git_commit": self._client.get_run(run_id).data.tags.get("git_commit", ""),
        }
        if value is not None:
            # A model may be measured for several contests.
            tags |= {"value": repr(value), f"value.{contest.id}": repr(value)}
        return {key: text for key, text in tags.items() if text}


def _log_model(client: MlflowClient, run_id: str, checkpoint: Path, card: str) -> Any:
    """Keep the model with its run: code, weights, card, signature, example, requirements."""
    model = client.create_logged_model(
        experiment_id(client),
        "model",
        run_id,
        params=client.get_run(run_id).data.params,
        model_type="agent",
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, CARD)
        path.write_text(card, encoding="utf-8")
        return Model.log(
            artifact_path=None,
            flavor=mlflow.pyfunc,
            run_id=run_id,
            model_id=model.model_id,
            python_model=str(PACKAGE / "serving" / "mlflow_model.py"),
            artifacts={"checkpoint": str(checkpoint), "model_card": str(path)},
            code_paths=[str(PACKAGE)],
            signature=SIGNATURE,
            input_example=example(),
            pip_requirements=[f"{name}=={_public_version(name)}" for name in REQUIREMENTS],
        )


def _public_version(package: str) -> str:
    """Installed version without the local part (``+cpu``), which no index serves."""
    return installed_version(package).partition("+")[0]
