"""The learner: one update of the online network from a batch of the memory."""

import copy
import math
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from objloc.agent.network import QNetwork
from objloc.agent.policy import shares
from objloc.agent.replay import ReplayBuffer
from objloc.agent.target import (
    Batch,
    EveryAction,
    bootstrap,
    make_batch,
    sampled_target,
    windows_round_objects,
)
from objloc.mdp.environment import Observation
from objloc.params import Learning, Mdp
from objloc.voc.store import SampleStore


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
        self._device = network.values.weight.device
        self._store = store
        self._mdp = mdp
        self._learning = learning
        self._generator = generator
        self._every_action = EveryAction(mdp, learning, network.per_category)
        self._optimiser = _optimiser(network, learning)
        self._drops = any(isinstance(m, torch.nn.Dropout) and m.p > 0 for m in network.modules())

    def update(self, memory: ReplayBuffer) -> Update:
        """Draw a batch, follow the gradient once, and update the target network."""
        for group in self._optimiser.param_groups:
            group["lr"] = self._learning_rate()
        self.online.train()
        with self._own_dropout():
            if self._learning.backup == "sampled":
                values, targets = self._sampled(memory)
            else:
                values, targets = self._all_actions(memory)
        if self._learning.loss == "squared":
            losses = (values - targets).square()
        else:
            losses = F.smooth_l1_loss(values, targets, reduction="none")
        loss = losses.mean()
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
        return Update(
            float(loss.detach()),
            float((values - targets.cpu()).abs().mean()),
            values,
            losses.detach().float().cpu(),
        )

    def _sampled(self, memory: ReplayBuffer) -> tuple[Tensor, Tensor]:
        """Values and targets ``[B]`` of the actions taken."""
        learning = self._learning
        drawn = memory.sample(
            learning.images_per_batch, learning.windows_per_image, self._generator
        )
        batch = make_batch(self._store, drawn.observation_tm1, learning, self._generator)
        rows = torch.arange(len(drawn.action_tm1))
        category = batch.observation.category
        following = drawn.observation_t
        inputs = (
            batch.index.to(self._device),
            shares(following.boxes, batch.sizes).to(self._device),
            following.actions.to(self._device),
        )
        images = batch.images.to(self._device)
        with torch.no_grad():
            after = self.target(self.target.encode(images), *inputs)[rows, category]
            chooser = after
            if learning.double:
                self.online.eval()
                chooser = self.online(self.online.encode(images), *inputs)[rows, category]
                self.online.train()
            next_value = bootstrap(chooser, after, learning.double).cpu()
        targets = sampled_target(drawn, next_value, learning.discount).to(self._device)
        values = self._online_values(batch, rows, category)[rows, drawn.action_tm1]
        return values, targets

    def _all_actions(self, memory: ReplayBuffer) -> tuple[Tensor, Tensor]:
        """Values and targets ``[n]`` of all actions, for all categories taught."""
        learning = self._learning
        share = round(learning.windows_per_image * learning.object_windows)
        # At least one window of each image is replayed: it says which images.
        replayed = max(1, learning.windows_per_image - share)
        drawn = memory.sample(learning.images_per_batch, replayed, self._generator)
        observation = drawn.observation_tm1
        if share:
            observation = _join(
                observation,
                windows_round_objects(
                    self._store,
                    torch.unique(observation.image).repeat_interleave(share),
                    self.online.frames,
                    self.online.action_history,
                    self._generator,
                ),
            )
        batch = make_batch(self._store, observation, learning, self._generator)
        targets, taught, following = self._every_action.rewards(batch, len(self.online.categories))
        if learning.discount:
            after = self._every_action.next_values(
                batch, following, taught, self.online, self.target
            )
            targets[..., :-1] += learning.discount * after
        chance = torch.rand(taught.shape[:2], generator=self._generator)
        # Moves are taught where the category is present, the trigger elsewhere too.
        pairs = taught[..., 0] | (taught[..., -1] & (chance < learning.absent_share))
        window, category = pairs.nonzero(as_tuple=True)
        values = self._online_values(batch, window, category)
        asked = taught[window, category].to(self._device)
        return values[asked], targets[window, category].to(self._device)[asked]

    def _online_values(self, batch: Batch, window: Tensor, category: Tensor) -> Tensor:
        """``[P, A]`` with gradient: values of some windows for one category each."""
        seen = batch.observation
        return self.online.values_for(
            self.online.encode(batch.images.to(self._device)),
            batch.index.to(self._device),
            shares(seen.boxes, batch.sizes).to(self._device),
            seen.actions.to(self._device),
            window.to(self._device),
            category.to(self._device),
        ).float()

    def _learning_rate(self) -> float:
        """Cosine decay to a hundredth; counted in absolute updates, so a run can go on."""
        learning = self._learning
        if not learning.learning_rate_decay_updates:
            return learning.learning_rate
        done = min(1.0, self.updates / learning.learning_rate_decay_updates)
        return learning.learning_rate * (0.01 + 0.99 * (1 + math.cos(math.pi * done)) / 2)

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
        return {
            "online": self.online.state_dict(),
            "target": self.target.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "updates": self.updates,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self.online.load_state_dict(state["online"])
        self.target.load_state_dict(state["target"])
        self._optimiser.load_state_dict(state["optimiser"])
        self.updates = state["updates"]


@contextmanager
def _seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Seed the global generators within a block, and put them back after it."""
    devices = [device.index or 0] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield


def _optimiser(network: QNetwork, learning: Learning) -> torch.optim.Optimizer:
    if learning.optimiser == "rmsprop":
        # TensorFlow 1's decay is called alpha here.
        return torch.optim.RMSprop(
            network.parameters(), lr=learning.learning_rate, alpha=0.99, eps=1e-6,
            weight_decay=learning.weight_decay,
        )  # fmt: skip
    return torch.optim.AdamW(
        network.parameters(), lr=learning.learning_rate, weight_decay=learning.weight_decay
    )


def _join(first: Observation, second: Observation) -> Observation:
    return Observation(
        torch.cat([first.image, second.image]),
        torch.cat([first.category, second.category]),
        torch.cat([first.boxes, second.boxes]),
        torch.cat([first.actions, second.actions]),
    )
