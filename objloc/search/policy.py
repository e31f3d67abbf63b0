"""Policies: they choose the actions."""

from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from objloc.data.image_batch import Images
from objloc.mdp.environment import Observation
from objloc.network.valuer import Valuer
from objloc.network.windows import Pairs, Windows

_ENCODED_AT_ONCE = 32
"""Maximum number of images encoded at once: the first maps of many take more memory than all
else. Its sums are those of more at once."""


class Choice(NamedTuple):
    """Choice of a policy in B episodes.

    Attributes:
        actions: ``[B]`` int64.
        q_values: ``[B, A]`` float32, nan where there are none.
        steps: ``[B, 4]`` float32, the learned step from each window, see ``steps_between``;
            None where the agent has not learned any.
    """

    actions: Tensor
    q_values: Tensor
    steps: Tensor | None = None


class Policy(Protocol):
    """Chooses actions; sees images, never the ground truth."""

    frames: int
    """Number of past windows that it sees."""
    action_history: int
    """Number of past actions that it sees."""

    def look(self, images: Images, rows: Tensor) -> None:
        """Take the images of the next episodes: ``[M]`` int64, rows of all images."""

    def forget(self) -> None:
        """Let go of the images: their episodes have ended."""

    def act(
        self, observation: Observation, index: Tensor, sizes: Tensor, generator: torch.Generator
    ) -> Choice:
        """Choose an action for each episode.

        Args:
            observation: the state of B episodes.
            index: ``[B]`` int64, place of its image among the rows passed to ``look``.
            sizes: ``[B, 2]`` float64, width and height in pixels of their images.
            generator: for the random choices.
        """


class RandomPolicy:
    """Draws every action with the same probability: the blind agent."""

    frames = 1
    action_history = 0

    def __init__(self, num_actions: int) -> None:
        self._num_actions = num_actions

    def look(self, images: Images, rows: Tensor) -> None:
        """Ignore the images: none is read."""

    def forget(self) -> None:
        """See ``Policy.forget``."""

    def act(
        self,
        observation: Observation,
        index: Tensor,  # noqa: ARG002  # it looks at nothing
        sizes: Tensor,  # noqa: ARG002
        generator: torch.Generator,
    ) -> Choice:
        """See ``Policy.act``."""
        number = len(observation.image)
        actions = torch.randint(self._num_actions, (number,), generator=generator)
        return Choice(actions, torch.full((number, self._num_actions), float("nan")))


class GreedyPolicy:
    """Takes the action of the highest Q-value; with probability epsilon, a random one.

    Agents act by it once they are trained. In training they explore by an epsilon that
    changes, and guided where asked, with draws of their own: ``Training._explore``.

    Args:
        network: put into evaluation mode by the caller.
        epsilon: probability of a uniformly random action.
    """

    def __init__(self, network: Valuer, epsilon: float = 0.0) -> None:
        self.network = network
        self.epsilon = epsilon
        self.frames = network.frames
        self.action_history = network.action_history

    @torch.no_grad()
    def look(self, images: Images, rows: Tensor) -> None:
        """Encode the images once for all steps of their episodes."""
        device = self.network.device
        done = 0
        # Even parts: a network may compute a few images by other routines than many.
        for part in torch.tensor_split(rows, -(-len(rows) // _ENCODED_AT_ONCE)):
            views = self.network.encode(images[part].to(device))
            if not done:
                # Joining the parts at the end would hold all views twice.
                shape = (len(rows), *views.shape[1:])
                self._views = views.new_empty_strided(shape, views.stride())
            self._views[done : done + len(part)] = views
            done += len(part)

    def forget(self) -> None:
        """See ``Policy.forget``: views take hundreds of megabytes."""
        del self._views

    @torch.no_grad()
    def act(
        self, observation: Observation, index: Tensor, sizes: Tensor, generator: torch.Generator
    ) -> Choice:
        """See ``Policy.act``."""
        network = self.network
        outputs = category_outputs(network, self._views, index, observation, sizes)
        q_values = network.values_of(outputs).float().cpu()
        actions = q_values.argmax(dim=1)
        if self.epsilon:
            shape = actions.shape
            wander = torch.rand(shape, generator=generator) < self.epsilon
            anything = torch.randint(q_values.shape[1], shape, generator=generator)
            actions = torch.where(wander, anything, actions)
        steps = network.steps_of(outputs).float().cpu() if network.learned_steps else None
        return Choice(actions, q_values, steps)


def category_outputs(
    network: Valuer, views: Tensor, index: Tensor, observation: Observation, sizes: Tensor
) -> Tensor:
    """``[B, O]`` float32: outputs for the category each episode searches."""
    device = views.device
    windows = Windows(index, shares(observation.boxes, sizes), observation.actions)
    pairs = Pairs(torch.arange(len(index), device=index.device), observation.category)
    return network.outputs_for(views, windows.to(device), pairs.to(device))


def shares(boxes: Tensor, sizes: Tensor) -> Tensor:
    """Convert pixels to fractions of the image's sides.

    Args:
        boxes: ``[B, ..., 4]`` float64.
        sizes: ``[B, 2]`` float64.

    Returns:
        ``[B, ..., 4]`` float32.
    """
    limit = torch.cat([sizes, sizes], dim=-1)
    return (boxes / limit.view(len(sizes), *[1] * (boxes.dim() - 2), 4)).float()
