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

from objloc.agent.network import STEP_UNIT, QNetwork
from objloc.agent.policy import shares
from objloc.agent.replay import ReplayBuffer
from objloc.agent.target import (
    Batch,
    EveryAction,
    bootstrap,
    frozen_values,
    make_batch,
    sampled_target,
    windows_round_objects,
)
from objloc.box import iou
from objloc.mdp.action import steps_between
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


@dataclass(frozen=True)
class _Taught:
    """What one update teaches: n outputs of the online network.

    Attributes:
        outputs: ``[n]``, with gradient.
        targets: ``[n]``, the values they should have.
        weights: ``[n]``.
        actions: ``[n]`` int64, whose values they are.
        keys: ``[n]`` int64 on the CPU, their transitions or images, for priorities.
        importance: ``[n]``, what makes up for unequal chances to be replayed.
        presence: mean cross-entropy of presence, where it is learned.
        steps: mean loss of the steps, where they are learned.
    """

    outputs: Tensor
    targets: Tensor
    weights: Tensor
    actions: Tensor
    keys: Tensor
    importance: Tensor
    presence: Tensor | None = None
    steps: Tensor | None = None


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

    @property
    def kept(self) -> QNetwork:
        """The network that is validated and kept."""
        return self.target if self._learning.kept == "target" else self.online

    def update(self, memory: ReplayBuffer) -> Update:
        """Draw a batch, follow the gradient once, and update the target network."""
        shares = (1.0, self._learning.backbone_rate)
        for group, share in zip(self._optimiser.param_groups, shares, strict=False):
            group["lr"] = self._learning_rate() * share
        self.online.train()
        with self._own_dropout():
            taught = (
                self._sampled(memory)
                if self._learning.backup == "sampled"
                else self._all_actions(memory)
            )
        values, losses = self._losses(taught)
        loss = (losses * taught.weights * taught.importance).sum() / taught.weights.sum()
        if taught.presence is not None:
            loss = loss + self._learning.presence_weight * taught.presence
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

    def _losses(self, taught: "_Taught") -> tuple[Tensor, Tensor]:
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

    def _sampled(self, memory: ReplayBuffer) -> "_Taught":
        """The actions taken."""
        learning = self._learning
        drawn = memory.sample(
            learning.images_per_batch, learning.windows_per_image, self._generator
        )
        batch = make_batch(self._store, drawn.observation_tm1, learning, self._generator)
        rows = torch.arange(len(drawn.action_tm1))
        category, following = batch.observation.category, drawn.observation_t
        inputs = (
            batch.index,
            shares(following.boxes, batch.sizes),
            following.actions,
            rows,
            category,
        )
        after = frozen_values(self.target, batch.images, *inputs)
        chooser = after
        if learning.double:
            chooser = frozen_values(self.online, batch.images, *inputs)
        next_value = bootstrap(chooser, after, learning.double)
        discounts = torch.tensor([learning.discount**n for n in range(learning.n_step + 1)])
        targets = sampled_target(drawn, next_value, discounts[drawn.steps]).to(self._device)
        action = drawn.action_tm1.to(self._device)
        outputs = self._online_outputs(batch, rows, category)
        return _Taught(
            outputs[rows.to(self._device), action],
            targets,
            torch.ones_like(targets),
            action,
            drawn.rows,
            drawn.importance.to(self._device),
        )

    def _all_actions(self, memory: ReplayBuffer) -> "_Taught":
        """All actions, for all categories taught."""
        learning = self._learning
        batch, importance = self._batch_of_all_actions(memory)
        categories = len(self.online.categories)
        targets, taught, following = self._every_action.rewards(batch, categories)
        if learning.discount:
            after = self._every_action.next_values(
                batch, following, taught, self.online, self.target
            )
            targets[..., :-1] += learning.discount * after
        chance = torch.rand(taught.shape[:2], generator=self._generator)
        # Moves are taught where the category is present, the trigger elsewhere too.
        present = taught[..., 0]
        pairs = present | (taught[..., -1] & (chance < learning.absent_share))
        weights = torch.full_like(targets, learning.move_weight)
        weights[..., -1] = torch.where(present, 1.0, learning.absent_weight)
        window, category = pairs.nonzero(as_tuple=True)
        outputs = self._online_outputs(batch, window, category)
        asked = taught[window, category]
        pair, chosen = asked.nonzero(as_tuple=True)
        asked, matters = asked.to(self._device), importance[window].to(self._device)
        actions = outputs[:, : self.online.num_actions]
        presence = None
        if self.online.presence:
            held = self._every_action.presence(batch, categories)[window, category].float()
            weight = weights[window, category, -1].to(self._device)
            entropy = F.binary_cross_entropy_with_logits(
                outputs[:, self.online.num_actions], held.to(self._device), reduction="none"
            )
            presence = (entropy * weight * matters).sum() / weight.sum()
        steps = None
        if self.online.learned_steps:
            steps = self._step_loss(batch, window, category, outputs)
        return _Taught(
            actions[asked],
            targets[window, category].to(self._device)[asked],
            weights[window, category].to(self._device)[asked],
            chosen.to(self._device),
            batch.observation.image[window[pair]],
            matters[pair.to(self._device)],
            presence,
            steps,
        )

    def _step_loss(self, batch: Batch, window: Tensor, category: Tensor, outputs: Tensor) -> Tensor:
        """Mean Huber loss of the steps to the best-matching object: of some windows.

        Args:
            batch: B windows.
            window: ``[P]`` int64, which of them.
            category: ``[P]`` int64.
            outputs: ``[P, O]``, what the online network says of them.
        """
        boxes = batch.observation.boxes[window, -1]
        mine = batch.labels[window] == category[:, None]
        overlap = torch.where(mine, iou(boxes[:, None], batch.objects[window]), 0.0)
        best, which = overlap.max(dim=1)
        taught = (best >= self._learning.step_iou).nonzero(as_tuple=True)[0]
        objects = batch.objects[window[taught], which[taught]]
        steps = steps_between(boxes[taught], objects).float().to(self._device)
        said = self.online.steps_of(outputs[taught.to(self._device)])
        errors = F.smooth_l1_loss(said / STEP_UNIT, steps / STEP_UNIT, reduction="none").sum(dim=1)
        return errors.sum() / max(1, len(taught))

    def _batch_of_all_actions(self, memory: ReplayBuffer) -> tuple[Batch, Tensor]:
        """Windows replayed, and windows round objects of the same images.

        Returns:
            The batch, and the importance of each window: ``[B]`` float32.
        """
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
                    learning.object_jitter,
                ),
            )
        batch = make_batch(self._store, observation, learning, self._generator)
        of_images = torch.ones(len(batch.images))
        of_images[batch.index[: len(drawn.importance)]] = drawn.importance
        return batch, of_images[batch.index]

    def _online_outputs(self, batch: Batch, window: Tensor, category: Tensor) -> Tensor:
        """``[P, outputs]`` with gradient: of some windows for one category each."""
        seen = batch.observation
        return self.online.outputs_for(
            self.online.encode(batch.images.to(self._device)),
            batch.index.to(self._device),
            shares(seen.boxes, batch.sizes).to(self._device),
            seen.actions.to(self._device),
            window.to(self._device),
            category.to(self._device),
        )

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
    pretrained = set(network.pretrained_weights())
    fresh = [each for name, each in network.named_parameters() if name not in pretrained]
    groups: list[dict[str, Any]] = [{"params": fresh}]
    if pretrained:
        # Second: it has a learning rate of its own, set before each update.
        further = [each for name, each in network.named_parameters() if name in pretrained]
        groups.append({"params": further})
    if learning.optimiser == "rmsprop":
        # TensorFlow 1's decay is called alpha here.
        return torch.optim.RMSprop(
            groups, lr=learning.learning_rate, alpha=0.99, eps=1e-6,
            weight_decay=learning.weight_decay,
        )  # fmt: skip
    return torch.optim.AdamW(groups, lr=learning.learning_rate, weight_decay=learning.weight_decay)


def _join(first: Observation, second: Observation) -> Observation:
    return Observation(
        torch.cat([first.image, second.image]),
        torch.cat([first.category, second.category]),
        torch.cat([first.boxes, second.boxes]),
        torch.cat([first.actions, second.actions]),
    )
