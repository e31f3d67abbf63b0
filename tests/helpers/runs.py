"""Run folders of trainings and what was measured of them, made without training."""

import json
from pathlib import Path

import torch

from objloc.files import file_hash
from objloc.network.checkpoint import Checkpoint, save_checkpoint
from objloc.network.q_network import build_network
from objloc.params import Agent, Encoder, Head, Mdp
from tests.helpers.metrics import metrics_json

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
    figures = metrics_json(
        value,
        categories=categories,
        sha256=file_hash(train / "checkpoint.pt"),
        data=data,
        data_hash=data_hash,
    )
    (evaluate / "metrics.json").write_text(json.dumps({"val": figures}))
    return folder
