"""The sweep of ``examples/sweep``, its stages replaced by small commands."""

import importlib.util
import itertools
import json
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from PIL import Image

from tests.helpers.imports import ROOT
from tests.helpers.metrics import metrics_json
from tests.helpers.tracked import start, stored

optuna = pytest.importorskip("optuna")
pytestmark = pytest.mark.filterwarnings("ignore")

SPACE = "a.rate: {low: 0.001, high: 1.0, log: true}\na.width: {low: 1, high: 4}\nb: [x, y]\n"


@pytest.fixture
def sweep(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The example as a module; it polls without waiting."""
    path = ROOT / "examples" / "sweep" / "sweep.py"
    spec = importlib.util.spec_from_file_location("sweep_example", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "POLL_SECONDS", 0.0)
    return module


class Process:
    """Stands for a stage's process, and ends after so many looks at it: no clock decides.

    Attributes:
        returncode: status that it ended with; None: it goes on.
    """

    def __init__(self, looks: int) -> None:
        self._looks = looks
        self.returncode: int | None = None

    def poll(self) -> int | None:
        self._looks -= 1
        if self._looks <= 0 and self.returncode is None:
            self.returncode = 0
        return self.returncode

    def wait(self) -> None:
        if self.returncode is None:
            self.returncode = 0

    def terminate(self) -> None:
        self.returncode = -signal.SIGTERM


class Stages:
    """Stands for the stages: trainings that end at once or later, and what is measured of them.

    Attributes:
        commands: what was started, by name of the trial.
        looks: after how many looks at it a training ends, unless it is stopped.
        processes: all that were started.
    """

    def __init__(self) -> None:
        self.commands: list[tuple[str, list[str]]] = []
        self.looks = 1
        self.processes: list[Process] = []

    def start(self, name: str, command: Sequence[Path | str]) -> Process:
        words = [str(each) for each in command]
        self.commands.append((name, words))
        if words[0] == "stages.evaluate":
            out = Path(words[3])
            out.mkdir(parents=True)
            value = len(self.commands) / 100
            (out / "metrics.json").write_text(json.dumps({"val": metrics_json(value)}))
        self.processes.append(Process(self.looks))
        return self.processes[-1]


@pytest.fixture
def stages(sweep: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Stages:
    stages = Stages()
    monkeypatch.setattr(sweep, "_start", stages.start)
    monkeypatch.setattr(sweep, "Validations", lambda _name, _since: lambda: [0.1, 0.2])
    return stages


def work(sweep: ModuleType, folder: Path, trials: int, storage: str, **more: Any) -> Any:
    """Be one worker; the study afterwards."""
    space = folder / "space.yaml"
    space.write_text(SPACE)
    sweep.run_command(
        Path("shards"), folder / "out", storage, trials=trials, space=space, settings=["c=1"],
        seed=0, study="s", **more,
    )  # fmt: skip
    return optuna.load_study(study_name="s", storage=sweep.storage_at(storage))


@pytest.mark.parametrize("kind", ["sqlite:///", "journal:"])
def test_a_worker_tries_values_and_others_go_on_where_it_ended(
    kind: str, sweep: ModuleType, stages: Stages, tmp_path: Path
) -> None:
    storage = f"{kind}{tmp_path / 'study'}"
    work(sweep, tmp_path, 2, storage)
    study = work(sweep, tmp_path, 3, storage)
    assert [each.state.name for each in study.trials] == ["COMPLETE"] * 3
    assert [each.value for each in study.trials] == [0.02, 0.04, 0.06]
    assert study.trials[0].intermediate_values == {1: 0.1, 2: 0.2}
    name, train = stages.commands[0]
    assert name == "s-0"
    assert train[:3] == ["stages.train", "shards", str(tmp_path / "out" / "0" / "train")]
    chosen = {f"{key}={value}" for key, value in study.trials[0].params.items()}
    assert set(train[4::2]) == {"c=1", *chosen}
    _, evaluate = stages.commands[1]
    assert evaluate[0] == "stages.evaluate"
    assert evaluate[-1] == "evaluate.image_sets=[val]"
    sweep.plot(study, tmp_path / "sweep.png")
    with Image.open(tmp_path / "sweep.png") as picture:
        assert picture.width > 3 * picture.height


def test_a_trial_that_falls_behind_is_stopped_after_the_first_trials_and_validations(
    sweep: ModuleType, stages: Stages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = f"sqlite:///{tmp_path / 'study'}"

    def scores(score: float) -> None:
        """Let a training have one validation more at each look, up to four."""
        monkeypatch.setattr(
            sweep,
            "Validations",
            lambda _name, _since: partial(next, ([score] * min(n, 4) for n in itertools.count(1))),
        )

    stages.looks = 6
    scores(0.2)
    work(sweep, tmp_path, 4, storage)
    scores(0.05)
    study = work(sweep, tmp_path, 6, storage)
    assert [each.state.name for each in study.trials] == ["COMPLETE"] * 5 + ["PRUNED"]
    assert list(study.trials[4].intermediate_values) == [1, 2, 3, 4]
    assert list(study.trials[-1].intermediate_values) == [1, 2, 3]
    assert stages.processes[-1].returncode == -signal.SIGTERM
    sweep.plot(study, tmp_path / "sweep.png")


def test_the_trial_of_a_killed_worker_is_repeated_in_its_place(
    sweep: ModuleType, stages: Stages, tmp_path: Path
) -> None:
    path = tmp_path / "study"
    storage = sweep.storage_at(f"sqlite:///{path}")
    study = optuna.create_study(study_name="s", storage=storage, direction="maximize")
    left = study.ask({"b": optuna.distributions.CategoricalDistribution(["x", "y"])})
    study._storage.record_heartbeat(left._trial_id)
    with sqlite3.connect(path) as database:
        database.execute("UPDATE trial_heartbeats SET heartbeat = '2001-01-01 00:00:00'")
    study = work(sweep, tmp_path, 1, f"sqlite:///{path}")
    assert [each.state.name for each in study.trials] == ["FAIL", "COMPLETE"]
    assert study.trials[1].params["b"] == left.params["b"]
    name, train = stages.commands[0]
    assert (name, train[2]) == ("s-0", str(tmp_path / "out" / "0" / "train"))


def test_a_stage_that_fails_ends_the_worker_in_one_line(
    sweep: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = [sys.executable, "-c", "raise SystemExit(3)"]
    monkeypatch.setattr(sweep, "_start", lambda _name, _command: subprocess.Popen(failing))
    monkeypatch.setattr(sweep, "Validations", lambda _name, _since: list)
    with pytest.raises(sweep.ObjlocError, match=r"^trial s-0: a stage ended with status 3$"):
        work(sweep, tmp_path, 1, f"sqlite:///{tmp_path / 'study'}")


@pytest.mark.parametrize("directions", [["minimize"], ["maximize", "minimize"]])
def test_a_study_of_another_direction_is_refused(
    directions: list[str], sweep: ModuleType, stages: Stages, tmp_path: Path
) -> None:
    storage = f"sqlite:///{tmp_path / 'study'}"
    optuna.create_study(study_name="s", storage=storage, directions=directions)
    found = ", ".join(directions).upper()
    message = rf"^study s: expected one to MAXIMIZE; found {found}$"
    with pytest.raises(sweep.ObjlocError, match=message):
        work(sweep, tmp_path, 1, storage)
    assert stages.commands == []


def test_validations_are_those_of_the_trials_own_run(
    sweep: ModuleType, store_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert store_root.is_dir()
    monkeypatch.setenv("DVC_EXP_NAME", "s-1")
    with start("earlier") as earlier:
        earlier.log_metrics({"score": 0.9}, 10)
    began = int(stored(earlier.run_id).info.start_time) + 1
    validations = sweep.Validations("s-1", began)
    assert validations() == []
    time.sleep(0.002)
    with start("later") as run:
        run.log_metrics({"score": 0.5, "loss": 1.0}, 20)
        run.log_metrics({"score": 0.25}, 10)
        assert validations() == [0.25, 0.5]
    assert sweep.Validations("s-2", began)() == []


def test_a_store_that_fails_is_reported_once_and_stops_no_trial(
    sweep: ModuleType, store_root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (store_root / "mlflow.db").write_text("something else " * 100)
    validations = sweep.Validations("s-1", 0)
    assert (validations(), validations()) == ([], [])
    (line,) = (each.getMessage() for each in caplog.records if each.name.startswith("objloc"))
    assert "the sweep goes on without it" in line
