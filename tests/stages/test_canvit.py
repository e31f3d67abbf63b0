"""An agent on the canvas of CanViT, from shards to figures; skipped where it is not installed.

The network is a small one of the package's own classes with weights drawn by chance: published
weights have never been used here.
"""

import json
from pathlib import Path

import pytest

from objloc.network.checkpoint import load_checkpoint
from objloc.network.feature_store import read_feature_index
from objloc.serving.onnx import onnx_files
from tests.helpers.canvit import make_canvit
from tests.helpers.commands import run_stage, write_params

pytest.importorskip("canvit_pytorch")

PARAMS = """
train: {{agent: tiny}}
evaluate: {{episodes: 1, image_sets: [val]}}
agents:
  tiny:
    mdp: {{max_steps: 6}}
    encoder:
      {{kind: canvit, weights: {weights}, glimpses: 1, image_size: 64, neck_width: 8, pool: 3,
       cell_width: 4, category_channels: 2}}
    head: {{hidden: [8]}}
    learning:
      {{discount: 0.0, images_per_batch: 4, windows_per_image: 4, object_windows: 0.5, flip: true}}
    replay: {{size: 200, init_size: 10}}
    schedule: {{environments: 4, episodes_per_image: 1, passes: 1, evaluations: 1}}
"""


@pytest.fixture
def options(store_root: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str | Path, ...]:
    weights = store_root / "canvit"
    make_canvit(weights, monkeypatch)
    return ("--params", write_params(store_root, PARAMS.format(weights=weights)))


def test_it_is_encoded_trained_and_measured(
    options: tuple[str | Path, ...], store_root: Path, shards_folder: Path
) -> None:
    features, run, out = (store_root / name for name in ("features", "run", "measured"))
    stored = ("--features", features)
    for stage, *arguments in (
        ("encode", shards_folder, features),
        ("train", shards_folder, run, *stored),
        ("evaluate", shards_folder, run / "checkpoint.pt", out, *stored),
    ):
        result = run_stage(str(stage), *arguments, *options)
        assert result.status == 0, result.err
    assert read_feature_index(features).weights.endswith("glimpses=1")
    checkpoint = load_checkpoint(run / "checkpoint.pt")
    assert checkpoint.agent.encoder.glimpses == 1
    assert not any("canvit" in name for name in checkpoint.state)
    assert json.loads((out / "metrics.json").read_text())["val"]
    # Compared with PyTorch, glimpses included.
    assert onnx_files(checkpoint, "0" * 64).keys() == {"encode.onnx", "values.onnx", "model.json"}


def test_a_store_of_other_glimpses_is_refused(
    options: tuple[str | Path, ...], store_root: Path, shards_folder: Path
) -> None:
    features = store_root / "features"
    more = ("--set", "agents.tiny.encoder.glimpses=5")
    encoded = run_stage("encode", shards_folder, features, *options, *more)
    assert encoded.status == 0, encoded.err
    trained = run_stage(
        "train", shards_folder, store_root / "run", "--features", features, *options
    )
    assert trained.status == 1
    assert "glimpses=1; found" in trained.err
