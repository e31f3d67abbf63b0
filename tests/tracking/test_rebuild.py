import json
import logging
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore as ModelStore
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore as RunStore

from objloc.errors import ObjlocError
from objloc.files import file_hash
from objloc.tracking.lookup import find_model
from objloc.tracking.outputs import Outputs
from objloc.tracking.rebuild import rebuild
from objloc.tracking.store import connect
from tests.helpers.commands import run_stage, write_params
from tests.helpers.runs import make_run


@pytest.fixture
def pipeline(light_models: Path) -> Path:
    """A workspace whose model is registered: its checkpoint."""
    folder = make_run(light_models / "data")
    done = run_stage(
        "register", folder / "train", folder / "evaluate", folder / "register",
        "--params", write_params(light_models),
    )  # fmt: skip
    assert done.status == 0, done.err
    return folder / "train" / "checkpoint.pt"


def lose_all(root: Path) -> None:
    (root / "mlflow.db").unlink()
    shutil.rmtree(root / "mlruns")
    shutil.rmtree(root / "models")


def lose_models(root: Path) -> None:
    client = connect()
    client.delete_registered_model("objloc")
    assert (root / "mlflow.db").is_file()


def empty_the_file(root: Path) -> None:
    (root / "mlflow.db").write_bytes(b"")


@pytest.mark.parametrize("lose", [lose_all, lose_models, empty_the_file])
def test_a_champion_that_the_store_lost_is_found_all_the_same(
    pipeline: Path, lose: Callable[[Path], None], caplog: pytest.LogCaptureFixture,
    empty_store: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    root = pipeline.parents[2]
    before = file_hash(find_model("champion"))
    monkeypatch.setattr("objloc.tracking.database.SETTLED_SECONDS", 0.0)
    monkeypatch.setattr(
        "objloc.tracking.database._make", lambda path: shutil.copy(empty_store, path)
    )
    lose(root)
    # Another process would have no connection to the lost file.
    for engine in (*ModelStore._engine_map.values(), *RunStore._engine_map.values()):
        engine.dispose()
    with caplog.at_level(logging.WARNING, "objloc"):
        assert file_hash(find_model("champion")) == before == file_hash(pipeline)
        find_model("champion")
    told = [line for line in caplog.messages if "again" in line]
    assert told == [
        f"sqlite:///{root}/mlflow.db had no model of {root}/data/train: registered it again as "
        "models:/objloc/1"
    ]
    version = connect().get_model_version_by_alias("objloc", "champion")
    kept = json.loads((root / "data" / "register" / "model.json").read_text("utf-8"))
    assert kept["alias"] in connect().get_registered_model("objloc").aliases
    run = connect().get_run(str(version.run_id))
    assert run.data.metrics["val.success_rate.greedy.mean"] == 0.5
    assert run.data.metrics["best.score"] == 0.4


def test_what_is_registered_is_left_as_it_is(pipeline: Path) -> None:
    assert rebuild(Outputs.of_workspace()) is None
    assert len(connect().search_model_versions("name = 'objloc'")) == 1
    # As a kill between the version and its aliases leaves it.
    client = connect()
    for alias in client.get_registered_model("objloc").aliases:
        client.delete_registered_model_alias("objloc", alias)
    done = rebuild(Outputs.of_workspace())
    assert done is not None
    assert (done.version, done.created) == ("1", False)
    assert file_hash(find_model("champion")) == file_hash(pipeline)


@pytest.mark.parametrize("lack", ["model.json", "checkpoint", "damaged", "old"])
def test_without_the_outputs_of_one_pipeline_nothing_is_registered(
    pipeline: Path, lack: str
) -> None:
    root = pipeline.parents[2]
    path = root / "data" / "register" / "model.json"
    kept = json.loads(path.read_text("utf-8"))
    if lack == "model.json":
        path.unlink()
    elif lack == "checkpoint":
        make_run(root / "data", seed=1)
    elif lack == "damaged":
        path.write_text("{")
    else:
        del kept["conditions"]
        path.write_text(json.dumps(kept))
    lose_models(root)
    assert rebuild(Outputs.of_workspace()) is None
    with pytest.raises(ObjlocError, match=r"model 'champion': .*found none in .*`make run` regist"):
        find_model("champion")


def test_another_store_than_the_workspaces_is_not_filled(
    pipeline: Path, empty_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert pipeline.is_file()
    shutil.copy(empty_store, tmp_path / "other.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/other.db")
    with pytest.raises(ObjlocError, match="expected a registered model; found none"):
        find_model("champion")
