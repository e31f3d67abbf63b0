"""Temporal-difference targets of a batch: those of all actions.

``sampled_targets.py`` has those of the actions taken, as in DQN.
"""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, Self

import torch
from torch import Tensor

from objloc.data.store import SampleStore
from objloc.learning.auxiliary import LearnedMoves, auxiliary_losses
from objloc.learning.batch import Batch, make_batch
from objloc.learning.extra_windows import ExtraWindows
from objloc.learning.memory.replay import SampledTransition
from objloc.learning.selection import places, selected
from objloc.learning.targets.action_outcomes import ActionOutcomes
from objloc.network.q_network import QNetwork
from objloc.network.training_pass import TrainingPass
from objloc.network.windows import Pairs, Windows
from objloc.params import Learning, Mdp
from objloc.search.policy import shares

_DEVIATIONS = 6.0
"""Standard deviations beyond which a batch has no room for pairs: one in a billion."""


@dataclass(frozen=True)
class TargetBatch:
    """Outputs of the online network and their targets: n values of B windows.

    Attributes:
        outputs: ``[n]``, with gradient.
        targets: ``[n]``, the values that they are trained towards.
        weights: ``[n]``, weights of their losses.
        real: ``[n]`` bool, False where a value is padding, whose weight is 0.
        actions: ``[n]`` int64, the action of each value.
        keys: ``[n]`` int64, the transition or image of each, for priorities.
        images: ``[B]`` int64, the image of each window.
        importance: ``[n]``, importance weights of prioritised replay; 1 without it.
        auxiliary: weighted losses of auxiliary outputs.
    """

    outputs: Tensor
    targets: Tensor
    weights: Tensor
    real: Tensor
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
        online: the online network's pass.
        target: the target network, which values next windows.
        store: the training images.
        mdp: the decision process.
        learning: see ``objloc.params.Learning``.
        generator: source of random draws (batches, augmentation), of the store's device.
    """

    def __init__(
        self,
        online: TrainingPass,
        target: QNetwork,
        store: SampleStore,
        mdp: Mdp,
        learning: Learning,
        generator: torch.Generator,
    ) -> None:
        self._pass, self._online, self._target = online, online.network, target
        self._store = store
        self._learning = learning
        self._generator = generator
        network = online.network
        self._outcomes = ActionOutcomes(mdp, learning, network.per_category, network.device)
        self._learned_moves = LearnedMoves(network, mdp)
        self._extra = ExtraWindows(
            store, mdp, learning, network.frames, network.action_history, generator
        )
        self.replayed = self._extra.replayed
        self._held = Held.of(store)

    def __call__(self, sampled: SampledTransition) -> TargetBatch:
        """Make a batch and its targets."""
        learning = self._learning
        batch, importance = self.batch_of(sampled)
        targets, trained = self._targets(batch)
        pairs, real = self._pairs(batch, trained)
        targets, trained = targets[pairs], trained[pairs] & real[:, None]
        weights = torch.full_like(targets, learning.move_weight)
        weights[:, -1] = torch.where(trained[:, 0], 1.0, learning.absent_weight)
        weights *= real[:, None]
        importance = importance[pairs.window]
        outputs = online_outputs(self._pass, batch, pairs)
        auxiliary = auxiliary_losses(
            self._online, learning, batch, pairs, outputs, weights[:, -1], importance
        )
        if self._extra.landed is not None:
            landings = self._learned_moves.landings(batch, pairs, outputs.detach(), real)
            self._extra.landed.add(*landings, self._generator)
        action = torch.arange(self._online.num_actions, device=trained.device)
        image = batch.observation.image
        return TargetBatch(
            selected(outputs[:, : self._online.num_actions], trained),
            selected(targets, trained),
            selected(weights, trained),
            selected(trained, trained),
            selected(action.expand_as(trained), trained),
            selected(image[pairs.window, None].expand_as(trained), trained),
            image,
            selected(importance[:, None].expand_as(trained), trained),
            auxiliary,
        )

    def batch_of(self, sampled: SampledTransition) -> tuple[Batch, Tensor]:
        """Add extra windows of the same images to sampled ones, and augment all.

        Returns:
            The batch of B windows, and the importance weight of each: ``[B]`` float32.
        """
        images = len(sampled.rows) // self.replayed
        observation = self._extra.add_to(sampled.observation_tm1, images)
        batch = make_batch(self._store, observation, self._learning, self._generator, images)
        of_images = sampled.importance.new_ones(len(batch.images))
        of_images[batch.index[: len(sampled.importance)]] = sampled.importance
        return batch, of_images[batch.index]

    def _targets(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Targets ``[B, C, A]`` float32, and whether each is trained, ``[B, C, A]`` bool."""
        outcomes = self._outcomes.rewards(batch, len(self._online.categories))
        targets = outcomes.rewards
        if self._learning.discount:
            most = self._held.most(len(batch.images), len(batch.index))
            values = self._outcomes.next_values(batch, outcomes, self._online, self._target, most)
            targets[..., :-1] += self._learning.discount * values
        return targets, outcomes.trained

    def _pairs(self, batch: Batch, trained: Tensor) -> tuple[Pairs, Tensor]:
        """P pairs of a window and a category to train, and ``[P]`` bool, False where padded.

        These are all pairs whose moves are trained, and a random fraction of those whose
        trigger alone is, because the image does not hold the category.
        """
        share, (windows, categories, _) = self._learning.absent_share, trained.shape
        chance = torch.rand(windows, categories, generator=self._generator, device=trained.device)
        absent = trained[..., -1] & (chance < share)
        most = self._held.most(len(batch.images), windows, share)
        place, real = places((trained[..., 0] | absent).flatten(), most)
        return Pairs(place // categories, place % categories), real

    def state_dict(self) -> dict[str, Any]:
        """The windows where learned moves landed, if they are used."""
        landed = self._extra.landed
        return {} if landed is None else {"landings": landed.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a state; other keys are ignored."""
        if self._extra.landed is not None:
            self._extra.landed.load_state_dict(state["landings"])


class Held(NamedTuple):
    """Categories that an image of a store holds: how many, and how much that varies.

    Attributes:
        mean, deviation, maximum: statistics of their number over the images.
        categories: C.
    """

    mean: float
    deviation: float
    maximum: int
    categories: int

    @classmethod
    def of(cls, store: SampleStore) -> Self:
        """Those of a store's images."""
        number = store.presence().sum(dim=1).double()
        mean, deviation = float(number.mean()), float(number.std(correction=0))
        return cls(mean, deviation, int(number.max()), len(store.categories))

    def most(self, images: int, windows: int, share: float = 0.0) -> int:
        """Number of pairs that room is made for on a device that stalls.

        Batches with more are as rare as draws beyond ``_DEVIATIONS`` standard deviations; their
        last pairs are left out.

        Args:
            images: number of images drawn.
            windows: number of windows, as many in each image.
            share: fraction of the categories that an image does not hold that is wanted too.
        """
        pairs, each = windows * self.categories, windows / images
        held = each * (images * self.mean + _DEVIATIONS * self.deviation * math.sqrt(images))
        held = min(held, windows * self.maximum)
        absent = share * pairs + _DEVIATIONS * math.sqrt(share * (1 - share) * pairs)
        return min(pairs, math.ceil(held + absent))


def online_outputs(online: TrainingPass, batch: Batch, pairs: Pairs) -> Tensor:
    """Outputs of the online network for P pairs, with gradient: ``[P, O]``."""
    seen = batch.observation
    windows = Windows(batch.index, shares(seen.boxes, batch.sizes), seen.actions)
    return online(batch.images, windows, pairs)
