"""A network's pass in training, with gradient: compiled where that pays.

It is what an update computes most of, in shapes that do not change on a device that stalls
(``objloc.network.device.stalls``). Targets, losses and geometry are not compiled.

N images, B windows, P pairs of a window and a category, O outputs.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from objloc.data.image_batch import ImageBatch
from objloc.network.heads import Masks, fresh_mask
from objloc.network.q_network import QNetwork
from objloc.network.windows import Pairs, Windows
from objloc.params import Train

_Pass = Callable[[QNetwork, ImageBatch, Windows, Pairs, tuple[Tensor, ...]], Tensor]


class Compiler:
    """Compiler of passes; after a failure it compiles no more.

    Kernels are launched one after another, not replayed as a CUDA graph: a replay would
    overwrite gradients of the update before, which the weights hold until they have new ones.

    Args:
        tell: shows the user a line.
        backend: that of ``torch.compile``.
        min_updates: number of updates that a schedule must allow for the wait at the beginning
            to be gained back. An estimate: a minute, at 15 of the 50 ms that an update takes.

    Attributes:
        min_updates: the number of updates.
        failure: why it has failed; empty: it has not.
    """

    def __init__(
        self,
        tell: Callable[[str], None],
        backend: str | Callable[..., Any] = "inductor",
        min_updates: int = 4000,
    ) -> None:
        self._tell, self._backend = tell, backend
        self.min_updates = min_updates
        self.failure = ""

    @classmethod
    def chosen(
        cls, train: Train, device: torch.device, tell: Callable[[str], None]
    ) -> "Compiler | None":
        """The one that ``train.compile`` asks for on a device; None: nothing is compiled.

        On the CPU nothing is: its bytes are those of any machine, with a C++ compiler or without.
        Where the same bytes are asked of a GPU nothing is either: a compiler may choose kernels
        by their time, and a run that goes on begins with a pass that is not compiled.
        """
        wanted = train.compile == "auto" and not train.deterministic
        return cls(tell) if wanted and device.type == "cuda" else None

    def compiled(
        self,
        network: QNetwork,
        images: ImageBatch,
        windows: Windows,
        pairs: Pairs,
        kept: tuple[Tensor, ...],
    ) -> _Pass:
        """Compile the pass and its gradient, by trying both; the pass as it is if that fails.

        Neither weights nor running statistics change. See ``_outputs_with`` for the arguments.
        """
        self._tell("train.compile: compiling the network, once; this may take minutes")
        buffers = list(network.buffers())
        before = [each.clone() for each in buffers]
        weights = [each for each in network.parameters() if each.requires_grad]
        run: _Pass = _outputs_with
        try:
            run = torch.compile(run, fullgraph=True, dynamic=False, backend=self._backend)
            outputs = run(network, images, windows, pairs, kept)
            torch.autograd.grad(outputs.sum(), weights, allow_unused=True)
        except Exception as error:  # whatever a compiler meets: training goes on without
            self._fail(error)
            run = _outputs_with
        for buffer, value in zip(buffers, before, strict=True):
            buffer.copy_(value)
        return run

    def _fail(self, error: Exception) -> None:
        cause = getattr(error, "inner_exception", error)  # a backend's error comes wrapped
        reason = next(iter(str(cause).strip().splitlines()), "")
        self.failure = f"{type(cause).__name__}: {reason}"
        self._tell(f"train.compile: not compiled: {self.failure}")


class TrainingPass:
    """A network's pass over images, windows and pairs, with gradient.

    A compiler cannot capture draws of a generator of its own. So the first pass is not compiled
    and notes what dropout draws; later ones draw the same masks, in the same order, before they
    begin. Passes of other shapes than the first are not compiled either: one wait is enough.

    Args:
        network: the network.
        noise: source of dropout's draws, on the network's device; None: PyTorch's own.
        compiler: None: nothing is compiled.
    """

    def __init__(
        self,
        network: QNetwork,
        noise: torch.Generator | None = None,
        compiler: Compiler | None = None,
    ) -> None:
        self.network = network
        self._draw = partial(fresh_mask, generator=noise)
        self._compiler = compiler
        self._shapes: tuple[int, ...] | None = None
        self._drawn: list[tuple[Tensor, float]] = []
        self._run: _Pass | None = None

    def __call__(self, images: ImageBatch, windows: Windows, pairs: Pairs) -> Tensor:
        """Outputs for pairs of a window and a category: ``[P, O]``.

        Args:
            images: N images, on the network's device.
            windows: B windows of them.
            pairs: P pairs.
        """
        given = self.network, images, windows, pairs
        if self._compiler is None or self._compiler.failure:
            return _outputs(*given, self._draw)
        shapes = len(images), len(windows.image), len(pairs.window)
        if self._shapes is None:
            self._shapes = shapes
            return _outputs(*given, self._noted)
        if shapes != self._shapes:
            return _outputs(*given, self._draw)
        device = self.network.device
        kept = tuple(
            self._draw(torch.empty_like(values, device=device), share)
            for values, share in self._drawn
        )
        if self._run is None:
            self._run = self._compiler.compiled(*given, kept)
        return self._run(*given, kept)

    def _noted(self, values: Tensor, share: float) -> Tensor:
        """Draw a mask, and note its layout, which the order of the draws depends on."""
        self._drawn.append((torch.empty_like(values, device="meta"), share))
        return self._draw(values, share)


def _outputs(
    network: QNetwork, images: ImageBatch, windows: Windows, pairs: Pairs, masks: Masks
) -> Tensor:
    return network.outputs_for(network.encode(images), windows, pairs, masks)


def _outputs_with(
    network: QNetwork,
    images: ImageBatch,
    windows: Windows,
    pairs: Pairs,
    kept: tuple[Tensor, ...],
) -> Tensor:
    """Outputs with dropout's masks in the order of their use."""
    following = iter(kept)
    return _outputs(network, images, windows, pairs, lambda _values, _share: next(following))
