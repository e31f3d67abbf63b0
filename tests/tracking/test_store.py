import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from unittest.mock import Mock

import pytest
from mlflow import MlflowClient

import objloc.tracking.store
from objloc.errors import ObjlocError
from objloc.tracking.database import shown_uri, store_uri
from objloc.tracking.store import (
    connect,
    experiment_id,
    global_store,
    store_lock,
)

AT_ONCE = """
import os, sys
from objloc.tracking.run import TrainingRun
children = []
for seed in range(3):
    child = os.fork()
    if child == 0:
        with TrainingRun.start(
            params={"seed": seed}, data="scenes", data_hash="ab", categories=["cat"],
            run_key=str(seed), command="x",
        ) as run:
            run.log_metrics({"loss": seed}, 1)
        os._exit(0 if run.run_id else 1)
    children.append(child)
sys.exit(sum(os.waitpid(child, 0)[1] for child in children) > 0)
"""


def test_processes_that_meet_a_new_store_at_once_all_get_their_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    done = subprocess.run(
        [sys.executable, "-c", AT_ONCE], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    client = connect()
    runs = client.search_runs([experiment_id(client)])
    assert sorted(run.data.params["seed"] for run in runs) == ["0", "1", "2"]
    assert sorted(run.data.metrics["loss"] for run in runs) == [0, 1, 2]
    assert {run.info.status for run in runs} == {"FINISHED"}


def test_the_store_is_the_main_workspaces_wherever_a_process_runs(
    store_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = store_root / ".dvc" / "tmp" / "exps" / "queued"
    elsewhere.mkdir(parents=True)
    monkeypatch.chdir(elsewhere)
    assert store_uri() == f"sqlite:///{store_root}/mlflow.db"
    client = connect()
    run = client.create_run(experiment_id(client))
    client.log_text(run.info.run_id, "kept", "note.txt")
    assert list((store_root / "mlruns" / "objloc").glob("*/artifacts/note.txt"))
    assert not list(elsewhere.iterdir())


def test_mlflow_finds_the_store_without_configuration(store_root: Path) -> None:
    connect()
    experiment = MlflowClient().get_experiment_by_name("objloc")
    assert experiment is not None
    assert experiment.artifact_location == f"file://{store_root}/mlruns/objloc"


def test_a_root_of_any_name_will_do(
    tmp_path: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "50%20 of ä # what?"
    root.mkdir()
    shutil.copy(empty_store, root / "mlflow.db")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("DVC_ROOT", str(root))
    client = connect()
    run = client.create_run(experiment_id(client))
    client.log_text(run.info.run_id, "kept", "note.txt")
    # No other file was taken for the store.
    assert list(tmp_path.rglob("*.db")) == [root / "mlflow.db"]
    assert {path.name for path in root.iterdir()} == {"mlflow.db", "mlruns", ".objloc"}
    assert list(root.glob("mlruns/objloc/*/artifacts/note.txt"))
    assert experiment_id(connect()) == experiment_id(client)


def test_a_copy_of_the_repository_leaves_the_original_alone(
    store_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = connect()
    client.create_run(experiment_id(client))
    copy = tmp_path / "copy"
    shutil.copytree(store_root, copy)
    monkeypatch.setenv("DVC_ROOT", str(copy))
    client = connect()
    assert client.search_runs([experiment_id(client)]) == []
    run = client.create_run(experiment_id(client))
    client.log_text(run.info.run_id, "kept", "note.txt")
    assert list(copy.glob("mlruns/objloc/*/artifacts/note.txt"))
    assert not list(store_root.rglob("note.txt"))
    names = {each.name for each in client.search_experiments()}
    assert names == {"Default", "objloc", f"objloc before it came to {copy}"}


def test_the_environments_address_wins(store_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = store_root / "other.db"
    (store_root / "mlflow.db").rename(other)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{other}")
    connect()
    assert not (store_root / "mlflow.db").exists()
    with sqlite3.connect(other) as database:
        names = database.execute("select name from experiments").fetchall()
    assert ("objloc",) in names


def test_a_deleted_experiment_comes_back(store_root: Path) -> None:
    client = connect()
    client.delete_experiment(experiment_id(client))
    assert connect().get_experiment(experiment_id(client)).lifecycle_stage == "active"
    assert (store_root / "mlflow.db").exists()


def test_a_store_that_cannot_be_opened_is_reported_in_one_line_before_mlflow_retries(
    store_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (store_root / "mlflow.db").unlink()
    (store_root / "mlflow.db").mkdir()
    client = Mock()
    monkeypatch.setattr(objloc.tracking.store, "MlflowClient", client)
    with pytest.raises(ObjlocError, match=r"mlflow\.db: MLflow's store fails: unable to open"):
        connect()
    client.assert_not_called()


def test_a_store_that_is_no_database_is_reported_in_one_line(store_root: Path) -> None:
    (store_root / "mlflow.db").write_text("something else " * 100)
    with pytest.raises(ObjlocError, match=r"mlflow\.db: .*not a database") as caught:
        connect()
    assert "\n" not in str(caught.value)


def test_a_password_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://me:secret@example.org/mlflow")
    assert shown_uri() == "https://example.org/mlflow"


def test_the_global_store_is_put_back(store_root: Path) -> None:
    with global_store():
        assert os.environ["MLFLOW_TRACKING_URI"] == f"sqlite:///{store_root}/mlflow.db"
    assert "MLFLOW_TRACKING_URI" not in os.environ


def test_a_lock_that_is_never_let_go_is_reported(store_root: Path) -> None:
    path = store_root / ".objloc" / "mlflow.lock"
    with (
        store_lock(),
        pytest.raises(ObjlocError, match=f"^{path}: held by another process for 0 s$"),
        store_lock(patience=0.1),
    ):
        pass
