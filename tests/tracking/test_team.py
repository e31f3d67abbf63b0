"""Tracking for a team: MLflow's server with PostgreSQL and S3, as docs/mlflow.md sets it up."""

import csv
import logging
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
import requests
from mlflow import MlflowClient

from objloc.errors import ObjlocError
from objloc.files import file_hash
from objloc.tracking.ending import record_kept_endings
from objloc.tracking.store import EXPERIMENT, connect, experiment_id, store_errors
from tests.helpers.imports import ROOT
from tests.helpers.ports import free_port
from tests.helpers.projects import TINY, edit, yaml_in
from tests.helpers.runs import make_run
from tests.helpers.team import (
    BUCKET,
    keys,
    mlflow_server,
    postgres,
    s3_client,
    s3_server,
)
from tests.helpers.tracked import history, start

SEEDS = range(4)


def options_for_others() -> list[str]:
    """Options of the page that let other machines in, without the address."""
    page = (ROOT / "docs" / "mlflow.md").read_text(encoding="utf-8")
    options = re.search(r"^--host 0\.0\.0\.0 ([^`]+)", page, re.MULTILINE)
    assert options
    return shlex.split(options[1])


def test_the_compose_file_starts_the_server_that_is_tested() -> None:
    path = ROOT / "examples" / "team" / "compose.yaml"
    services = yaml_in(path)["services"]
    command = services["mlflow"]["command"][-1]
    for part in (
        "exec mlflow server",
        '--backend-store-uri "postgresql+psycopg2://mlflow:${POSTGRES_PASSWORD}@postgres/mlflow"',
        '--artifacts-destination "${BUCKET:?}"',
        '--allowed-hosts "${ALLOWED_HOSTS:-',
        '--cors-allowed-origins "${ALLOWED_ORIGINS:-',
    ):
        assert part in command
    _, hosts, _, origins = options_for_others()
    advice = f"\n#   ALLOWED_HOSTS={hosts}\n#   ALLOWED_ORIGINS={origins}\n"
    assert advice in path.read_text(encoding="utf-8")
    assert services["mlflow"]["ports"] == ["${ADDRESS:-127.0.0.1}:5000:5000"]


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Address of the S3 server, which has a bucket."""
    with s3_server(monkeypatch) as address:
        yield address


@pytest.mark.parametrize(
    ("bad", "reason"),
    [("credentials", "InvalidAccessKeyId"), ("bucket", "NoSuchBucket")],
)
def test_files_that_a_bucket_refuses_are_kept_until_it_takes_them(
    bad: str, reason: str, bucket: str, store_root: Path, caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    client = connect()
    client.rename_experiment(experiment_id(client), "before")
    client.create_experiment(EXPERIMENT, f"s3://{BUCKET}/runs")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{store_root}/mlflow.db")
    folder = make_run(store_root / "data") / "train"
    if bad == "bucket":
        s3_client().delete_bucket(Bucket=BUCKET)
    else:
        requests.post(f"{bucket}/moto-api/reset-auth", data=b"0", timeout=300)
    with caplog.at_level(logging.WARNING, "objloc"), start() as run:
        run.log_metrics({"loss": 0.5}, 10)
        run.set_result(folder)
    kept = store_root / ".objloc" / "runs" / f"{run.run_id}.json"
    told = [each.getMessage() for each in caplog.records if each.name.startswith("objloc")]
    assert told[-1] == f"{kept}: keeps the end of the run until MLflow is back"
    assert len(told) == 2
    assert reason in told[0]
    assert "\n" not in told[0]
    with pytest.raises(ObjlocError, match=f"MLflow's store fails: .*{reason}"), store_errors():
        client.log_artifact(run.run_id, str(folder / "history.csv"))
    assert history(run.run_id, "loss") == [(10, 0.5), (30, 0.25)]

    if bad == "bucket":
        s3_client().create_bucket(Bucket=BUCKET)
    else:
        requests.post(f"{bucket}/moto-api/reset-auth", data=b"inf", timeout=300)
    record_kept_endings(connect())
    assert not kept.exists()
    assert f"runs/{run.run_id}/artifacts/train/history.csv" in keys()
    assert connect().get_run(run.run_id).info.status == "FINISHED"


@pytest.mark.slow
def test_nothing_is_lost_of_four_trainings_while_the_server_is_away(
    bucket: str, shards_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert bucket
    shutil.copy(ROOT / "params.yaml", tmp_path)
    edit(tmp_path, TINY)
    edit(tmp_path, {"train": {"categories": ["cat", "dog"]}})
    port, log = free_port(), tmp_path / "server.log"
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{port}")
    with postgres() as database:

        def served() -> AbstractContextManager[None]:
            options = ["--workers", "1", *options_for_others()]
            return mlflow_server(log, port, database, f"s3://{BUCKET}/runs", options=options)

        with served():
            trainings = [train(tmp_path, shards_folder, seed) for seed in SEEDS]
            wait_for_runs(trainings)
        ends = [each.wait() for each in trainings]
        assert ends == [0] * len(SEEDS)
        with served():
            client = connect()
            record_kept_endings(client)
            check(client, tmp_path)
            check_browsers(port)


def train(folder: Path, shards: Path, seed: int) -> subprocess.Popen[bytes]:
    command = [
        sys.executable, "-m", "stages.train", str(shards), str(folder / str(seed)),
        "--params", str(folder / "params.yaml"), "--set", f"train.seed={seed}",
        "--set", "agents.scenes.schedule.passes=8",
    ]  # fmt: skip
    with (folder / f"{seed}.log").open("wb") as log:
        return subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, env=os.environ.copy())


def wait_for_runs(trainings: list[subprocess.Popen[bytes]]) -> None:
    """Wait until every training has its run."""
    client = MlflowClient(os.environ["MLFLOW_TRACKING_URI"])
    while True:
        alive = any(each.poll() is None for each in trainings)
        experiment = client.get_experiment_by_name(EXPERIMENT)
        runs = client.search_runs([experiment.experiment_id]) if experiment else []
        if len(runs) == len(trainings):
            return
        assert alive
        time.sleep(0.2)


def check(client: MlflowClient, folder: Path) -> None:
    """Compare each run with the files of its training."""
    experiment = client.get_experiment_by_name(EXPERIMENT)
    assert experiment is not None
    runs = {
        run.data.params["train.seed"]: run for run in client.search_runs([experiment.experiment_id])
    }
    assert sorted(runs) == [str(seed) for seed in SEEDS]
    stored = keys()
    for seed, run in runs.items():
        trained = folder / seed
        assert run.info.status == "FINISHED"
        assert run.data.tags["model_sha256"] == file_hash(trained / "checkpoint.pt")
        with (trained / "history.csv").open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        for name in rows[0]:
            wanted = [
                (float(next(iter(row.values()))), float(row[name])) for row in rows if row[name]
            ]
            found = client.get_metric_history(run.info.run_id, name)
            assert sorted((each.step, each.value) for each in found) == wanted, name
        for name in ("history.csv", "params.yaml", "command.txt"):
            assert any(key.endswith(f"/{run.info.run_id}/artifacts/train/{name}") for key in stored)


def check_browsers(port: int) -> None:
    """Ask as browsers of other machines do, which name the server and the page's origin."""
    server = "tracking.example.org:5000"
    for host, origin, status in (
        (server, f"http://{server}", 200),
        (server, "http://elsewhere.example.org", 403),
        ("elsewhere.example.org", f"http://{server}", 403),
        (f"localhost:{port}", f"http://localhost:{port}", 200),
    ):
        answer = requests.post(
            f"http://127.0.0.1:{port}/ajax-api/2.0/mlflow/experiments/search",
            json={"max_results": 1}, headers={"Host": host, "Origin": origin}, timeout=300,
        )  # fmt: skip
        assert answer.status_code == status, (host, origin, answer.text)
