"""The contract of what acts for an agent: one network, or several together.

N images or views, B windows, P pairs of a window and a category, C categories, A actions,
O outputs: A, then the options of ``objloc.params.Head`` in the order of ``Valuer``'s methods.
"""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from objloc.data.image_batch import ImageBatch
from objloc.mdp.action import actions_of
from objloc.network.value_range import bounds_of
from objloc.network.windows import Pairs, Windows
from objloc.params import Agent

NUM_STEPS = 4
"""Numbers of a learned step: along x and y, and of width and height."""

STEP_UNIT = 0.2
"""Steps are learned in units of this, so that they are about as large as other outputs."""

QUARTERS = 4
"""Quarters of a window, in the order of reading; each may have a zoom of learned extent."""


class Valuer(nn.Module, ABC):
    """Values of windows for every category and action, and how outputs are read as such.

    Args:
        agent: its parameters.
        categories: C names, in order.
    """

    bounds: Tensor | None
    """``[2, A]``, the minimum and the maximum value of each action; None where values have no
    bounds."""

    def __init__(self, agent: Agent, categories: tuple[str, ...]) -> None:
        super().__init__()
        self.agent = agent
        self.categories = categories
        self.num_actions = len(actions_of(agent.mdp))
        self.frames = agent.encoder.frames
        self.action_history = agent.head.action_history
        self.per_category = agent.head.per_category
        self.presence = agent.head.presence
        self.learned_steps = agent.head.learned_steps
        self.learned_zooms = agent.head.learned_zooms
        # Not a weight: it follows from the parameters.
        self.register_buffer("bounds", bounds_of(agent, self.num_actions), persistent=False)

    @property
    def device(self) -> torch.device:
        """The device of its weights."""
        return next(self.parameters()).device

    @abstractmethod
    def encode(self, images: ImageBatch) -> Tensor:
        """Look at images: ``[N, ...]`` float32, views of a shape of its own.

        Args:
            images: on its device; features only if it takes them in place of images.
        """

    @abstractmethod
    def outputs(self, views: Tensor, windows: Windows) -> Tensor:
        """Outputs for windows before they are read: ``[B, C, O]`` float32.

        Args:
            views: from ``encode``.
            windows: on the same device.

        Returns:
            The same for every category unless ``per_category``.
        """

    @abstractmethod
    def outputs_for(self, views: Tensor, windows: Windows, pairs: Pairs) -> Tensor:
        """Outputs for some windows and one category each: ``[P, O]`` float32."""

    @abstractmethod
    def layers(self) -> dict[str, nn.Module]:
        """The convolution layers by name, in order: ``conv1``, ``conv2`` and so on."""

    def forward(self, views: Tensor, windows: Windows) -> Tensor:
        """Q-values of windows: ``[B, C, A]``."""
        return self.values_of(self.outputs(views, windows))

    def values_for(self, views: Tensor, windows: Windows, pairs: Pairs) -> Tensor:
        """Q-values of some windows for one category each: ``[P, A]``."""
        return self.values_of(self.outputs_for(views, windows, pairs))

    def values_of(self, outputs: Tensor) -> Tensor:
        """Read outputs ``[..., O]`` as Q-values ``[..., A]``."""
        outputs = outputs[..., : self.num_actions]
        if self.bounds is None:
            return outputs
        minimum, maximum = self.bounds[0], self.bounds[1]
        return minimum + (maximum - minimum) * torch.sigmoid(outputs)

    def presence_of(self, outputs: Tensor) -> Tensor:
        """Read outputs ``[..., O]`` as the probability of presence ``[...]``."""
        return torch.sigmoid(outputs[..., self.num_actions])

    def zooms_of(self, outputs: Tensor) -> tuple[Tensor, Tensor]:
        """Read outputs ``[..., O]`` as learned zooms, one for each quarter of the window.

        Returns:
            Log-odds ``[..., 4]`` that an object small beside the window has its centre in the
            quarter; steps ``[..., 4, 4]`` from the quarter to it, see ``steps_between``.
        """
        first = self.num_actions + self.presence
        numbers = outputs[..., first : first + QUARTERS * (1 + NUM_STEPS)]
        numbers = numbers.reshape(*outputs.shape[:-1], QUARTERS, 1 + NUM_STEPS)
        return numbers[..., 0], STEP_UNIT * numbers[..., 1:]

    def steps_of(self, outputs: Tensor) -> Tensor:
        """Read outputs ``[..., O]`` as learned steps ``[..., 4]``; see ``steps_between``."""
        return STEP_UNIT * outputs[..., -NUM_STEPS:]

    @property
    def num_outputs(self) -> int:
        """O."""
        zooms = QUARTERS * (1 + NUM_STEPS) * self.learned_zooms
        return self.num_actions + self.presence + zooms + NUM_STEPS * self.learned_steps
