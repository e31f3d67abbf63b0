"""One place picks the device, and all that runs a network asks it."""

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest
import torch

from objloc.errors import ObjlocError
from objloc.learning import experiment
from objloc.network import device
from objloc.network.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from objloc.network.device import CPU, device_of
from objloc.network.q_network import build_network
from objloc.params import Agent, Encoder, Params
from tests.helpers.commands import run_stage

STAGES = {
    "encode": ("shards", "{out}"),
    "evaluate": ("shards", "checkpoint.pt", "{out}"),
    "report": ("shards", "train", "evaluate", "{out}"),
    "animate": ("shards", "checkpoint.pt", "{out}"),
    "explore": ("shards", "checkpoint.pt", "{out}"),
    "layers": ("shards", "checkpoint.pt", "{out}"),
}
"""Stages that run a network, besides training, and their arguments."""


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    """Makes a machine with or without a CUDA device."""

    def make(available: bool) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: available)

    return make


@pytest.mark.parametrize(
    ("setting", "available", "expected"),
    [
        ("auto", False, "cpu"),
        ("auto", True, "cuda"),
        ("cpu", False, "cpu"),
        ("cpu", True, "cpu"),
        ("cuda", True, "cuda"),
    ],
)
def test_a_setting_names_a_device(
    cuda: Callable[[bool], None],
    setting: Literal["auto", "cpu", "cuda"],
    available: bool,
    expected: str,
) -> None:
    cuda(available)
    assert device_of(setting) == torch.device(expected)


def test_a_cuda_device_that_is_not_there_is_refused(cuda: Callable[[bool], None]) -> None:
    cuda(False)
    with pytest.raises(ObjlocError, match=r"train\.device: expected cpu or auto on this machine"):
        device_of("cuda")


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_asks_for_the_device_of_train(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(setting: str) -> torch.device:
        raise ObjlocError(f"asked for {setting}")

    monkeypatch.setattr(device, "device_of", refuse)
    arguments = [each.format(out=tmp_path / "out") for each in STAGES[name]]
    result = run_stage(name, *arguments, "--set", "train.device=cuda")
    assert result.error == "asked for cuda"
    assert not (tmp_path / "out").exists()


def test_training_asks_for_the_device_of_train(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(setting: str) -> torch.device:
        raise ObjlocError(f"asked for {setting}")

    monkeypatch.setattr(experiment, "device_of", refuse)
    params = Params.model_validate(
        {"train": {"agent": "one", "device": "cuda"}, "agents": {"one": {}}}
    )
    with pytest.raises(ObjlocError, match="asked for cuda"):
        experiment.Experiment(Path("shards"), params)


def test_a_checkpoints_network_is_on_the_device_it_was_loaded_for(tmp_path: Path) -> None:
    agent = Agent(encoder=Encoder(image_size=32, widths=(4, 8)))
    state = build_network(agent, ("cat",)).state_dict()
    save_checkpoint(tmp_path / "one.pt", Checkpoint(agent, ("cat",), "drawn", "0" * 64, state))
    assert load_checkpoint(tmp_path / "one.pt").device == CPU
    # A device that every machine has, and that is not the CPU.
    meta = load_checkpoint(tmp_path / "one.pt", torch.device("meta"))
    assert meta.network().device == torch.device("meta")
