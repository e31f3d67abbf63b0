"""The step backwards, on two cores and with the bytes of one."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from objloc.network.device import use_one_thread
from objloc.network.q_network import QNetwork


class Backward:
    """Gradients of a loss; a second thread computes those of the convolutions' weights.

    Nothing waits for the gradient of a layer's weights, while the layer below waits for the
    gradient of its input. So the first is left to a second thread, and the step backwards
    goes on with the second. Each operation has one thread and is the one that
    ``loss.backward()`` would do: gradients are the same to the bit, however many cores there
    are and whoever is faster.

    On another device than the CPU it is ``loss.backward()``.

    Args:
        network: the network that is trained.
    """

    def __init__(self, network: QNetwork) -> None:
        self._parameters = [each for each in network.parameters() if each.requires_grad]
        self._layers: list[nn.Module] = []
        self._called: list[tuple[nn.Module, Tensor]] = []
        if network.device.type == "cpu":
            kinds = (nn.Conv2d, nn.Linear)
            self._layers = [each for each in network.modules() if isinstance(each, kinds)]
            self._beside = ThreadPoolExecutor(1, initializer=use_one_thread)

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Note which layers a loss is computed by; it has to be called within the block."""
        handles = [layer.register_forward_hook(self._note) for layer in self._layers]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()
            self._called.clear()

    def _note(self, layer: nn.Module, _inputs: Any, output: Tensor) -> None:
        if output.requires_grad and any(each.requires_grad for each in layer.parameters()):
            self._called.append((layer, output))

    def __call__(self, loss: Tensor) -> None:
        """Set the gradients of all parameters, which have none yet."""
        if not self._layers:
            loss.backward()  # type: ignore[no-untyped-call]
            return
        jobs: list[Future[None]] = []
        handles = [
            output.register_hook(self._starting(layer, output, jobs))  # type: ignore[no-untyped-call]
            for layer, output in self._called
        ]
        beside = {id(weight) for layer, _ in self._called for weight in layer.parameters()}
        own = [each for each in self._parameters if id(each) not in beside]
        outputs = [output for _, output in self._called]
        try:
            # The graph is kept: the second thread reads what it holds.
            gradients = torch.autograd.grad(
                loss, [*own, *outputs], retain_graph=True, allow_unused=True
            )
        finally:
            for handle in handles:
                handle.remove()
            # Waits for all before any failure is raised.
            failures = [error for job in jobs if (error := job.exception()) is not None]
        for error in failures:
            raise error
        for parameter, gradient in zip(own, gradients, strict=False):
            parameter.grad = None if gradient is None else laid_out_as(parameter, gradient)

    def _starting(
        self, layer: nn.Module, output: Tensor, jobs: list[Future[None]]
    ) -> Callable[[Tensor], None]:
        """A hook of a layer's output: leave the gradient of the layer's weights to the thread."""
        weights = [each for each in layer.parameters() if each.requires_grad]
        started = False

        def start(gradient: Tensor) -> None:
            nonlocal started
            # The second thread begins at the same output and calls the hook again.
            if not started:
                started = True
                jobs.append(self._beside.submit(_gradients_of, weights, output, gradient))

        return start


def _gradients_of(weights: list[nn.Parameter], output: Tensor, gradient: Tensor) -> None:
    torch.autograd.backward(output, gradient, inputs=weights, retain_graph=True)


def laid_out_as(parameter: Tensor, gradient: Tensor) -> Tensor:
    """A gradient in its parameter's layout in memory, as ``backward()`` leaves it.

    Sums over a gradient's numbers, such as its norm, are made in the order of memory.
    """
    if gradient.stride() == parameter.stride():
        return gradient
    return torch.empty_like(parameter).copy_(gradient)
