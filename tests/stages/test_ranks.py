"""Stages run by torchrun as two processes: what they write, and what becomes of it if one dies."""

import csv
import math
import os
import re
import shutil
import signal
from pathlib import Path

import pytest
import torch
from mlflow import MlflowClient

from objloc.learning.training import Training
from objloc.network.checkpoint import load_checkpoint
from tests.helpers.commands import run_stage
from tests.helpers.imports import ROOT
from tests.helpers.ranks import ENDED, run_ranks, told
from tests.stages.test_train import KILLED

PARAMS = """
train: {agent: tiny}
encode: {batch: 4}
evaluate: {episodes: 1, image_sets: [val, test], max_windows: 12, answer_windows: 4}
agents:
  tiny:
    mdp: {max_steps: 6}
    encoder: {kind: pretrained, image_size: 64, neck_width: 8, pool: 3, cell_width: 2,
              category_channels: 2}
    head: {hidden: [8], dropout: 0.2}
    learning: {images_per_batch: 4, windows_per_image: 4, object_windows: 0.5,
               updates_per_step: 0.5, batch_parts: 2, flip: true}
    replay: {size: 200, init_size: 10}
    schedule: {environments: 4, episodes_per_image: 2, passes: 1, evaluations: 4}
  images:
    extends: tiny
    encoder: {kind: map, image_size: 32, widths: [4, 8]}
"""
STAGES = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv.pop(1))
from tests.helpers.commands import run_stage

shards, one, two, params = map(Path, sys.argv[1:])
stored = ("--features", two / "features")
for stage, out, *more in (
    ("encode", "features"),
    ("train", "train", *stored),
    ("evaluate", "evaluate", *stored),
):
    model = [one / "train" / "checkpoint.pt"] if stage == "evaluate" else []
    result = run_stage(stage, shards, *model, two / out, *more, "--params", params)
    assert result.status == 0, result.err
    # The first process publishes what the next stage reads.
    while not any((two / out).glob("*.json")):
        time.sleep(0.02)
"""
"""Every process runs all stages: starting takes longer than what they compute."""


def bytes_of(folder: Path) -> dict[str, bytes]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def history(run: Path) -> list[dict[str, float]]:
    with (run / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    return [{name: float(value or math.nan) for name, value in row.items()} for row in rows]


def assert_alike(run: Path, other: Path) -> None:
    """Two runs that learned the same, but for rounding."""
    for mine, theirs in zip(history(run), history(other), strict=True):
        assert theirs == pytest.approx(mine, rel=1e-3, abs=1e-4, nan_ok=True)
    first, second = (load_checkpoint(each / "final.pt").state for each in (run, other))
    assert first.keys() == second.keys()
    for name, value in first.items():
        assert torch.allclose(value.double(), second[name].double(), atol=1e-3), name


@pytest.fixture
def params_file(store_root: Path) -> Path:
    path = store_root / "params.yaml"
    path.write_text(PARAMS)
    return path


def test_two_processes_write_what_one_writes(
    shards_folder: Path, params_file: Path, warm: Path
) -> None:
    root = params_file.parent
    one, two = root / "one", root / "two"
    stored, params = ("--features", one / "features"), ("--params", params_file)
    for stage, *paths in (
        ("encode", one / "features"),
        ("train", one / "train", *stored),
        ("evaluate", one / "train" / "checkpoint.pt", one / "evaluate", *stored),
    ):
        result = run_stage(stage, shards_folder, *paths, *params)
        assert result.status == 0, result.err
    client = MlflowClient()
    # As if it had not been trained: a finished run does not go on.
    shutil.rmtree(root / ".objloc" / "resume")
    done = run_ranks(warm / "python", 2, "-c", STAGES, ROOT, shards_folder, one, two, params_file)
    assert done.returncode == 0, done.stderr
    for name in ("features", "evaluate"):
        assert bytes_of(two / name) == bytes_of(one / name), name
    assert bytes_of(two / "train").keys() == bytes_of(one / "train").keys()
    assert_alike(one / "train", two / "train")
    (experiment,) = (each for each in client.search_experiments() if each.name != "Default")
    second, first = client.search_runs([experiment.experiment_id])
    assert second.data.params == first.data.params
    assert second.data.metrics.keys() >= first.data.metrics.keys() - {"register"}
    assert second.data.tags["machine.processes"] == "2"
    assert second.info.status == "FINISHED"


def test_a_training_goes_on_after_a_process_was_killed_with_another_number_of_them(
    shards_folder: Path, params_file: Path, warm: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = params_file.parent
    plain = ("--set", "train.agent=images", "--params", params_file)
    arguments = (shards_folder, root / "out", *plain)
    killed = KILLED.replace("os.kill(", "os.environ['RANK'] == '1' and os.kill(")
    done = run_ranks(warm / "python", 2, "-c", killed, ROOT, "25", *arguments)
    assert re.search(ENDED, told(done))
    assert not (root / "out").exists()
    steps, learn = 0, Training._learn

    def interrupted(self: Training) -> None:
        nonlocal steps
        steps += 1
        if steps == 6:
            os.kill(os.getpid(), signal.SIGINT)
        learn(self)

    with monkeypatch.context() as patch:
        patch.setattr(Training, "_learn", interrupted)
        stopped = run_stage("train", *arguments)
    assert stopped.status == 130
    assert re.search(r"goes on from update [1-9]", stopped.out)
    assert "begun under other conditions, so its bytes are of neither: processes: 2, now 1\n" in (
        stopped.out
    )
    done = run_ranks(warm / "python", 2, "-m", "stages.train", *arguments)
    assert done.returncode == 0, done.stderr
    assert re.search(r"goes on from update [1-9]", done.stdout)
    # Another key, or it would go on from the end of this one.
    straight = run_stage("train", shards_folder, root / "straight", *plain, "--set=train.keep=last")
    assert straight.status == 0, straight.err
    assert_alike(root / "straight", root / "out")
