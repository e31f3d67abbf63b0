import json
import logging
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from objloc.files import file_hash
from objloc.tracking.database import shown_uri
from objloc.tracking.ending import Ending, life_folder, record_kept_endings
from objloc.tracking.restore import log_to_run_of
from objloc.tracking.run import find_run
from objloc.tracking.store import connect
from tests.helpers.ports import free_port
from tests.helpers.runs import make_run
from tests.helpers.team import mlflow_server
from tests.helpers.tracked import history, start, stored


def server_of(root: Path, port: int) -> AbstractContextManager[None]:
    """MLflow's own server over the store in a folder."""
    return mlflow_server(
        root / "server.log", port, f"sqlite:///{root}/mlflow.db", str(root / "kept")
    )


@pytest.fixture
def port(store_root: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """A free port, on which the store is expected."""
    number = free_port()
    assert store_root.is_dir()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{number}")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    return number


def test_a_run_whose_server_is_gone_at_its_end_is_ended_when_it_is_back(
    store_root: Path, port: int, caplog: pytest.LogCaptureFixture
) -> None:
    folder = make_run(store_root / "data") / "train"
    log = store_root / "train.log"
    log.write_text("all went well")
    with server_of(store_root, port):
        run = start()
        run.log_metrics({"loss": 0.5}, 10)
    with caplog.at_level(logging.WARNING, "objloc"), run:
        run.log_metrics({"loss": 0.25}, 20)
        run.set_result(folder)
        run.log_artifact(log, "log")
    kept = store_root / ".objloc" / "runs" / f"{run.run_id}.json"
    lines = [each.getMessage() for each in caplog.records if each.name.startswith("objloc")]
    assert len(lines) == 2
    assert f"MLflow at http://127.0.0.1:{port} fails, training goes on without it: " in lines[0]
    assert lines[1] == f"{kept}: keeps the end of the run until MLflow is back"
    with server_of(store_root, port):
        client = connect()
        assert client.get_run(run.run_id).info.status == "RUNNING"
        with start("another") as later:
            found = client.get_run(run.run_id)
            assert found.info.status == "FINISHED"
            assert found.info.end_time <= client.get_run(later.run_id).info.start_time
        assert history(run.run_id, "loss") == [(10, 0.5), (20, 0.25), (30, 0.25)]
        assert find_run(model_sha256=file_hash(folder / "checkpoint.pt")) == run.run_id
        there = [each.path for each in client.list_artifacts(run.run_id)]
        assert there == ["log", "train"]
    assert not kept.exists()


@pytest.fixture
def kept_end(store_root: Path, monkeypatch: pytest.MonkeyPatch) -> Ending:
    """The end of a run that was kept, since its store failed."""
    folder = make_run(store_root / "data") / "train"

    def fail(*_: Any, **__: Any) -> None:
        raise MlflowException("the disk is full\nand more")

    with monkeypatch.context() as patch, start() as run:
        run.set_result(folder)
        patch.setattr(MlflowClient, "set_terminated", fail)
        run.finish("KILLED")
    (path,) = life_folder().glob("*.json")
    assert stored(run.run_id).info.status == "RUNNING"
    return Ending(**json.loads(path.read_text()))


def test_a_later_stage_ends_the_run_and_writes_into_it(kept_end: Ending) -> None:
    model = Path(kept_end.folder, "checkpoint.pt")
    assert log_to_run_of(model, metrics={"val": {"ap": 0.5}}) == kept_end.run_id
    found = stored(kept_end.run_id)
    assert found.info.status == "KILLED"
    assert found.info.end_time == kept_end.milliseconds
    assert found.data.metrics["val.ap"] == 0.5
    assert list(life_folder().iterdir()) == []


def test_a_killed_training_goes_on_in_its_run_though_its_end_was_kept(kept_end: Ending) -> None:
    with start() as again:
        assert again.run_id == kept_end.run_id
    assert stored(kept_end.run_id).info.status == "FINISHED"


def test_the_files_of_a_later_training_are_not_taken_for_the_runs(kept_end: Ending) -> None:
    make_run(Path(kept_end.folder).parent, seed=1)
    before = connect().list_artifacts(kept_end.run_id)
    record_kept_endings(connect())
    assert stored(kept_end.run_id).info.status == "KILLED"
    assert connect().list_artifacts(kept_end.run_id) == before


def test_an_end_for_another_store_waits_and_one_of_an_unknown_run_goes(kept_end: Ending) -> None:
    kept_end.store = "https://example.org"
    kept_end.keep()
    record_kept_endings(connect())
    assert kept_end.kept.is_file()
    kept_end.kept.unlink()
    lost = Ending("0" * 32, shown_uri())
    lost.keep()
    record_kept_endings(connect())
    assert not lost.kept.exists()


def test_a_damaged_file_hinders_no_training(
    kept_end: Ending, caplog: pytest.LogCaptureFixture
) -> None:
    kept_end.kept.write_text("{")
    with start("another") as run:
        pass
    assert stored(run.run_id).info.status == "FINISHED"
    assert kept_end.kept.with_suffix(".damaged").is_file()
    assert not [line for line in caplog.messages if "fails" in line]
