"""Targets of the actions taken, over one step or several: DQN. An alternative to all actions."""

from typing import Any

import torch
from torch import Tensor

from objloc.data.store import SampleStore
from objloc.learning.batch import make_batch
from objloc.learning.memory.replay import SampledTransition, Transition
from objloc.learning.targets.action_outcomes import bootstrap_values
from objloc.learning.targets.td_targets import TargetBatch, online_outputs
from objloc.network.q_network import QNetwork
from objloc.network.training_pass import TrainingPass
from objloc.network.windows import Pairs, Windows
from objloc.params import Learning, Mdp
from objloc.search.policy import shares


class SampledTargets:
    """Targets of the actions in the sampled transitions.

    A ``TargetMaker``; the arguments are those of ``AllActionTargets``.
    Source: Mnih et al. (2015).
    """

    def __init__(
        self,
        online: TrainingPass,
        target: QNetwork,
        store: SampleStore,
        mdp: Mdp,  # noqa: ARG002  # rewards are in the memory
        learning: Learning,
        generator: torch.Generator,
    ) -> None:
        self._pass, self._online, self._target = online, online.network, target
        self._store = store
        self._learning = learning
        self._generator = generator
        self.replayed = learning.windows_per_image
        discounts = [learning.discount**n for n in range(learning.n_step + 1)]
        self._discounts = torch.tensor(discounts, device=self._online.device)

    def __call__(self, sampled: SampledTransition) -> TargetBatch:
        """Make a batch and its targets."""
        learning, number = self._learning, len(sampled.rows)
        batch = make_batch(
            self._store, sampled.observation_tm1, learning, self._generator,
            number // self.replayed,
        )  # fmt: skip
        rows = torch.arange(number, device=sampled.rows.device)
        following, pairs = sampled.observation_t, Pairs(rows, batch.observation.category)
        windows = Windows(batch.index, shares(following.boxes, batch.sizes), following.actions)
        next_values = bootstrap_values(
            self._online, self._target, learning.double, batch.images, windows, pairs
        )
        targets = sampled_target(sampled, next_values, self._discounts[sampled.steps])
        outputs = online_outputs(self._pass, batch, pairs)
        return TargetBatch(
            outputs[rows, sampled.action_tm1],
            targets,
            torch.ones_like(targets),
            torch.ones_like(rows, dtype=torch.bool),
            sampled.action_tm1,
            sampled.rows,
            batch.observation.image,
            sampled.importance,
        )

    def state_dict(self) -> dict[str, Any]:
        """Nothing changes."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Nothing to restore."""


def sampled_target(transition: Transition, next_value: Tensor, discount: float | Tensor) -> Tensor:
    """Target of the action taken: ``[B]`` float32.

    Args:
        transition: B transitions.
        next_value: ``[B]``, the value of the next state; unused if the episode terminated.
        discount: gamma, or ``[B]`` its power after several steps.
    """
    discount_t = torch.where(transition.terminated_t, 0.0, discount)
    return transition.reward_t + discount_t * next_value
