"""The learner: one update of the online network from a batch of the memory."""

import copy
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from objloc.data.store import SampleStore
from objloc.learning.optimiser import build_optimiser, set_rate
from objloc.learning.replay import ReplayBuffer
from objloc.learning.td_targets import Backup, Taught
from objloc.network.q_network import QNetwork
from objloc.params import Learning, Mdp


@dataclass(frozen=True)
class Update:
    """What one update measured.

    Attributes:
        loss: mean over the batch.
        td_error: mean absolute difference of target and value.
        q_values: ``[n]`` float32, the values of the batch that were taught.
        losses: ``[n]`` float32, one for each of them.
    """

    loss: float
    td_error: float
    q_values: Tensor
    losses: Tensor


class Learner:
    """Deep Q-learning with a target network.

    Args:
        network: the online network, already on its device.
        store: the training images.
        mdp: the decision process.
        learning: see ``objloc.params.Learning``.
        generator: of batches, augmentation and dropout.
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
        self._learning = learning
        self._generator = generator
        self._backup = Backup(self.online, self.target, store, mdp, learning, generator)
        self._optimiser = build_optimiser(network, learning)
        self._drops = any(isinstance(m, torch.nn.Dropout) and m.p > 0 for m in network.modules())

    @property
    def kept(self) -> QNetwork:
        """The network that is validated and kept."""
        return self.target if self._learning.kept == "target" else self.online

    def update(self, memory: ReplayBuffer) -> Update:
        """Draw a batch, follow the gradient once, and update the target network."""
        set_rate(self._optimiser, self._learning, self.updates)
        self.online.train()
        with self._own_dropout():
            taught = self._backup(memory)
        values, losses = self._losses(taught)
        loss = (losses * taught.weights * taught.importance).sum() / taught.weights.sum()
        if taught.presence is not None:
            loss = loss + self._learning.presence_weight * taught.presence
        if taught.zooms is not None:
            loss = loss + self._learning.zoom_weight * taught.zooms
        if taught.steps is not None:
            loss = loss + self._learning.step_weight * taught.steps
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        if self._learning.max_gradient_norm is not None:
            torch.nn.utils.clip_grad_norm_(
                self.online.parameters(), self._learning.max_gradient_norm
            )
        self._optimiser.step()
        self.updates += 1
        if self.updates % self._learning.target_update_every == 0:
            self._update_target()
        values = values.detach().float().cpu()
        errors = (values - taught.targets.cpu()).abs()
        if memory.priorities is not None:
            memory.priorities.update(taught.keys, errors)
        return Update(
            float(loss.detach()),
            float(errors.mean()),
            values,
            losses.detach().float().cpu(),
        )

    def _losses(self, taught: Taught) -> tuple[Tensor, Tensor]:
        """Values ``[n]`` and their losses ``[n]``."""
        loss, outputs, targets = self._learning.loss, taught.outputs, taught.targets
        if self.online.bounds is not None:
            least, greatest = self.online.bounds[:, taught.actions]
            values = least + (greatest - least) * torch.sigmoid(outputs)
            shares_of_range = (targets - least) / (greatest - least)
            return values, F.binary_cross_entropy_with_logits(
                outputs, shares_of_range, reduction="none"
            )
        if loss == "squared":
            return outputs, (outputs - targets).square()
        return outputs, F.smooth_l1_loss(outputs, targets, reduction="none")

    def _update_target(self) -> None:
        """Copy the online weights, or a share of them; buffers are copied whole."""
        rate = self._learning.target_rate
        with torch.no_grad():
            for mine, theirs in zip(
                self.target.parameters(), self.online.parameters(), strict=True
            ):
                mine.lerp_(theirs, rate) if rate < 1 else mine.copy_(theirs)
            for kept, new in zip(self.target.buffers(), self.online.buffers(), strict=True):
                kept.copy_(new)

    def _own_dropout(self) -> AbstractContextManager[None]:
        """Dropout draws from the global generator: seed it for the update, put it back."""
        if not self._drops:
            return nullcontext()
        return _seeded(int(torch.randint(2**62, (), generator=self._generator)), self._device)

    def state_dict(self) -> dict[str, Any]:
        """Both networks, the optimiser and the count of updates."""
        state = {
            "online": self.online.state_dict(),
            "target": self.target.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "updates": self.updates,
        }
        if self._backup.landings is not None:
            state["landings"] = self._backup.landings.state_dict()
        return state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self.online.load_state_dict(state["online"])
        self.target.load_state_dict(state["target"])
        self._optimiser.load_state_dict(state["optimiser"])
        self.updates = state["updates"]
        if self._backup.landings is not None:
            self._backup.landings.load_state_dict(state["landings"])


@contextmanager
def _seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Seed the global generators within a block, and put them back after it."""
    devices = [device.index or 0] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield
