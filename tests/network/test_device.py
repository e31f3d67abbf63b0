"""One place picks the device, and all that runs a network asks it."""

import os
import platform
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import pytest
import torch

from objloc.errors import ObjlocError
from objloc.learning import experiment
from objloc.network import device
from objloc.network.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from objloc.network.device import (
    CPU,
    arithmetic,
    device_of,
    differences,
    enough_memory,
    generator_on,
    has_bfloat16,
    machine_of,
    restore_draws,
)
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


@pytest.fixture
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("threads")
def test_whoever_asks_for_a_device_computes_in_one_thread() -> None:
    assert torch.get_num_threads() == 3
    device_of("cpu")
    assert torch.get_num_threads() == 1


@pytest.mark.parametrize(
    ("setting", "deterministic", "asked"),
    [("cuda", True, True), ("cuda", False, False), ("cpu", True, False)],
)
def test_a_cuda_device_is_deterministic_where_that_is_asked_for(
    cuda: Callable[[bool], None],
    setting: Literal["cpu", "cuda"],
    deterministic: bool,
    asked: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cuda(True)
    monkeypatch.setitem(os.environ, "CUBLAS_WORKSPACE_CONFIG", "")
    del os.environ["CUBLAS_WORKSPACE_CONFIG"]
    monkeypatch.setattr(torch.backends.cudnn, "deterministic", False)
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", True)
    assert not torch.are_deterministic_algorithms_enabled()
    try:
        device_of(setting, deterministic)
        assert torch.are_deterministic_algorithms_enabled() is asked
    finally:
        torch.use_deterministic_algorithms(False)
    assert os.environ.get("CUBLAS_WORKSPACE_CONFIG") == (":4096:8" if asked else None)
    assert torch.backends.cudnn.deterministic is asked
    assert torch.backends.cudnn.benchmark is not asked


@pytest.mark.parametrize("setting", [":16:8", ":4096:8"])
def test_a_users_workspace_of_cublas_is_kept(
    cuda: Callable[[bool], None], setting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cuda(True)
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", setting)
    try:
        device_of("cuda", deterministic=True)
    finally:
        torch.use_deterministic_algorithms(False)
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == setting


def test_a_machine_is_told_by_what_rounds_and_not_by_whose_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    found = machine_of(CPU)
    assert found["torch"] == torch.__version__
    assert found["device"] == "cpu"
    assert found["threads"] == str(torch.get_num_threads())
    assert all(found.values())
    assert platform.node() not in found.values()
    assert differences(found, found) == ""
    assert "settings" not in found
    monkeypatch.setenv("MKL_CBWR", "COMPATIBLE")
    assert differences(found, machine_of(CPU)) == "settings: none, now MKL_CBWR=COMPATIBLE"
    other = {**found, "torch": "1.0", "mkl": "2020"}
    assert f"torch: 1.0, now {torch.__version__}" in differences(other, found)


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_asks_for_the_device_of_train(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(setting: str, *_: bool) -> torch.device:
        raise ObjlocError(f"asked for {setting}")

    monkeypatch.setattr(device, "device_of", refuse)
    arguments = [each.format(out=tmp_path / "out") for each in STAGES[name]]
    result = run_stage(name, *arguments, "--set", "train.device=cuda")
    assert result.error == "asked for cuda"
    assert not (tmp_path / "out").exists()


def test_training_asks_for_the_device_of_train(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(setting: str, *_: bool) -> torch.device:
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


def test_too_little_memory_names_the_parameter_that_lowers_it() -> None:
    what = "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 1 GiB"
    with (
        pytest.raises(
            ObjlocError,
            match=r"^encode.batch: expected a number for which the GPU's memory is enough; found "
            r"16: lower it \(CUDA out of memory Tried to allocate 2.00 GiB\)$",
        ),
        enough_memory("encode.batch", 16),
    ):
        raise torch.OutOfMemoryError(what)


def test_draws_go_on_from_a_state_of_the_same_device_and_from_another_begin_alike() -> None:
    one, two = generator_on(CPU, 1), generator_on(CPU, 2)
    restore_draws(two, one.get_state())
    assert torch.equal(torch.rand(3, generator=one), torch.rand(3, generator=two))
    elsewhere = torch.arange(16, dtype=torch.uint8)  # a GPU's state is this long
    for each in (one, two):
        restore_draws(each, elsewhere)
    first = torch.rand(3, generator=one)
    assert torch.equal(first, torch.rand(3, generator=two))
    restore_draws(two, elsewhere + 1)
    assert not torch.equal(first, torch.rand(3, generator=two))


@pytest.fixture
def processor(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Makes the processor one of some capabilities."""

    def make(**capabilities: object) -> None:
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)
        device._processor_has_bfloat16.cache_clear()

    yield make
    device._processor_has_bfloat16.cache_clear()


@pytest.mark.parametrize("name", ["amx_bf16", "avx512_bf16", "bf16", "sve_bf16"])
def test_a_processor_with_the_instructions_computes_in_bfloat16(
    processor: Callable[..., None], name: str
) -> None:
    processor(avx2=True, **{name: True})
    assert arithmetic("bfloat16", CPU) is torch.bfloat16
    assert arithmetic("float32", CPU) is torch.float32


def test_others_compute_in_float32(processor: Callable[..., None]) -> None:
    processor(avx2=True, avx512_bf16=False, cpu_name="one of 2021")
    assert arithmetic("bfloat16", CPU) is torch.float32


def test_a_pytorch_that_cannot_say_computes_in_float32(
    processor: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    processor(avx512_bf16=True)
    monkeypatch.delattr(torch.cpu, "get_capabilities")
    assert not has_bfloat16(CPU)
