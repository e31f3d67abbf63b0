"""Device that networks compute on: its number type, its draws, and what its bytes depend on."""

import hashlib
import os
import platform
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from objloc.errors import ObjlocError

CPU = torch.device("cpu")

_AT_ONCE = frozenset({"cpu"})
"""Types of devices that do an operation before the host goes on to the next."""

_CUBLAS = "CUBLAS_WORKSPACE_CONFIG"
"""Variable that cuBLAS reads when it is first used on a device."""

_SETTINGS = (
    "ATEN_CPU_CAPABILITY", "DNNL_MAX_CPU_ISA", "MKL_CBWR", "MKL_ENABLE_INSTRUCTIONS",
    "ONEDNN_MAX_CPU_ISA", _CUBLAS,
)  # fmt: skip
"""Variables by which PyTorch's libraries choose another code."""

_NATIVE = ("amx_bf16", "avx512_bf16", "sve_bf16", "bf16")
"""Instructions of processors that compute in bfloat16, by PyTorch's names."""


def device_of(setting: Literal["auto", "cpu", "cuda"], deterministic: bool = False) -> torch.device:
    """The device that ``train.device`` names, for training and for all that follows it.

    From then on every operation on the CPU has one thread (``use_one_thread``).

    Args:
        setting: ``auto``: a CUDA device if there is one.
        deterministic: whether a CUDA device gives the same bytes every time, which takes
            longer; see ``objloc.params.Train.deterministic``.

    Raises:
        ObjlocError: ``cuda`` is asked for, and there is none.
    """
    use_one_thread()
    if setting == "auto":
        setting = "cuda" if torch.cuda.is_available() else "cpu"
    if setting == "cuda" and not torch.cuda.is_available():
        raise ObjlocError("train.device: expected cpu or auto on this machine; found cuda")
    if deterministic and setting == "cuda":
        os.environ.setdefault(_CUBLAS, ":4096:8")
        torch.use_deterministic_algorithms(True)
        torch.backends.cudnn.deterministic = True
        torch.backends.cudnn.benchmark = False
    return torch.device(setting)


@contextmanager
def enough_memory(parameter: str, value: int | None) -> Iterator[None]:
    """Report too little memory of a device in the block as a mistake in a parameter.

    Args:
        parameter: full name of one that lowers what is needed.
        value: its value; None: no limit.

    Raises:
        ObjlocError: the device has too little memory.
    """
    try:
        yield
    except torch.OutOfMemoryError as error:
        reason = " ".join(str(error).split(". ")[:2]).strip()
        raise ObjlocError(
            f"{parameter}: expected a number for which the GPU's memory is enough; found "
            f"{value}: lower it ({reason})"
        ) from None


def use_one_thread() -> None:
    """Compute every operation of this Python thread in one thread.

    Some operations add up a part for each thread and then the parts: another number of
    threads rounds differently, and after some updates it is another agent. With one thread
    there is one order. Other cores do whole operations beside (``objloc.learning.batch_part``,
    ``objloc.network.write_features``): no sum depends on how many there are.
    """
    torch.set_num_threads(1)


def stalls(device: torch.device) -> bool:
    """Whether to ask a device for a number makes the host wait, and the device idle after it.

    Where it does, what a result's shape would depend on is padded and masked instead: padding
    costs less than the wait. Where it does not, only what is needed is computed.
    """
    return device.type not in _AT_ONCE


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


def generator_on(device: torch.device, seed: int) -> torch.Generator:
    """A source of random draws that lie on a device."""
    return torch.Generator(device).manual_seed(seed)


def restore_draws(generator: torch.Generator, state: Tensor) -> None:
    """Let a generator go on from a state, which may be that of another type of device.

    That one's draws cannot be continued: others follow, the same each time.
    """
    if len(state) == len(generator.get_state()):
        generator.set_state(state)
    else:
        digest = hashlib.sha256(state.numpy().tobytes()).digest()
        generator.manual_seed(int.from_bytes(digest[:7], "little"))


def machine_of(device: torch.device) -> dict[str, str]:
    """Describe what decides how sums are rounded here, by name; nothing says whose machine it is.

    Two machines of which all this is equal give the same bytes from the same data,
    parameters and seed. The converse does not hold.
    """
    config = torch.__config__.show()
    settings = [f"{name}={os.environ[name]}" for name in _SETTINGS if name in os.environ]
    found = {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else str(device),
        "processor": _processor(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "threads": str(torch.get_num_threads()),
        "torch": str(torch.__version__),
        "mkl": _version(r"Math Kernel Library Version (\S+?)-", config),
        "onednn": _version(r"MKL-DNN v(\S+)", config),
        "cuda": torch.version.cuda or "",
        "settings": " ".join(settings),
    }
    return {name: value for name, value in found.items() if value}


def differences(before: Mapping[str, str], now: Mapping[str, str]) -> str:
    """List what differs between two machines, as ``processor: A, now B``; empty if nothing does."""
    names = [name for name in {**before, **now} if before.get(name) != now.get(name)]
    return "; ".join(
        f"{name}: {before.get(name, 'none')}, now {now.get(name, 'none')}" for name in names
    )


def _version(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    return match[1] if match else ""


def _processor() -> str:
    """Architecture, vendor and model of the processor: ``x86_64 GenuineIntel 6 143``."""
    parts = [platform.machine()]
    listed = Path("/proc/cpuinfo")
    if listed.is_file():
        text = listed.read_text(encoding="utf-8", errors="replace")
        names = ("vendor_id", "cpu family", "model")
        parts += [_version(rf"(?m)^{name}\s*:\s*(.+)$", text) for name in names]
    return " ".join(part for part in parts if part)
