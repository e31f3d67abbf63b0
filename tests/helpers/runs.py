"""Run folders of trainings and what was measured of them, made without training."""

import json
from pathlib import Path
from typing import Any

import torch

from objloc.files import file_hash
from objloc.network.checkpoint import Checkpoint, save_checkpoint
from objloc.network.q_network import build_network
from objloc.params import Agent, Encoder, Head, Mdp

AGENT = Agent(
    mdp=Mdp(max_steps=5),
    encoder=Encoder(image_size=32, widths=(4, 8), pool=2, cell_width=4),
    head=Head(hidden=(8,), action_history=3),
)
HISTORY = "update,loss,score\n10,0.5,0.1\n20,,0.4\n30,0.25,0.3\n"


def make_run(
    folder: Path,
    value: float | None = 0.5,
    *,
    seed: int = 0,
    data: str = "scenes",
    data_hash: str = "ab" * 32,
    categories: tuple[str, ...] = ("cat", "dog"),
    trigger: float = 0.0,
) -> Path:
    """``train/`` and ``evaluate/`` in a folder; models differ by ``seed``.

    Args:
        folder: where.
        value: success rate on val.
        seed: of the weights.
        data, data_hash, categories: of the model.
        trigger: added to the value of the trigger for the first category.
    """
    network = build_network(AGENT, categories, torch.Generator().manual_seed(seed))
    state = network.state_dict()
    state["values.bias"].view(len(categories), -1)[0, -1] += trigger
    train, evaluate = folder / "train", folder / "evaluate"
    info = {"image_set": "train", "val_image_set": "val"}
    save_checkpoint(
        train / "checkpoint.pt", Checkpoint(AGENT, categories, data, data_hash, state, info)
    )
    (train / "params.yaml").write_text(f"train: {{seed: {seed}, categories: [cat, dog]}}\n")
    (train / "command.txt").write_text("python -m stages.train data/shards data/train\n")
    (train / "history.csv").write_text(HISTORY)
    (train / "metrics.json").write_text(json.dumps({"data": data, "best": {"score": 0.4}}))
    for plots in (train / "plots", evaluate / "plots"):
        plots.mkdir(parents=True, exist_ok=True)
        (plots / "curve.png").write_bytes(b"a picture")
    figures = measured(file_hash(train / "checkpoint.pt"), value, data, data_hash, categories)
    (evaluate / "metrics.json").write_text(json.dumps({"val": figures}))
    return folder


def measured(
    sha256: str,
    value: float | None,
    data: str = "scenes",
    data_hash: str = "ab" * 32,
    categories: tuple[str, ...] = ("cat", "dog"),
) -> dict[str, Any]:
    """What ``evaluate`` writes of one image set, as far as registration reads it."""
    return {
        "images": 3,
        "images_by_category": dict.fromkeys(categories, 2),
        "iou_threshold": 0.5,
        "episodes": 15,
        "epsilon": 0.2,
        "nms": 0.5,
        "success_rate": {"greedy": {"mean": value}, "episodes15": {"mean": 0.25}},
        "ap": {"triggered": {"voc2007": {"mean": 0.125}}},
        "data": {"name": data, "hash": data_hash},
        "model": {"sha256": sha256, "categories": list(categories)},
    }
