"""The learner: one gradient step of the online network, and the target network behind it."""

import copy
import math
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from objloc.data.store import SampleStore
from objloc.errors import ObjlocError
from objloc.learning.backward import Backward
from objloc.learning.replay import ReplayBuffer
from objloc.learning.sampled_targets import SampledTargets
from objloc.learning.td_targets import AllActionTargets, TargetBatch, TargetMaker
from objloc.network.q_network import QNetwork
from objloc.params import Learning, Mdp
from objloc.wording import abridged

_RUNAWAY = 1000.0
"""Q-values this many times the largest return have run away: learned ones overshoot less."""
_SHOWN = 5


@dataclass(frozen=True)
class Update:
    """The measurements of one update.

    Attributes:
        loss: mean over the batch.
        td_error: mean absolute TD error.
        q_values: ``[n]`` float32, the values that were trained.
        losses: ``[n]`` float32, the loss of each.
    """

    loss: float
    td_error: float
    q_values: Tensor
    losses: Tensor


class DivergenceError(ObjlocError):
    """The loss is not finite, or Q-values are far outside of all returns: training is lost."""


class Learner:
    """Deep Q-learning with a target network.

    Source: Mnih et al. (2015).

    Args:
        network: the online network, already on its device; trained in place.
        store: the training images.
        mdp: the decision process.
        learning: see ``objloc.params.Learning``.
        generator: source of all random draws (batches, augmentation, dropout).
    """

    def __init__(
        self,
        network: QNetwork,
        store: SampleStore,
        mdp: Mdp,
        learning: Learning,
        generator: torch.Generator,
    ) -> None:
        self.online = network
        self.target = copy.deepcopy(network).eval().requires_grad_(False)
        self.updates = 0
        self._device = network.device
        self._image_ids = store.image_ids
        self._limit = _RUNAWAY * largest_return(mdp, learning)
        self._learning = learning
        self._generator = generator
        targets = SampledTargets if learning.backup == "sampled" else AllActionTargets
        self.make_targets: TargetMaker = targets(
            self.online, self.target, store, mdp, learning, generator
        )
        self._optimiser = build_optimiser(network, learning)
        self._backward = Backward(network)
        self._drops = any(isinstance(m, torch.nn.Dropout) and m.p > 0 for m in network.modules())

    @property
    def kept(self) -> QNetwork:
        """The network that is validated and kept."""
        return self.target if self._learning.kept == "target" else self.online

    def update(self, memory: ReplayBuffer) -> Update:
        """Sample a batch, take one gradient step, and update the target network.

        Raises:
            DivergenceError: the loss is not finite, or Q-values run away.
        """
        set_learning_rate(self._optimiser, self._learning, self.updates)
        self.online.train()
        with self._backward.recording():
            with self._own_dropout():
                batch = self.make_targets(memory)
            values, losses = self._losses(batch)
            loss = (losses * batch.weights * batch.importance).sum() / batch.weights.sum()
            for auxiliary in batch.auxiliary:
                loss = loss + auxiliary
            self._optimiser.zero_grad(set_to_none=True)
            self._backward(loss)
        if self._learning.max_gradient_norm is not None:
            torch.nn.utils.clip_grad_norm_(
                self.online.parameters(), self._learning.max_gradient_norm
            )
        self._optimiser.step()
        self.updates += 1
        if self.updates % self._learning.target_update_every == 0:
            self._update_target()
        values = values.detach().float().cpu()
        td_errors = (values - batch.targets.cpu()).abs()
        update = Update(
            float(loss.detach()),
            float(td_errors.mean()),
            values,
            losses.detach().float().cpu(),
        )
        self._check(update, batch)
        if memory.priorities is not None:
            memory.priorities.update(batch.keys, td_errors)
        return update

    def _check(self, update: Update, batch: TargetBatch) -> None:
        largest = float(update.q_values.abs().max())
        if math.isfinite(update.loss) and largest <= self._limit:
            return
        names = [self._image_ids[image] for image in sorted(set(batch.images.tolist()))]
        what = (
            f"Q-values of at most {self._limit:g}; found {largest:g}"
            if math.isfinite(update.loss)
            else f"a finite loss; found {update.loss}"
        )
        raise DivergenceError(
            f"update {self.updates}: expected {what}, in a batch of {len(names)} images: "
            f"{abridged(names, _SHOWN)}"
        )

    def _losses(self, batch: TargetBatch) -> tuple[Tensor, Tensor]:
        """Values ``[n]`` and their losses ``[n]``."""
        loss, outputs, targets = self._learning.loss, batch.outputs, batch.targets
        if self.online.bounds is not None:
            low, high = self.online.bounds[:, batch.actions]
            values = low + (high - low) * torch.sigmoid(outputs)
            return values, F.binary_cross_entropy_with_logits(
                outputs, (targets - low) / (high - low), reduction="none"
            )
        if loss == "squared":
            return outputs, (outputs - targets).square()
        return outputs, F.smooth_l1_loss(outputs, targets, reduction="none")

    def _update_target(self) -> None:
        """Move the target weights towards the online ones; buffers are copied whole."""
        rate = self._learning.target_rate
        with torch.no_grad():
            for target, online in zip(
                self.target.parameters(), self.online.parameters(), strict=True
            ):
                target.lerp_(online, rate) if rate < 1 else target.copy_(online)
            for kept, new in zip(self.target.buffers(), self.online.buffers(), strict=True):
                kept.copy_(new)

    def _own_dropout(self) -> AbstractContextManager[None]:
        """Seed the global generator, which dropout draws from, for the update alone."""
        if not self._drops:
            return nullcontext()
        return _seeded(int(torch.randint(2**62, (), generator=self._generator)), self._device)

    def state_dict(self) -> dict[str, Any]:
        """Both networks, the optimiser, the number of updates, the state of the targets."""
        return {
            "online": self.online.state_dict(),
            "target": self.target.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "updates": self.updates,
            **self.make_targets.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a state."""
        self.online.load_state_dict(state["online"])
        self.target.load_state_dict(state["target"])
        self._optimiser.load_state_dict(state["optimiser"])
        self.updates = state["updates"]
        self.make_targets.load_state_dict(state)


def largest_return(mdp: Mdp, learning: Learning) -> float:
    """An upper bound of all returns: the largest reward in every step of an episode."""
    reward = max(1.0, mdp.trigger_reward, mdp.trigger_cost, -learning.absent_reward)
    discount = learning.discount
    steps = mdp.max_steps if discount == 1 else min(mdp.max_steps, 1 / (1 - discount))
    return reward * steps


@contextmanager
def _seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Seed the global generators within a block, and restore them after it."""
    devices = [device.index or 0] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield


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
    return torch.optim.AdamW(groups, lr=learning.learning_rate, weight_decay=learning.weight_decay)


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
