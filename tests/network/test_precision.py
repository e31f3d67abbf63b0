from collections.abc import Callable, Iterator

import pytest
import torch

from objloc.network import precision
from objloc.network.precision import arithmetic, has_bfloat16

CPU = torch.device("cpu")


@pytest.fixture
def processor(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Makes the processor one of some capabilities."""

    def make(**capabilities: object) -> None:
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)
        precision._processor_has_bfloat16.cache_clear()

    yield make
    precision._processor_has_bfloat16.cache_clear()


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
