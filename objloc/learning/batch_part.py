"""A part of a batch: its own draws, its own targets, and the gradient of its loss."""

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from objloc.data.store import SampleStore
from objloc.learning.memory.replay import ReplayBuffer, SampledTransition
from objloc.learning.targets.sampled_targets import SampledTargets
from objloc.learning.targets.td_targets import AllActionTargets, TargetBatch, TargetMaker
from objloc.network.device import generator_on, restore_draws
from objloc.network.q_network import QNetwork
from objloc.network.training_pass import Compiler, TrainingPass
from objloc.params import Learning, Mdp


@dataclass(frozen=True)
class PartResult:
    """Gradient and measurements of a part of a batch, with n values trained.

    Attributes:
        gradients: gradients of the network's trained parameters; None where the loss does not
            depend on it.
        loss: ``[]`` float64, the part's loss.
        values: ``[n]`` float32, the values that were trained; 0, as below, for padding.
        losses: ``[n]`` float32, the loss of each.
        td_errors: ``[n]`` float32, absolute TD errors.
        real: ``[n]`` bool, False where a value is padding.
        keys: ``[n]`` int64, the transition or image of each, for priorities.
        images: ``[B]`` int64, the image of each window.
    """

    gradients: tuple[Tensor | None, ...]
    loss: Tensor
    values: Tensor
    losses: Tensor
    td_errors: Tensor
    real: Tensor
    keys: Tensor
    images: Tensor


class BatchPart:
    """One of the parts that every batch consists of.

    Parts share nothing that changes while they work: each has its own generator, and a
    network with buffers of its own. So they can work side by side, and give the same
    numbers one after another.

    Args:
        network: the online network, whose weights may be shared with other parts.
        target: the target network.
        store: the training images, on the networks' device.
        mdp: the decision process.
        learning: see ``objloc.params.Learning``.
        images: number of images of this part.
        seed: seed of its draws.
        compiler: see ``TrainingPass``.
    """

    def __init__(
        self,
        network: QNetwork,
        target: QNetwork,
        store: SampleStore,
        mdp: Mdp,
        learning: Learning,
        images: int,
        seed: int,
        compiler: Compiler | None = None,
    ) -> None:
        self.network = network
        self.images = images
        self._learning = learning
        self._weights = [each for each in network.parameters() if each.requires_grad]
        self._generator = generator_on(network.device, seed)
        # Dropout's own.
        self._noise = generator_on(network.device, seed)
        online = TrainingPass(network, self._noise, compiler)
        targets = SampledTargets if learning.backup == "sampled" else AllActionTargets
        self.make_targets: TargetMaker = targets(
            online, target, store, mdp, learning, self._generator
        )

    def sample(self, memory: ReplayBuffer) -> SampledTransition:
        """Sample this part's transitions."""
        windows = self.make_targets.replayed
        return memory.sample(self.images, windows, self._generator)

    def gradient(self, sampled: SampledTransition) -> PartResult:
        """Make the batch and its targets, and differentiate the loss."""
        batch = self.make_targets(sampled)
        values, losses = self._losses(batch)
        loss = (losses * batch.weights * batch.importance).sum() / batch.weights.sum()
        for auxiliary in batch.auxiliary:
            loss = loss + auxiliary
        gradients = torch.autograd.grad(loss, self._weights, allow_unused=True)
        values, padding = values.detach().float(), ~batch.real
        return PartResult(
            gradients,
            loss.detach().double(),
            values.masked_fill(padding, 0),
            losses.detach().float().masked_fill(padding, 0),
            (values - batch.targets).abs().masked_fill(padding, 0),
            batch.real,
            batch.keys,
            batch.images,
        )

    def _losses(self, batch: TargetBatch) -> tuple[Tensor, Tensor]:
        """Values ``[n]`` and their losses ``[n]``."""
        loss, outputs, targets = self._learning.loss, batch.outputs, batch.targets
        if self.network.bounds is not None:
            low, high = self.network.bounds[:, batch.actions]
            values = low + (high - low) * torch.sigmoid(outputs)
            return values, F.binary_cross_entropy_with_logits(
                outputs, (targets - low) / (high - low), reduction="none"
            )
        if loss == "squared":
            return outputs, (outputs - targets).square()
        return outputs, F.smooth_l1_loss(outputs, targets, reduction="none")

    def state_dict(self) -> dict[str, Any]:
        """Everything of this part that changes, but the weights."""
        return {
            "generator": self._generator.get_state(),
            "noise": self._noise.get_state(),
            "buffers": {name: each.cpu() for name, each in self.network.named_buffers()},
            "targets": self.make_targets.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a state."""
        restore_draws(self._generator, state["generator"])
        restore_draws(self._noise, state["noise"])
        for name, buffer in self.network.named_buffers():
            buffer.copy_(state["buffers"][name])
        self.make_targets.load_state_dict(state["targets"])
