"""The Q-network: an encoder and a head, one value for each category and action."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from objloc.agent.encoder import MapEncoder, build_encoder
from objloc.mdp.action import ACTION_SETS
from objloc.params import Agent


class QNetwork(nn.Module):
    """Q(s, a, c): the value of action a in state s for a search of category c.

    The last layer is linear: values are negative where every action is bad (the
    2018 system's ReLU there could not say so).

    Args:
        agent: its encoder, head and action set.
        categories: C names, in order.
    """

    def __init__(self, agent: Agent, categories: tuple[str, ...]) -> None:
        super().__init__()
        self.categories = categories
        self.num_actions = len(ACTION_SETS[agent.mdp.actions])
        self.frames = agent.encoder.frames
        self.action_history = agent.head.action_history
        self.per_category = agent.head.per_category
        self.encoder = build_encoder(agent.encoder, len(categories))
        width = self.encoder.features + self.action_history * self.num_actions
        hidden: list[nn.Module] = []
        for layer in agent.head.hidden:
            hidden += [nn.Dropout(agent.head.dropout), nn.Linear(width, layer), nn.ReLU()]
            width = layer
        self.hidden = nn.Sequential(*hidden)
        # Where categories have features of their own, one head serves them all.
        sets = len(categories) if self.per_category and not self.encoder.by_category else 1
        self.values = nn.Linear(width, sets * self.num_actions)

    def encode(self, images: Tensor) -> Tensor:
        """Images to views: ``[N, 3, S, S]`` uint8 to ``[N, ...]`` float32."""
        return self.encoder.encode(images)

    def forward(
        self, views: Tensor, index: Tensor, boxes: Tensor, action_history: Tensor
    ) -> Tensor:
        """Q-values of windows.

        Args:
            views: ``[N, ...]`` from ``encode``.
            index: ``[B]`` int64, the view of each window.
            boxes: ``[B, frames, 4]`` float32, shares of the image's sides, newest
                last.
            action_history: ``[B, H]`` int64, newest last, -1 for none.

        Returns:
            ``[B, C, A]``; the same values for every category unless
            ``per_category``.
        """
        features = self.encoder.observe(views, index, boxes)
        if self.action_history:
            past = self._past(action_history)[:, None]
            features = torch.cat([features, past.expand(-1, features.shape[1], -1)], dim=2)
        values: Tensor = self.values(self.hidden(features))
        values = values.view(len(boxes), -1, self.num_actions)
        return values.expand(-1, len(self.categories), -1)

    def values_for(
        self,
        views: Tensor,
        index: Tensor,
        boxes: Tensor,
        action_history: Tensor,
        window: Tensor,
        category: Tensor,
    ) -> Tensor:
        """Q-values of some windows for one category each: ``[P, A]``.

        Args:
            views: see ``forward``.
            index: likewise.
            boxes: likewise.
            action_history: likewise.
            window: ``[P]`` int64, which of the B windows.
            category: ``[P]`` int64.
        """
        if not isinstance(self.encoder, MapEncoder) or not self.encoder.by_category:
            return self.forward(views, index, boxes, action_history)[window, category]
        features = self.encoder.observe_for(views, index, boxes, window, category)
        if self.action_history:
            features = torch.cat([features, self._past(action_history)[window]], dim=1)
        values: Tensor = self.values(self.hidden(features))
        return values

    def _past(self, action_history: Tensor) -> Tensor:
        """Past actions one-hot, all zeros for none: ``[B, H]`` to ``[B, H * A]`` float32."""
        return F.one_hot(action_history + 1, self.num_actions + 1)[..., 1:].flatten(1).float()

    def layers(self) -> dict[str, nn.Module]:
        """The convolution layers by name, in order: ``conv1``, ``conv2`` and so on."""
        return self.encoder.layers()


def build_network(
    agent: Agent, categories: tuple[str, ...], generator: torch.Generator | None = None
) -> QNetwork:
    """A network with fresh weights, drawn by ``generator`` where one is given.

    PyTorch's layers draw from the global generator: its state is put aside and
    back, so nothing outside is seeded.
    """
    if generator is None:
        return QNetwork(agent, categories)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(torch.randint(2**62, (), generator=generator)))
        return QNetwork(agent, categories)
