"""What an update teaches: backups of the actions taken, or of all actions."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from objloc.data.store import SampleStore
from objloc.learning.extra_windows import FurtherWindows
from objloc.learning.landings import Landings
from objloc.learning.learned_moves import LearnedMoves, step_loss, zoom_losses, zoom_targets
from objloc.learning.replay import ReplayBuffer
from objloc.learning.targets import (
    Batch,
    EveryAction,
    bootstrap,
    frozen_values,
    make_batch,
    sampled_target,
)
from objloc.network.q_network import QNetwork
from objloc.network.windows import Pairs, Windows
from objloc.params import Learning, Mdp
from objloc.search.policy import shares


@dataclass(frozen=True)
class Taught:
    """What one update teaches: n outputs of the online network.

    Attributes:
        outputs: ``[n]``, with gradient.
        targets: ``[n]``, the values they should have.
        weights: ``[n]``.
        actions: ``[n]`` int64, whose values they are.
        keys: ``[n]`` int64 on the CPU, their transitions or images, for priorities.
        importance: ``[n]``, what makes up for unequal chances to be replayed.
        presence: mean cross-entropy of presence, where it is learned.
        zooms: mean cross-entropy of the chances of zooms, where they are learned.
        steps: mean loss of the steps, those of zooms too, where they are learned.
    """

    outputs: Tensor
    targets: Tensor
    weights: Tensor
    actions: Tensor
    keys: Tensor
    importance: Tensor
    presence: Tensor | None = None
    zooms: Tensor | None = None
    steps: Tensor | None = None


class Backup:
    """Draws batches of a memory and says what they teach.

    Args:
        online: the network that learns.
        target: the one that values what comes after.
        store: the training images.
        mdp: the decision process.
        learning: see ``objloc.params.Learning``.
        generator: of batches and augmentation.
    """

    def __init__(
        self,
        online: QNetwork,
        target: QNetwork,
        store: SampleStore,
        mdp: Mdp,
        learning: Learning,
        generator: torch.Generator,
    ) -> None:
        self._online = online
        self._target = target
        self._device = online.device
        self._store = store
        self._learning = learning
        self._generator = generator
        self._every_action = EveryAction(mdp, learning, online.per_category)
        self._learned_moves = LearnedMoves(online, mdp)
        self._further = FurtherWindows(
            store, mdp, learning, online.frames, online.action_history, generator
        )

    @property
    def landings(self) -> Landings | None:
        """Where learned moves led; None unless that is taught."""
        return self._further.landings

    def __call__(self, memory: ReplayBuffer) -> Taught:
        """What the next batch teaches."""
        return (
            self._sampled(memory)
            if self._learning.backup == "sampled"
            else self._all_actions(memory)
        )

    def _sampled(self, memory: ReplayBuffer) -> Taught:
        """The actions taken."""
        learning = self._learning
        drawn = memory.sample(
            learning.images_per_batch, learning.windows_per_image, self._generator
        )
        batch = make_batch(self._store, drawn.observation_tm1, learning, self._generator)
        rows = torch.arange(len(drawn.action_tm1))
        following, pairs = drawn.observation_t, Pairs(rows, batch.observation.category)
        windows = Windows(batch.index, shares(following.boxes, batch.sizes), following.actions)
        after = chooser = frozen_values(self._target, batch.images, windows, pairs)
        if learning.double:
            chooser = frozen_values(self._online, batch.images, windows, pairs)
        next_value = bootstrap(chooser, after, learning.double)
        discounts = torch.tensor([learning.discount**n for n in range(learning.n_step + 1)])
        targets = sampled_target(drawn, next_value, discounts[drawn.steps]).to(self._device)
        action = drawn.action_tm1.to(self._device)
        outputs = self._online_outputs(batch, pairs)
        return Taught(
            outputs[rows.to(self._device), action],
            targets,
            torch.ones_like(targets),
            action,
            drawn.rows,
            drawn.importance.to(self._device),
        )

    def _all_actions(self, memory: ReplayBuffer) -> Taught:
        """All actions, for all categories taught."""
        learning = self._learning
        batch, importance = self._batch_of_all_actions(memory)
        categories = len(self._online.categories)
        targets, taught, following = self._every_action.rewards(batch, categories)
        if learning.discount:
            after = self._every_action.next_values(
                batch, following, taught, self._online, self._target
            )
            targets[..., :-1] += learning.discount * after
        chance = torch.rand(taught.shape[:2], generator=self._generator)
        # Moves are taught where the category is present, the trigger elsewhere too.
        present = taught[..., 0]
        pairs = present | (taught[..., -1] & (chance < learning.absent_share))
        weights = torch.full_like(targets, learning.move_weight)
        weights[..., -1] = torch.where(present, 1.0, learning.absent_weight)
        window, category = pairs.nonzero(as_tuple=True)
        outputs = self._online_outputs(batch, Pairs(window, category))
        asked = taught[window, category]
        pair, chosen = asked.nonzero(as_tuple=True)
        asked, matters = asked.to(self._device), importance[window].to(self._device)
        actions = outputs[:, : self._online.num_actions]
        presence = None
        if self._online.presence:
            held = self._every_action.presence(batch, categories)[window, category].float()
            weight = weights[window, category, -1].to(self._device)
            entropy = F.binary_cross_entropy_with_logits(
                outputs[:, self._online.num_actions], held.to(self._device), reduction="none"
            )
            presence = (entropy * weight * matters).sum() / weight.sum()
        steps = zooms = None
        if self._online.learned_steps:
            said = self._online.steps_of(outputs)
            steps = step_loss(batch, window, category, said, learning.step_iou)
        if self._online.learned_zooms:
            odds, said = self._online.zooms_of(outputs)
            weight = weights[window, category, -1].to(self._device) * matters
            targets_of_zooms = zoom_targets(batch, window, category, learning.step_iou)
            zooms, zoom_steps = zoom_losses(targets_of_zooms, odds, said, weight)
            steps = zoom_steps if steps is None else steps + zoom_steps
        if self.landings is not None:
            landed = self._learned_moves.landings(batch, window, outputs.detach())
            self.landings.add(*landed, self._generator)
        return Taught(
            actions[asked],
            targets[window, category].to(self._device)[asked],
            weights[window, category].to(self._device)[asked],
            chosen.to(self._device),
            batch.observation.image[window[pair]],
            matters[pair.to(self._device)],
            presence,
            zooms,
            steps,
        )

    def _batch_of_all_actions(self, memory: ReplayBuffer) -> tuple[Batch, Tensor]:
        """Windows replayed, and others of the same images.

        Returns:
            The batch, and the importance of each window: ``[B]`` float32.
        """
        images = self._learning.images_per_batch
        drawn = memory.sample(images, self._further.replayed, self._generator)
        observation = self._further.beside(drawn.observation_tm1)
        batch = make_batch(self._store, observation, self._learning, self._generator)
        of_images = torch.ones(len(batch.images))
        of_images[batch.index[: len(drawn.importance)]] = drawn.importance
        return batch, of_images[batch.index]

    def _online_outputs(self, batch: Batch, pairs: Pairs) -> Tensor:
        """``[P, outputs]`` with gradient: of some windows for one category each."""
        seen, device = batch.observation, self._device
        views = self._online.encode(batch.images.to(device))
        windows = Windows(batch.index, shares(seen.boxes, batch.sizes), seen.actions)
        return self._online.outputs_for(views, windows.to(device), pairs.to(device))
