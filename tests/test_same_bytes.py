"""The same bytes whatever number of threads the machine offers, each in a process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.helpers.commands import write_params
from tests.helpers.imports import ROOT

PARAMS = """
train: {agent: map}
evaluate: {episodes: 1, image_sets: [val]}
agents:
  map:
    mdp: {max_steps: 6}
    encoder: {image_size: 64, widths: [16, 32], pool: 4, cell_width: 4, category_channels: 4}
    head: {hidden: [64]}
    learning: {images_per_batch: 12, windows_per_image: 16, object_windows: 0.5,
               updates_per_step: 0.5}
    replay: {size: 200, init_size: 10}
    schedule: {environments: 4, episodes_per_image: 1, passes: 2, evaluations: 2}
  stored:
    extends: map
    encoder: {kind: pretrained, precision: bfloat16, image_size: 64, neck_width: 32}
"""

STAGES = """
import sys
from pathlib import Path
from tests.helpers.commands import run_stage

shards, out, params = sys.argv[1:]
for agent in ("map", "stored"):
    told = ("--params", params, "--set", f"train.agent={agent}")
    run, stored = Path(out, agent), ("--features", Path(out, agent, "features"))
    for stage, *paths in (
        ("encode", run / "features"),
        ("train", run / "train", *stored),
        ("evaluate", run / "train" / "checkpoint.pt", run / "evaluate", *stored),
    ):
        result = run_stage(stage, shards, *paths, *told)
        assert result.status == 0, result.err
"""
"""One process runs them all: starting one takes longer than what it computes."""


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        # The command names the folder.
        if path.is_file() and path.name != "command.txt"
    }


def run_stages(shards: Path, store: Path, root: Path, settings: dict[str, str]) -> dict[str, bytes]:
    """All outs of the stages, run where the environment has only these settings of threads."""
    root.mkdir()
    (root / "mlflow.db").write_bytes(store.read_bytes())
    asked = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
    environment = {name: text for name, text in os.environ.items() if name not in asked}
    done = subprocess.run(
        [sys.executable, "-c", STAGES, shards, root / "out", write_params(root, PARAMS)],
        env=environment | settings | {"DVC_ROOT": str(root), "PYTHONPATH": str(ROOT)},
        cwd=root, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return bytes_of(root / "out")


def test_encode_train_and_evaluate_make_the_same_bytes_with_any_number_of_threads(
    shards_folder: Path, empty_store: Path, tmp_path: Path
) -> None:
    one = run_stages(shards_folder, empty_store, tmp_path / "one", {"OMP_NUM_THREADS": "1"})
    assert {"map/train/checkpoint.pt", "stored/features/features.npy"} <= one.keys()
    assert json.loads(one["map/evaluate/metrics.json"])
    # With operations of several threads, two have other weights than one.
    for name, settings in {
        "as many as cores": {},
        "two": {"OMP_NUM_THREADS": "2", "MKL_NUM_THREADS": "3"},
    }.items():
        found = run_stages(shards_folder, empty_store, tmp_path / name, settings)
        assert found.keys() == one.keys()
        assert [path for path in one if found[path] != one[path]] == [], name
