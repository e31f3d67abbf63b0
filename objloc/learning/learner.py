"""The learner: one gradient step of the online network, and the target network behind it."""

import copy
import math
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import torch
from torch import Tensor

from objloc.data.store import SampleStore
from objloc.learning.batch_part import BatchPart, PartResult
from objloc.learning.divergence import DivergenceWatch
from objloc.learning.memory.replay import ReplayBuffer
from objloc.network.device import stalls, use_one_thread
from objloc.network.q_network import QNetwork
from objloc.network.training_pass import Compiler
from objloc.params import Learning, Mdp
from objloc.ranks.group import ALONE, Ranks

_RUNAWAY = 1000.0
"""Q-values this many times the largest return have run away: learned ones overshoot less."""


@dataclass(frozen=True)
class Update:
    """The measurements of one update, on the network's device.

    Attributes:
        loss: ``[]`` float64, mean over the batch.
        td_error: ``[]`` float32, mean absolute TD error.
        q_values: ``[n]`` float32, the values that were trained, 0 where they are padding.
        losses: ``[n]`` float32, the loss of each.
        real: ``[n]`` bool, False where a value is padding.
    """

    loss: Tensor
    td_error: Tensor
    q_values: Tensor
    losses: Tensor
    real: Tensor


class Learner:
    """Deep Q-learning with a target network.

    A batch has parts (``objloc.params.Learning.batch_parts``), whose gradients are averaged. On
    the CPU they are computed side by side, each operation in one thread: the result is the same
    however many cores there are. Batch normalisation takes its statistics of each part, and
    the running ones are averaged, as in training on several devices. A GPU is busy with one
    part, which is the whole batch there.

    Several processes divide the parts: part i is that of process i modulo their number. On
    GPUs there are as many parts as processes. All take the same step, and ``Update`` is that
    of all parts.

    Source: Mnih et al. (2015); for the statistics of parts Hoffer, Hubara & Soudry (2017).

    Args:
        network: the online network, already on its device; trained in place.
        store: the training images, on the network's device.
        mdp: the decision process.
        learning: see ``objloc.params.Learning``.
        generator: source of the seeds of all random draws (batches, augmentation, dropout).
        ranks: the processes that learn together.
        compiler: see ``objloc.network.training_pass``.

    Attributes:
        parts: those of this process.
    """

    def __init__(
        self,
        network: QNetwork,
        store: SampleStore,
        mdp: Mdp,
        learning: Learning,
        generator: torch.Generator,
        ranks: Ranks = ALONE,
        compiler: Compiler | None = None,
    ) -> None:
        self.online = network
        self.target = copy.deepcopy(network).eval().requires_grad_(False)
        self.updates = 0
        limit = _RUNAWAY * largest_return(mdp, learning)
        self._watch = DivergenceWatch(limit, store.image_ids, network.device)
        self._learning = learning
        self._ranks = ranks
        number = number_of_parts(network.device, learning, ranks)
        seeds = [int(torch.randint(2**62, (), generator=generator)) for _ in range(number)]
        mine = range(ranks.rank, number, ranks.number)
        self.parts = [
            BatchPart(
                network if each == mine[0] else with_own_buffers(network),
                self.target,
                store,
                mdp,
                learning,
                len(range(each, learning.images_per_batch, number)),
                seeds[each],
                compiler,
            )
            for each in mine
        ]
        self._beside = ThreadPoolExecutor(max(1, len(mine) - 1), initializer=use_one_thread)
        self._weights = [each for each in network.parameters() if each.requires_grad]
        self._optimiser = build_optimiser(network, learning)

    @property
    def kept(self) -> QNetwork:
        """The network that is validated and kept."""
        return self.target if self._learning.kept == "target" else self.online

    def update(self, memory: ReplayBuffer) -> Update:
        """Sample a batch, take one gradient step, and update the target network.

        A device that stalls (``objloc.network.device.stalls``) is asked nothing: there
        ``check`` says whether training is lost.

        Raises:
            DivergenceError: the loss is not finite, or Q-values run away.
        """
        set_learning_rate(self._optimiser, self._learning, self.updates)
        results = self._results(memory)
        self._average(results)
        if self._learning.max_gradient_norm is not None:
            torch.nn.utils.clip_grad_norm_(self._weights, self._learning.max_gradient_norm)
        self._optimiser.step()
        self.updates += 1
        if self.updates % self._learning.target_update_every == 0:
            self._update_target()
        td_errors, values, losses, real = self._of_all(
            [(each.td_errors, each.values, each.losses, each.real.float()) for each in results]
        )
        real = real.bool()
        parts = [each.loss * share for each, share in zip(results, self._shares, strict=True)]
        loss = self._ranks.rows(torch.stack(parts)).sum()
        self._watch.note(
            self.updates,
            loss,
            values,
            lambda: self._of_all([(each.images,) for each in results])[0],
        )
        if memory.priorities is not None:
            (keys,) = self._of_all([(each.keys,) for each in results])
            memory.priorities.update(keys, td_errors, real)
        td_error = td_errors.mean() / real.float().mean()
        return Update(loss, td_error, values, losses, real)

    def check(self) -> None:
        """Ask the device whether training is lost.

        Raises:
            DivergenceError: it is; see ``update``.
        """
        self._watch.check()

    def _of_all(self, parts: Sequence[tuple[Tensor, ...]]) -> list[Tensor]:
        """Columns ``[n]`` of this process's parts, and those of all others after them."""
        return list(self._ranks.rows(torch.cat([torch.stack(each, 1) for each in parts])).unbind(1))

    @property
    def _shares(self) -> list[float]:
        """Fraction of a batch's images that each part of this process has."""
        return [each.images / self._learning.images_per_batch for each in self.parts]

    def _results(self, memory: ReplayBuffer) -> list[PartResult]:
        """Results of all parts; this thread computes the first, others the rest."""
        for part in self.parts:
            part.network.train()
        sampled = [part.sample(memory) for part in self.parts]
        others = [
            self._beside.submit(part.gradient, mine)
            for part, mine in zip(self.parts[1:], sampled[1:], strict=True)
        ]
        try:
            first = self.parts[0].gradient(sampled[0])
        finally:
            # Waits for all before any failure is raised: they read weights.
            wait(others)
        return [first, *(each.result() for each in others)]

    @torch.no_grad()
    def _average(self, results: list[PartResult]) -> None:
        """Set gradients and running statistics to their means over all images.

        One vector of all of them is added up over processes. The loss of every part depends on
        the same weights.
        """
        if self._ranks.number == 1 and len(results) == 1:
            for weight, gradient in zip(self._weights, results[0].gradients, strict=True):
                weight.grad = None if gradient is None else _laid_out_as(weight, gradient)
            return
        buffers = [list(self._statistics(part.network)) for part in self.parts]
        total = sum(
            self._vector(each, its) * share
            for each, its, share in zip(results, buffers, self._shares, strict=True)
        )
        assert isinstance(total, Tensor)  # noqa: S101  # for the type checker: not the sum of none
        tensors = [*self._weights, *buffers[0]]
        means = torch.split(self._ranks.total(total), [each.numel() for each in tensors])
        for weight, known, mean in zip(self._weights, results[0].gradients, means, strict=False):
            weight.grad = None if known is None else _laid_out_as(weight, mean.view_as(weight))
        for its in buffers:
            for each, mean in zip(its, means[len(self._weights) :], strict=True):
                each.copy_(mean.view_as(each))

    def _vector(self, result: PartResult, buffers: list[Tensor]) -> Tensor:
        """The gradients, zeros where there is none, and the running statistics."""
        gradients = [
            torch.zeros_like(weight) if gradient is None else gradient
            for weight, gradient in zip(self._weights, result.gradients, strict=True)
        ]
        return torch.cat([each.flatten() for each in (*gradients, *buffers)])

    @staticmethod
    def _statistics(network: QNetwork) -> Iterator[Tensor]:
        return (each for each in network.buffers() if each.is_floating_point())

    def _update_target(self) -> None:
        """Move the target weights towards the online ones; buffers are copied whole."""
        rate = self._learning.target_rate
        with torch.no_grad():
            target, online = (tuple(each.parameters()) for each in (self.target, self.online))
            if rate < 1:
                torch._foreach_lerp_(target, online, rate)
            else:
                torch._foreach_copy_(target, online)
            kept, new = (list(each.buffers()) for each in (self.target, self.online))
            if kept:
                torch._foreach_copy_(kept, new)

    def state_dict(self) -> dict[str, Any]:
        """Both networks, the optimiser, the number of updates, the state of all parts.

        All processes take part; only that of the first has the parts of all.
        """
        by_rank = self._ranks.to_first([part.state_dict() for part in self.parts])
        rounds = zip_longest(*by_rank)
        return {
            "online": self.online.state_dict(),
            "target": self.target.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "updates": self.updates,
            "parts": [part for each in rounds for part in each if part is not None],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a state, which may be that of another number of processes.

        On GPUs, where that is the number of parts, further ones begin with draws of their own.
        """
        self.online.load_state_dict(state["online"])
        self.target.load_state_dict(state["target"])
        self._optimiser.load_state_dict(state["optimiser"])
        self.updates = state["updates"]
        mine = state["parts"][self._ranks.rank :: self._ranks.number]
        for part, its in zip(self.parts, mine, strict=False):
            part.load_state_dict(its)


def number_of_parts(device: torch.device, learning: Learning, ranks: Ranks) -> int:
    """Number of parts of a batch, over all processes."""
    return ranks.number if stalls(device) else learning.batch_parts


def _laid_out_as(weight: Tensor, gradient: Tensor) -> Tensor:
    """A gradient in its weight's layout in memory: norms add up in that order."""
    if gradient.stride() == weight.stride():
        return gradient
    return torch.empty_like(weight).copy_(gradient)


def with_own_buffers(network: QNetwork) -> QNetwork:
    """A network with the same weights, not copies of them, and buffers of its own."""
    other = copy.deepcopy(network)
    for mine, its in zip(network.modules(), other.modules(), strict=True):
        its._parameters.update(mine._parameters)  # noqa: SLF001  # as DataParallel does
    return other


def largest_return(mdp: Mdp, learning: Learning) -> float:
    """An upper bound of all returns: the largest reward in every step of an episode."""
    reward = max(1.0, mdp.trigger_reward, mdp.trigger_cost, -learning.absent_reward)
    discount = learning.discount
    steps = mdp.max_steps if discount == 1 else min(mdp.max_steps, 1 / (1 - discount))
    return reward * steps


def build_optimiser(network: QNetwork, learning: Learning) -> torch.optim.Optimizer:
    """Build a network's optimiser; the weights of a pretrained backbone are its second group."""
    pretrained = set(network.pretrained_weights())
    fresh = [each for name, each in network.named_parameters() if name not in pretrained]
    groups: list[dict[str, Any]] = [{"params": fresh}]
    if pretrained:
        tuned = [each for name, each in network.named_parameters() if name in pretrained]
        groups.append({"params": tuned})
    if learning.optimiser == "rmsprop":
        # TensorFlow 1's decay is called alpha here.
        return torch.optim.RMSprop(
            groups, lr=learning.learning_rate, alpha=0.99, eps=1e-6,
            weight_decay=learning.weight_decay,
        )  # fmt: skip
    return torch.optim.AdamW(
        groups,
        lr=learning.learning_rate,
        weight_decay=learning.weight_decay,
        # In one operation, which counts its steps on the device.
        fused=True if stalls(network.device) else None,
    )


def set_learning_rate(optimiser: torch.optim.Optimizer, learning: Learning, updates: int) -> None:
    """Set the learning rates of the next update.

    Args:
        optimiser: from ``build_optimiser``.
        learning: see ``objloc.params.Learning``.
        updates: number of updates so far, from the first one on, so that a run can be resumed.
    """
    factors = (1.0, learning.backbone_rate)
    for group, factor in zip(optimiser.param_groups, factors, strict=False):
        group["lr"] = learning_rate_at(learning, updates) * factor


def learning_rate_at(learning: Learning, updates: int) -> float:
    """Learning rate after some updates: cosine decay to a hundredth, or constant."""
    if not learning.learning_rate_decay_updates:
        return learning.learning_rate
    done = min(1.0, updates / learning.learning_rate_decay_updates)
    return learning.learning_rate * (0.01 + 0.99 * (1 + math.cos(math.pi * done)) / 2)
