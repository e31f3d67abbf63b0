import json
import os
import signal
import subprocess
from pathlib import Path

import pytest
import torch

from objloc.files import file_hash
from objloc.learning.training import Training
from objloc.network.checkpoint import load_checkpoint
from tests.helpers.commands import run_stage, write_params
from tests.helpers.imports import ROOT
from tests.helpers.workplaces import working_in

PARAMS = """
train: {agent: tiny}
agents:
  tiny:
    mdp: {max_steps: 6}
    encoder: {image_size: 32, widths: [4, 8], pool: 3, cell_width: 2, category_channels: 2}
    head: {hidden: [8], dropout: 0.2}
    learning: {images_per_batch: 4, windows_per_image: 4, object_windows: 0.5, crop: 0.2,
               updates_per_step: 0.5}
    replay: {size: 200, init_size: 10}
    schedule: {environments: 4, episodes_per_image: 2, passes: 2, evaluations: 3}
  other:
    encoder: {kind: crops, image_size: 36, window_size: 36}
    head: {hidden: [8]}
    learning: {windows_per_image: 2, images_per_batch: 2}
"""
KILLED = """
import os, runpy, signal, sys
sys.path.insert(0, sys.argv[1])
from objloc.learning.training import Training
steps, learn = int(sys.argv[2]), Training._learn

def killed(self):
    global steps
    steps -= 1
    if steps == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    learn(self)

Training._learn = killed
sys.argv = ["train", *sys.argv[3:]]
runpy.run_module("stages.train", run_name="__main__")
"""
"""Trains until a step of the environments, then kills itself."""


@pytest.fixture
def params_file(store_root: Path) -> Path:
    path = store_root / "params.yaml"
    path.write_text(PARAMS)
    return path


@pytest.fixture(scope="module")
def straight(
    shards_folder: Path, empty_store: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The folder of a run from its beginning to its end. Read only."""
    with working_in(tmp_path_factory.mktemp("straight"), empty_store) as root:
        result = run_stage(
            "train", shards_folder, root / "out", "--params", write_params(root, PARAMS)
        )
        assert result.status == 0, result.err
        return root / "out"


def test_a_run_folder_holds_all_that_is_promised(straight: Path) -> None:
    out = straight
    assert {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()} == {
        "checkpoint.pt", "final.pt", "history.csv", "metrics.json", "params.yaml", "command.txt",
        "environment.txt", "plots/training.png", "plots/losses.png", "plots/q_values.png",
    }  # fmt: skip
    checkpoint = load_checkpoint(out / "checkpoint.pt")
    assert checkpoint.categories == ("cat", "dog")
    assert checkpoint.info["cut"] is False
    assert len((out / "history.csv").read_text().splitlines()) == 1 + 3
    assert "tiny" in (out / "params.yaml").read_text()


def test_the_same_seed_gives_the_same_checkpoint_bytes(
    shards_folder: Path, params_file: Path, straight: Path
) -> None:
    names = ("checkpoint.pt", "final.pt")
    expected = {name: file_hash(straight / name) for name in names}
    for seed, same in ((0, True), (1, False)):
        out = params_file.parent / str(seed)
        args = ("train", shards_folder, out, "--params", params_file)
        assert run_stage(*args, "--set", f"train.seed={seed}").status == 0
        for name in names:
            assert (file_hash(out / name) == expected[name]) == same


def test_an_interrupted_run_goes_on_and_ends_as_one_never_interrupted(
    shards_folder: Path, params_file: Path, straight: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = params_file.parent
    args = ("train", shards_folder)
    tail = ("--params", params_file)

    ticks = 0
    learn = Training._learn

    def interrupted(self: Training) -> None:
        nonlocal ticks
        ticks += 1
        if ticks == 9:
            os.kill(os.getpid(), signal.SIGINT)
        learn(self)

    monkeypatch.setattr(Training, "_learn", interrupted)
    stopped = run_stage(*args, root / "stopped", *tail)
    assert stopped.status == 130
    assert stopped.err.splitlines()[-1] == "interrupted: the same command goes on from here"
    assert (stopped.out + stopped.err).count("interrupted") == 1
    assert not (root / "stopped" / "checkpoint.pt").exists()
    assert run_stage(*args, root / "stopped", *tail).status == 0
    for name in ("checkpoint.pt", "final.pt", "history.csv"):
        assert file_hash(root / "stopped" / name) == file_hash(straight / name)


LENGTHS = ("passes", "evaluations", "max_updates")


@pytest.mark.parametrize(
    ("lengths", "more"),
    [
        ((1, 1, None), ("train.curriculum=[dog,cat]",)),
        (
            (2, 1, 5),
            ("agents.tiny.replay.priority_exponent=0.5", "agents.tiny.learning.backup=sampled",
             "agents.tiny.learning.object_windows=0", "agents.tiny.learning.windows_per_image=1",
             "agents.tiny.learning.crop=0", "agents.tiny.learning.flip=false",
             "agents.tiny.encoder.category_channels=0", "agents.tiny.head.per_category=false"),
        ),
    ],
    ids=["by passes", "by updates"],
)  # fmt: skip
def test_trained_in_one_piece_killed_or_extended_is_the_same(
    lengths: tuple[int | None, ...],
    more: tuple[str, ...],
    shards_folder: Path,
    params_file: Path,
    warm: Path,
) -> None:
    def arguments(out: str, times: int) -> list[str | Path]:
        schedule = {n: each and each * times for n, each in zip(LENGTHS, lengths, strict=True)}
        schedule["episodes_per_image"] = 1
        settings = [f"agents.tiny.schedule.{name}={json.dumps(v)}" for name, v in schedule.items()]
        options = [f"--set={each}" for each in (*settings, *more)]
        return [shards_folder, params_file.parent / out, "--params", params_file, *options]

    def hashes(out: str) -> list[str]:
        names = ("checkpoint.pt", "final.pt", "history.csv", "metrics.json")
        return [file_hash(params_file.parent / out / name) for name in names]

    assert run_stage("train", *arguments("whole", 6)).status == 0
    rows = (params_file.parent / "whole" / "history.csv").read_text().splitlines()
    steps_of_four = float(rows[4].split(",")[rows[0].split(",").index("step")])
    command = [
        warm / "python",
        "-c",
        KILLED,
        ROOT,
        str(int(steps_of_four / 4)),
        *arguments("killed", 6),
    ]
    assert subprocess.run(command, check=False).returncode == 247
    assert "goes on from update" in run_stage("train", *arguments("killed", 6)).out
    assert hashes("killed") == hashes("whole")

    assert run_stage("train", *arguments("extended", 4)).status == 0
    assert hashes("extended") != hashes("whole")
    assert "goes on from update" in run_stage("train", *arguments("extended", 6)).out
    assert hashes("extended") == hashes("whole")


def test_a_curriculum_trains_one_phase_for_each_category(
    shards_folder: Path, params_file: Path
) -> None:
    out = params_file.parent / "out"
    more = ("--set", "train.curriculum=[dog,cat]")
    result = run_stage("train", shards_folder, out, "--params", params_file, *more)
    assert result.status == 0, result.err
    checkpoint = load_checkpoint(out / "checkpoint.pt")
    assert (checkpoint.info["phase"], checkpoint.info["phases"]) == (1, 2)
    phases = [line.split(",")[-1] for line in (out / "history.csv").read_text().splitlines()[1:]]
    assert sorted(set(phases)) != phases[:1]


def test_a_run_cut_by_its_time_limit_is_marked(shards_folder: Path, params_file: Path) -> None:
    out = params_file.parent / "out"
    more = ("--set", "train.max_minutes=0.000001")
    assert run_stage("train", shards_folder, out, "--params", params_file, *more).status == 0
    assert json.loads((out / "metrics.json").read_text())["cut"] is True
    assert load_checkpoint(out / "checkpoint.pt").info["cut"] is True


def test_a_warm_start_begins_with_the_earlier_weights(
    shards_folder: Path, params_file: Path, straight: Path
) -> None:
    root = params_file.parent
    base = ("--params", params_file)
    path = straight / "checkpoint.pt"
    warm = (
        "--set", f"train.init_from={path}", "--set", f"train.init_sha256={file_hash(path)}",
        "--set", "train.max_minutes=0.000001", "--set", "agents.tiny.replay.init_size=200",
    )  # fmt: skip
    assert run_stage("train", shards_folder, root / "second", *base, *warm).status == 0
    first, second = load_checkpoint(path), load_checkpoint(root / "second" / "final.pt")
    # Cut before the first update: the weights are still those it began with.
    assert all(torch.equal(second.state[name], value) for name, value in first.state.items())


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("train.categories=[zebra]", "train.categories: unknown category 'zebra'; allowed: all,"),
        ("train.image_set=holdout", "holdout"),
        ("train.init_from=nowhere.pt", "init"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(
    shards_folder: Path, params_file: Path, override: str, expected: str
) -> None:
    out = params_file.parent / "out"
    result = run_stage("train", shards_folder, out, "--params", params_file, "--set", override)
    assert result.status == 1
    assert expected in result.error
    assert not out.exists()


def test_a_model_of_another_encoder_is_refused(
    shards_folder: Path, params_file: Path, straight: Path
) -> None:
    root = params_file.parent
    base = ("--params", params_file)
    path = straight / "checkpoint.pt"
    result = run_stage(
        "train", shards_folder, root / "second", *base, "--set", "train.agent=other",
        "--set", f"train.init_from={path}", "--set", f"train.init_sha256={file_hash(path)}",
    )  # fmt: skip
    assert result.status == 1
    assert "another encoder or head" in result.error
    assert not (root / "second").exists()
