"""Correctness of a GPU: the same loss, gradients and answers as on the processor, compiled or not.

Run ``python -m benchmarks.gpu_check``; ``benchmarks/gpu_check.sh`` runs it with all else that a
GPU is asked for. Without a GPU the processor takes its place, computing as a GPU would.
"""

import copy
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields, is_dataclass, replace
from typing import Any

import torch
import typer
from torch import Tensor

from benchmarks.threads import agent_with, noise, training_on_noise
from objloc.errors import ObjlocError
from objloc.learning.batch_part import BatchPart, PartResult
from objloc.learning.memory.replay import SampledTransition
from objloc.network import device as devices
from objloc.network.device import use_one_thread
from objloc.network.q_network import QNetwork, build_network
from objloc.network.training_pass import Compiler
from objloc.params import Agent, Search
from objloc.search.budgeted import Searcher, run_budgeted_search

AGENTS = ("scenes", "scratch", "pretrained", "dqn2018")
_WITHOUT_DRAWS = ("learning.flip=false", "learning.crop=0.0", "learning.jitter=0.0")
_WITHOUT_EXTRA_WINDOWS = (
    "learning.object_windows=0.0", "learning.start_windows=0.0", "learning.landed_windows=0.0",
    "learning.absent_share=1.0", "learning.windows_per_image=4",
)  # fmt: skip
_SMALL = ("encoder.precision=float32", "learning.images_per_batch=8", "replay.init_size=200")
_DISTANCE = 1e-3
"""Largest difference of a gradient, as a fraction of the gradient's norm."""


@contextmanager
def other_device() -> Iterator[torch.device]:
    """A GPU, or the processor computing as a GPU would: padded, and asked nothing."""
    if torch.cuda.is_available():
        yield torch.device("cuda", 0)
        return
    known = devices._AT_ONCE  # noqa: SLF001  # the switch that tests use
    devices._AT_ONCE = frozenset()  # noqa: SLF001
    try:
        yield torch.device("cpu")
    finally:
        devices._AT_ONCE = known  # noqa: SLF001


def moved(value: Any, device: torch.device) -> Any:
    """A tensor on a device, or a dataclass with all of its tensors there."""
    if isinstance(value, Tensor):
        return value.to(device)
    if is_dataclass(value) and not isinstance(value, type):
        changed = {each.name: moved(getattr(value, each.name), device) for each in fields(value)}
        return replace(value, **changed)
    return value


def compare_updates(name: str) -> float:
    """Difference of an update's gradients, as a fraction of their norm.

    Raises:
        ObjlocError: the loss or the gradients differ by more than rounding.
    """
    settings: tuple[str, ...] = (*_SMALL, *_WITHOUT_DRAWS)
    if name != "dqn2018":
        settings = (*settings, *_WITHOUT_EXTRA_WINDOWS)
    agent, network, sampled = begun(name, settings)
    store = noise(agent)
    network.eval()

    def result(device: torch.device) -> PartResult:
        mine = copy.deepcopy(network).to(device)
        there = BatchPart(mine, mine, store.to(device), agent.mdp, agent.learning, 8, 0)
        return there.gradient(moved(sampled, device))

    here = result(torch.device("cpu"))
    with other_device() as device:
        found = result(device)
    return difference(name, here, found)


def compare_compiled(name: str) -> float:
    """Difference of a compiled network's gradients, as ``compare_updates``; dropout draws alike.

    Raises:
        ObjlocError: the loss or the gradients differ by more than rounding, or the network is
            not compiled.
    """
    agent, network, sampled = begun(name, _SMALL)
    network.train()
    with other_device() as device:
        store, given = noise(agent).to(device), moved(sampled, device)
        backend = "inductor" if device.type == "cuda" else "aot_eager"
        compiler = Compiler(lambda line: print(f"  {line}", flush=True), backend, 0)

        def result(compiler: Compiler | None) -> PartResult:
            mine = copy.deepcopy(network).to(device)
            there = BatchPart(mine, mine, store, agent.mdp, agent.learning, 8, 0, compiler)
            there.gradient(given)
            return there.gradient(given)

        plain, compiled = result(None), result(compiler)
    if compiler.failure:
        raise ObjlocError(f"{name}: expected a network that is compiled; found one that is not")
    return difference(name, plain, compiled)


def begun(name: str, settings: Sequence[str]) -> tuple[Agent, QNetwork, SampledTransition]:
    """An agent, its network after two updates on the processor, and transitions of its memory."""
    training = training_on_noise(name, settings)
    ticks = training.run()
    while training.learner.updates < 2:
        next(ticks)
    sampled = training.learner.parts[0].sample(training._memory)  # noqa: SLF001
    return agent_with(name, settings), training.learner.online, sampled


def difference(name: str, here: PartResult, found: PartResult) -> float:
    """Difference of gradients, as a fraction of their norm.

    Raises:
        ObjlocError: the loss or the gradients differ by more than rounding.
    """
    ours, theirs = (
        torch.cat([each.flatten().cpu() for each in one.gradients if each is not None])
        for one in (here, found)
    )
    distance = float((ours - theirs).norm() / ours.norm())
    apart = abs(float(here.loss) - float(found.loss)) / abs(float(here.loss))
    if max(distance, apart) > _DISTANCE:
        raise ObjlocError(
            f"{name}: expected the same loss and gradients; found them apart by "
            f"{apart:.1e} and {distance:.1e} of theirs"
        )
    return distance


def compare_searches(name: str = "pretrained") -> float:
    """Fraction of the windows that searches with a budget visit on both devices.

    Raises:
        ObjlocError: many differ.
    """
    agent = agent_with(name, ("encoder.precision=float32",))
    store = noise(agent).first(16)
    network = build_network(agent, store.categories, torch.Generator().manual_seed(0)).eval()

    def boxes(device: torch.device) -> Tensor:
        searcher = Searcher(
            copy.deepcopy(network).to(device), agent.mdp, Search(least_presence=0.0)
        )
        (trace,) = run_budgeted_search(store, searcher, 60)
        return trace.boxes

    here = boxes(torch.device("cpu"))
    with other_device() as device:
        found = boxes(device)
    same = float(((here - found).abs() < 1e-3).all(dim=-1).double().mean())
    if same < 0.9:
        raise ObjlocError(f"{name}: expected the windows of the processor; found {same:.0%} alike")
    return same


def train(updates: int) -> tuple[float, float]:
    """Loss at the beginning and at the end of a small training."""
    with other_device() as device:
        training = training_on_noise("scenes", _SMALL, str(device))
        losses: list[float] = []
        for status in training.run():
            if len(losses) < 2 and training.learner.updates >= (20, updates)[len(losses)]:
                losses.append(training.report().metrics["loss"])
            if len(losses) == 2 or status.progress >= 1:
                break
    if not losses[-1] < losses[0]:
        raise ObjlocError(f"expected a loss that falls; found {losses[0]:.3f}, {losses[-1]:.3f}")
    return losses[0], losses[-1]


def main(updates: int = 120) -> None:
    """Compare, train and print a line of each."""
    use_one_thread()
    if not torch.cuda.is_available():
        print("no GPU that PyTorch can use (CUDA): the processor computes as one would")
    for name in AGENTS:
        print(f"{name}: gradients apart by {compare_updates(name):.1e} of their norm", flush=True)
    for name in AGENTS:
        apart = compare_compiled(name)
        print(f"{name}: compiled gradients apart by {apart:.1e} of their norm", flush=True)
    print(f"searches: {compare_searches():.1%} of the windows alike", flush=True)
    began = time.perf_counter()
    first, last = train(updates)
    print(
        f"training: loss {first:.3f} after 20 updates, {last:.3f} after {updates}, "
        f"{time.perf_counter() - began:.0f} s"
    )


if __name__ == "__main__":
    typer.run(main)
