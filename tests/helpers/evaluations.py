"""What the tests of the ``evaluate`` stage share."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from objloc import params
from objloc.network.checkpoint import Checkpoint, save_checkpoint
from objloc.network.q_network import build_network
from tests.helpers.commands import Result

AGENT = params.Agent(
    mdp=params.Mdp(max_steps=8),
    encoder=params.Encoder(image_size=32, widths=(4, 8), pool=2, cell_width=4),
    head=params.Head(hidden=(8,)),
)
PARAMS = """
agents: {tiny: {}}
train: {agent: tiny}
evaluate: {episodes: 4, epsilon: 0.5}
"""


def make_checkpoint(
    path: Path,
    categories: tuple[str, ...] = ("cat", "dog"),
    *,
    data_hash: str = "0" * 64,
    bias: float = 0.0,
    image_set: str = "train",
) -> Path:
    """Moves as drawn, and a trigger that is pulled on narrow windows.

    It finds a few objects and misses most, so that tests see both.
    """
    network = build_network(AGENT, categories, torch.Generator().manual_seed(4))
    state = network.state_dict()
    state["values.weight"] *= 20
    # The first hidden unit is 1 - (xmax - xmin): the window's place comes last.
    state["hidden.1.weight"][0] = 0
    state["hidden.1.weight"][0, -4:] = torch.tensor([1.0, 0.0, -1.0, 0.0])
    state["hidden.1.bias"][0] = 1
    by_category = state["values.weight"].view(
        len(categories), -1, *state["values.weight"].shape[1:]
    )
    by_category[:, :, 0] = 0
    by_category[:, -1] = 0
    by_category[:, -1, 0] = 8
    biases = state["values.bias"].view(len(categories), -1)
    biases[:, 6] += 1
    biases[:, -1] = bias - 2
    info = {"image_set": image_set, "val_image_set": "val"}
    save_checkpoint(path, Checkpoint(AGENT, categories, "mini", data_hash, state, info))
    return path


def succeed(result: Result) -> Result:
    assert result.status == 0, result.err
    return result


def metrics_in(folder: Path) -> dict[str, Any]:
    metrics: dict[str, Any] = json.loads((folder / "metrics.json").read_text())
    return metrics


def bytes_in(folder: Path) -> dict[str, bytes]:
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def leaves(value: object) -> Iterator[object]:
    if isinstance(value, Mapping):
        for each in value.values():
            yield from leaves(each)
    else:
        yield value
