import logging
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

import objloc.tracking.run
from objloc.tracking.restore import log_to_run_of
from objloc.tracking.run import find_run
from objloc.tracking.store import connect, experiment_id
from tests.helpers.runs import make_run
from tests.helpers.tracked import history, start, stored

DIES = """
import os, signal
from objloc.tracking.run import TrainingRun
run = TrainingRun.start(
    params={"seed": 0}, data="scenes", data_hash="ab", categories=["cat"], run_key="a", command="x",
)
run.log_metrics({"loss": 1.0}, 1)
print(run.run_id, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def killed_run(store_root: Path) -> str:
    """Id of a run whose process was killed before it could end the run."""
    done = subprocess.run([sys.executable, "-c", DIES], capture_output=True, text=True, check=False)
    run_id = done.stdout.strip()
    assert stored(run_id).info.status == "RUNNING"
    assert (store_root / ".objloc" / "runs" / f"{run_id}.lock").exists()
    return run_id


def test_a_run_states_the_origin_of_its_model(
    store_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_EXP_NAME", "solid-gold")
    monkeypatch.setenv("DVC_EXP_BASELINE_REV", "f00d")
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b.c"]
    subprocess.run([*git, "init", "-q"], check=True)
    (store_root / "code.py").write_text("")
    out = store_root / "data" / "train" / "metrics.json"
    out.parent.mkdir(parents=True)
    out.write_text("{}")
    subprocess.run([*git, "add", "code.py", "data"], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "first"], check=True)
    out.unlink()
    with start() as run:
        run.log_metrics({"loss": 0.5, "missing": float("nan")}, 10)
        run.log_metrics({"loss": 0.25}, 20)
    found = stored(run.run_id)
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True
    ).stdout.strip()
    assert found.info.run_name == "solid-gold"
    assert found.info.status == "FINISHED"
    expected = {
        "git_commit": commit,
        "git_dirty": "false",
        "dvc_exp_name": "solid-gold",
        "dvc_exp_baseline_rev": "f00d",
        "stage": "train",
        "data": "scenes",
        "data_hash": "ab" * 32,
        "categories": "cat",
        "run_key": "a",
        "command": "python -m stages.train data/shards data/train",
    }
    assert expected.items() <= found.data.tags.items()
    assert found.data.params == {
        "train.seed": "0", "train.categories": '["cat"]', "train.init_from": "null",
    }  # fmt: skip
    assert history(run.run_id, "loss") == [(10, 0.5), (20, 0.25)]
    assert "missing" not in found.data.metrics

    (store_root / "code.py").write_text("changed")
    with start("b") as second:
        pass
    assert stored(second.run_id).data.tags["git_dirty"] == "true"


@pytest.mark.parametrize(
    ("error", "status"), [(KeyboardInterrupt, "KILLED"), (ValueError, "FAILED")]
)
def test_a_run_that_does_not_end_well_has_that_status(
    store_root: Path, error: type[BaseException], status: str
) -> None:
    with pytest.raises(error), start() as run:
        raise error
    assert stored(run.run_id).info.status == status
    assert not list((store_root / ".objloc" / "runs").iterdir())


@pytest.mark.usefixtures("store_root")
def test_a_run_states_what_it_was_made_on() -> None:
    with start(machine={"processor": "x86_64", "torch": "2.13.0"}) as run:
        pass
    tags = stored(run.run_id).data.tags
    assert tags["machine.processor"] == "x86_64"
    assert tags["machine.torch"] == "2.13.0"


def test_an_interrupted_training_goes_on_in_its_run(killed_run: str) -> None:
    with start("a", params={"seed": 0, "max_minutes": 5}) as run:
        assert stored(run.run_id).info.status == "RUNNING"
        run.log_metrics({"loss": 0.5}, 2)
    assert run.run_id == killed_run
    assert history(run.run_id, "loss") == [(1, 1.0), (2, 0.5)]
    assert stored(run.run_id).info.status == "FINISHED"
    assert stored(run.run_id).data.params == {"seed": "0", "max_minutes": "5"}


def test_a_parameter_that_an_extended_run_changes_is_kept_as_a_tag(store_root: Path) -> None:
    with pytest.raises(KeyboardInterrupt), start(params={"passes": 1}):
        raise KeyboardInterrupt
    with start(params={"passes": 2}) as run:
        pass
    assert stored(run.run_id).data.params == {"passes": "1"}
    assert stored(run.run_id).data.tags["resumed.passes"] == "2"
    assert len(connect().search_runs([experiment_id(connect())])) == 1
    assert (store_root / "mlflow.db").exists()


def test_a_killed_run_is_closed_by_the_next_training(killed_run: str) -> None:
    with start("another") as run:
        assert run.run_id != killed_run
        assert stored(killed_run).info.status == "KILLED"


def test_a_run_that_still_runs_is_left_alone(store_root: Path) -> None:
    with start("a") as first, start("a") as second:
        assert second.run_id != first.run_id
        assert stored(first.run_id).info.status == "RUNNING"
    assert (store_root / "mlflow.db").exists()


def test_a_run_of_others_is_left_alone(store_root: Path) -> None:
    client = connect()
    other = client.create_run(experiment_id(client), tags={"run_key": "a"}).info.run_id
    with start("a") as run:
        assert run.run_id != other
    assert stored(other).info.status == "RUNNING"
    assert (store_root / "mlflow.db").exists()


def test_a_finished_training_that_is_repeated_has_a_run_of_its_own(store_root: Path) -> None:
    with start("a") as first:
        pass
    with start("a") as second:
        pass
    assert first.run_id != second.run_id
    assert find_run(run_key="a") == second.run_id
    assert find_run(run_key="b") is None
    assert (store_root / "mlflow.db").exists()


@pytest.mark.parametrize("kind", ["no database", "no server"])
def test_training_goes_on_without_a_store_and_logs_it_once(
    kind: str, store_root: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    if kind == "no server":
        monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    else:
        (store_root / "mlflow.db").write_text("something else " * 100)
    model = make_run(store_root / "data") / "train" / "checkpoint.pt"
    asked = Mock(wraps=connect)
    monkeypatch.setattr(objloc.tracking.run, "connect", asked)
    with caplog.at_level(logging.WARNING, "objloc"), start() as run:
        run.log_metrics({"loss": 0.5}, 1)
        run.log_artifact(model)
        run.set_result(model.parent)
    assert run.run_id == ""
    asked.assert_called_once()  # a missing store is not waited for again
    lines = [each.message for each in caplog.records if each.name.startswith("objloc")]
    assert len(lines) == 1
    assert "training goes on without it" in lines[0]
    assert "\n" not in lines[0]
    assert log_to_run_of(model, metrics={"a": 1}) is None


def test_metrics_wait_for_a_store_that_fails_for_a_while(
    store_root: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    calls = 0

    def locked(*_: Any, **__: Any) -> None:
        nonlocal calls
        calls += 1
        raise MlflowException("database is locked\nand more")

    with start() as run:
        with monkeypatch.context() as patched, caplog.at_level(logging.WARNING, "objloc"):
            patched.setattr(MlflowClient, "log_batch", locked)
            run.log_metrics({"loss": 3.0}, 1)
            run.log_metrics({"loss": 2.0}, 2)
            assert calls == 1, "a store that has just failed is not asked again at once"
            monkeypatch.setattr(objloc.tracking.run, "RETRY_SECONDS", 0.0)
        run.log_metrics({"loss": 1.0}, 3)
    assert len(caplog.records) == 1
    assert "database is locked" in caplog.records[0].message
    assert history(run.run_id, "loss") == [(1, 3.0), (2, 2.0), (3, 1.0)]
    assert (store_root / "mlflow.db").exists()


def test_logging_a_period_is_one_call_to_the_store(store_root: Path) -> None:
    with start() as run:
        run._client = client = Mock(wraps=run._client)
        for step in range(3):
            run.log_metrics({f"metric {number}": 0.5 for number in range(20)}, step)
        # However long a call takes, training waits for this call only.
        assert [call[0] for call in client.method_calls] == ["log_batch"] * 3
        assert [len(call.kwargs["metrics"]) for call in client.method_calls] == [20] * 3
    assert (store_root / "mlflow.db").exists()
