"""Temporal-difference targets of a batch: those of all actions.

``sampled_targets.py`` has those of the actions taken, as in DQN.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from objloc.data.store import SampleStore
from objloc.learning.action_outcomes import ActionOutcomes
from objloc.learning.auxiliary import LearnedMoves, auxiliary_losses
from objloc.learning.batch import Batch, make_batch
from objloc.learning.extra_windows import ExtraWindows
from objloc.learning.replay import SampledTransition
from objloc.network.q_network import QNetwork
from objloc.network.windows import Pairs, Windows
from objloc.params import Learning, Mdp
from objloc.search.policy import shares


@dataclass(frozen=True)
class TargetBatch:
    """Outputs of the online network and their targets: n values of the batch's windows.

    Attributes:
        outputs: ``[n]``, with gradient.
        targets: ``[n]``, the values that they are trained towards.
        weights: ``[n]``, weights of their losses.
        actions: ``[n]`` int64, the action of each value.
        keys: ``[n]`` int64 on the CPU, the transition or image of each, for priorities.
        images: ``[n]`` int64 on the CPU, the image of each.
        importance: ``[n]``, importance weights of prioritised replay; 1 without it.
        auxiliary: weighted losses of auxiliary outputs.
    """

    outputs: Tensor
    targets: Tensor
    weights: Tensor
    actions: Tensor
    keys: Tensor
    images: Tensor
    importance: Tensor
    auxiliary: tuple[Tensor, ...] = ()


class TargetMaker(Protocol):
    """Makes a batch of sampled transitions, and its targets.

    Attributes:
        replayed: number of windows of each image that are sampled.
    """

    replayed: int

    def __call__(self, sampled: SampledTransition) -> TargetBatch:
        """Make a batch and its targets."""

    def state_dict(self) -> dict[str, Any]:
        """Everything that changes."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a state; other keys are ignored."""


class AllActionTargets:
    """Targets of all actions, for all categories that are trained.

    A ``TargetMaker``. Rewards and next windows of all actions follow from geometry, so only
    the windows of the transitions are used, not what the agent did there.

    Args:
        online: the online network.
        target: the target network, which values next windows.
        store: the training images.
        mdp: the decision process.
        learning: see ``objloc.params.Learning``.
        generator: source of random draws (batches, augmentation).
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
        self._online, self._target = online, target
        self._store = store
        self._learning = learning
        self._generator = generator
        self._outcomes = ActionOutcomes(mdp, learning, online.per_category)
        self._learned_moves = LearnedMoves(online, mdp)
        self._extra = ExtraWindows(
            store, mdp, learning, online.frames, online.action_history, generator
        )
        self.replayed = self._extra.replayed

    def __call__(self, sampled: SampledTransition) -> TargetBatch:
        """Make a batch and its targets."""
        learning, device = self._learning, self._online.device
        batch, importance = self.batch_of(sampled)
        targets, trained = self._targets(batch)
        pairs = self._pairs(trained)
        targets, trained = targets[pairs], trained[pairs]
        weights = torch.full_like(targets, learning.move_weight)
        weights[:, -1] = torch.where(trained[:, 0], 1.0, learning.absent_weight)
        importance = importance[pairs.window].to(device)
        outputs = online_outputs(self._online, batch, pairs)
        auxiliary = auxiliary_losses(
            self._online,
            learning,
            batch,
            pairs,
            outputs,
            weights[:, -1].to(device),
            importance,
        )
        if self._extra.landed is not None:
            landings = self._learned_moves.landings(batch, pairs, outputs.detach())
            self._extra.landed.add(*landings, self._generator)
        row, action = trained.nonzero(as_tuple=True)
        images = batch.observation.image[pairs.window[row]]
        trained = trained.to(device)
        return TargetBatch(
            outputs[:, : self._online.num_actions][trained],
            targets.to(device)[trained],
            weights.to(device)[trained],
            action.to(device),
            images,
            images,
            importance[row.to(device)],
            auxiliary,
        )

    def batch_of(self, sampled: SampledTransition) -> tuple[Batch, Tensor]:
        """Add extra windows of the same images to sampled ones, and augment all.

        Returns:
            The batch of B windows, and the importance weight of each: ``[B]`` float32.
        """
        observation = self._extra.add_to(sampled.observation_tm1)
        batch = make_batch(self._store, observation, self._learning, self._generator)
        of_images = torch.ones(len(batch.images))
        of_images[batch.index[: len(sampled.importance)]] = sampled.importance
        return batch, of_images[batch.index]

    def _targets(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Targets ``[B, C, A]`` float32, and whether each is trained, ``[B, C, A]`` bool."""
        outcomes = self._outcomes.rewards(batch, len(self._online.categories))
        targets = outcomes.rewards
        if self._learning.discount:
            values = self._outcomes.next_values(batch, outcomes, self._online, self._target)
            targets[..., :-1] += self._learning.discount * values
        return targets, outcomes.trained

    def _pairs(self, trained: Tensor) -> Pairs:
        """Pairs of a window and a category to train.

        These are all pairs whose moves are trained, and a random fraction of those whose
        trigger alone is, because the image does not hold the category.
        """
        chance = torch.rand(trained.shape[:2], generator=self._generator)
        absent = trained[..., -1] & (chance < self._learning.absent_share)
        return Pairs(*(trained[..., 0] | absent).nonzero(as_tuple=True))

    def state_dict(self) -> dict[str, Any]:
        """The windows where learned moves landed, if they are used."""
        landed = self._extra.landed
        return {} if landed is None else {"landings": landed.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a state; other keys are ignored."""
        if self._extra.landed is not None:
            self._extra.landed.load_state_dict(state["landings"])


def online_outputs(network: QNetwork, batch: Batch, pairs: Pairs) -> Tensor:
    """Outputs of the online network for P pairs, with gradient: ``[P, O]``."""
    seen, device = batch.observation, network.device
    views = network.encode(batch.images.to(device))
    windows = Windows(batch.index, shares(seen.boxes, batch.sizes), seen.actions)
    return network.outputs_for(views, windows.to(device), pairs.to(device))
