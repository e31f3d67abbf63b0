"""The Q-network: an encoder and a head, one value for each category and action."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from objloc.agent.encoder import build_encoder
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
        self.encoder = build_encoder(agent.encoder)
        width = self.encoder.features + self.action_history * self.num_actions
        hidden: list[nn.Module] = []
        for layer in agent.head.hidden:
            hidden += [nn.Dropout(agent.head.dropout), nn.Linear(width, layer), nn.ReLU()]
            width = layer
        self.hidden = nn.Sequential(*hidden)
        sets = len(categories) if self.per_category else 1
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
            # Row 0 stands for "no action yet" and is cut off: all zeros.
            past = F.one_hot(action_history + 1, self.num_actions + 1)[..., 1:]
            features = torch.cat([features, past.flatten(1).to(features.dtype)], dim=1)
        values = self.values(self.hidden(features)).view(len(boxes), -1, self.num_actions)
        return values.expand(-1, len(self.categories), -1)

    def layers(self) -> dict[str, nn.Module]:
        """The convolution layers by name, in order: ``conv1``, ``conv2``, …"""
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
