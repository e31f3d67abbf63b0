"""Number type that a network computes in on a device."""

from collections.abc import Mapping
from functools import lru_cache

import torch

_NATIVE = ("amx_bf16", "avx512_bf16", "sve_bf16", "bf16")
"""Instructions of processors that compute in bfloat16, by PyTorch's names."""


def arithmetic(precision: str, device: torch.device) -> torch.dtype:
    """The type that a network of this precision computes in on a device.

    A device without instructions for bfloat16 emulates them: matrix products on a
    processor with AVX2 alone took some 500 times as long. There the network computes in
    float32: with the same weights, values differ by rounding.

    Args:
        precision: see ``objloc.params.Encoder.precision``.
        device: the network's.
    """
    return torch.bfloat16 if precision == "bfloat16" and has_bfloat16(device) else torch.float32


def has_bfloat16(device: torch.device) -> bool:
    """Whether a device computes in bfloat16; False if PyTorch does not report it."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return device.type == "cpu" and _processor_has_bfloat16()


@lru_cache(maxsize=1)
def _processor_has_bfloat16() -> bool:
    # PyTorch before 2.10 does not report it.
    reported: Mapping[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return any(reported.get(name) for name in _NATIVE)
