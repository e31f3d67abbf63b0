"""A device that is not the CPU: its tensors compute there all the same, and mix with no others.

What would go wrong on a GPU for lying in the wrong place goes wrong here: an operation on tensors
of two devices is an error, except that a single number may come from the CPU.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

from objloc.learning import batch_part, episodes
from objloc.network.q_network import QNetwork

THERE = torch.device("meta")
"""The type that PyTorch keeps for tensors without numbers; here they have some."""


class _There(Tensor):
    """A tensor there, and the one of the CPU that holds its numbers."""

    numbers: Tensor

    @staticmethod
    def __new__(cls: type["_There"], numbers: Tensor) -> "_There":
        made = torch.Tensor._make_wrapper_subclass(
            cls,
            numbers.shape,
            strides=numbers.stride(),
            storage_offset=numbers.storage_offset(),
            dtype=numbers.dtype,
            device=THERE,
            requires_grad=numbers.requires_grad,
        )
        made.numbers = numbers.detach()
        return made

    def __repr__(self) -> str:  # type: ignore[override]
        return f"there: {self.numbers!r}"

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]
        cls, func: Any, types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        return _computed(func, args, kwargs or {})


def _computed(func: Any, args: Any, kwargs: Mapping[str, Any]) -> Any:
    """Compute on the CPU; results lie where the arguments lie, or where ``device`` says."""
    name = str(func)
    tensors = [each for each in tree_leaves((args, kwargs)) if isinstance(each, Tensor)]
    mine = [each for each in tensors if isinstance(each, _There)]
    others = [each for each in tensors if not isinstance(each, _There)]
    to = kwargs.get("device")
    goes = to is not None and torch.device(to).type == THERE.type
    copies = name.startswith(("aten._to_copy", "aten.copy_"))
    if mine and not copies and any(each.dim() for each in others):
        raise RuntimeError(f"{name}: tensors of two devices")
    # What changes a tensor in place gives it back.
    known = {id(each.numbers): each for each in mine}
    plain_args, plain_kwargs = tree_map(
        lambda each: each.numbers if isinstance(each, _There) else each, (args, dict(kwargs))
    )
    if goes:
        plain_kwargs["device"] = "cpu"
    result = func(*plain_args, **plain_kwargs)
    stays = bool(mine) if to is None else goes
    if name == "aten._local_scalar_dense.default" or not stays:
        return result
    return tree_map(
        lambda each: known.get(id(each), _There(each)) if isinstance(each, Tensor) else each, result
    )


class _Mode(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Makes tensors there where an operation of no tensor says so."""

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        return _computed(func, args, kwargs or {})


class _Literals(TorchFunctionMode):
    """Brings tensors of numbers in the program there: they are made below the other mode."""

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        options = dict(kwargs or {})
        if func in (torch.tensor, torch.as_tensor) and "device" in options:
            device = options.pop("device")
            return func(*args, **options).to(device)
        return func(*args, **options)


def moved(network: QNetwork) -> QNetwork:
    """A network with its weights and buffers there."""
    for module in network.modules():
        for name, weight in module._parameters.items():
            if weight is not None:
                module._parameters[name] = nn.Parameter(_There(weight.detach()))
        for name, buffer in module._buffers.items():
            if buffer is not None:
                module._buffers[name] = _There(buffer)
    return network


def brought_back(state: Any) -> Any:
    """A state with its tensors on the CPU, as when it was saved and loaded."""
    return tree_map(lambda each: each.numbers.clone() if isinstance(each, _There) else each, state)


@contextmanager
def computing_elsewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[torch.device]:
    """Let the device exist; generators for it are those of the CPU."""
    for module in (batch_part, episodes):
        monkeypatch.setattr(
            module, "generator_on", lambda _, seed: torch.Generator().manual_seed(seed)
        )
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())
    with _Mode(), _Literals():  # type: ignore[no-untyped-call]
        yield THERE
