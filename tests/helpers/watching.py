"""Watching the operations of a computation: who waits for the device, and in which shapes."""

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from objloc.network import device

_WAITING = frozenset(
    {
        "aten._local_scalar_dense.default",
        "aten.nonzero.default",
        "aten.masked_select.default",
        "aten.unique_dim.default",
        "aten._unique2.default",
        "aten.unique_consecutive.default",
        "aten.bincount.default",
        "aten.is_nonzero.default",
        "aten.item.default",
        "aten.equal.default",
        "aten.repeat_interleave.Tensor",
    }
)
"""Operations for which the host waits for a GPU."""


def force_stalling(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compute on the CPU as on a device that stalls when it is asked for a number."""
    monkeypatch.setattr(device, "_AT_ONCE", frozenset())


class Watch(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes every operation with the shapes of its tensors.

    Attributes:
        done: names and shapes, in order.
        stalls: names of operations for which the host would wait for a GPU.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.done: list[tuple[str, tuple[tuple[int, ...], ...]]] = []
        self.stalls: list[str] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Note the operation and do it."""
        name, result = str(func), func(*args, **(kwargs or {}))
        flat = torch.utils._pytree.tree_leaves((args, kwargs, result))
        tensors = [each for each in flat if isinstance(each, Tensor)]
        self.done.append((name, tuple(tuple(each.shape) for each in tensors)))
        indices = args[1] if name.startswith(("aten.index.", "aten.index_put")) else ()
        masked = any(each is not None and each.dtype is torch.bool for each in indices)
        # A number is sent along with an operation; anything larger is copied and waited for.
        apart = len({each.device for each in tensors if each.dim()}) > 1
        moved = name == "aten._to_copy.default" and "device" in (kwargs or {})
        if name in _WAITING or masked or apart or moved:
            self.stalls.append(name)
        return result
