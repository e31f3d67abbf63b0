"""The Q-network: an encoder and a head, one value for each category and action."""

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from objloc.mdp.action import actions_of
from objloc.network.bounds import bounds_of
from objloc.network.encoder import build_encoder
from objloc.network.map_encoder import Features, MapEncoder, Pooled
from objloc.network.precision import arithmetic
from objloc.network.pyramid import PretrainedPyramid
from objloc.network.recurrent import Recurrent
from objloc.params import Agent

NUM_STEPS = 4
"""Along x and y, and of width and height."""

STEP_UNIT = 0.2
"""Steps are learned in units of this, so that they are about as large as other outputs."""


QUARTERS = 4
"""Of a window, in the order of reading; each may have a zoom of learned extent."""


class QNetwork(nn.Module):
    """Q(s, a, c): the value of action a in state s for a search of category c.

    The last layer is linear: values are negative where every action is bad (the
    2018 system's ReLU there could not say so). With the logistic loss its outputs are
    the log-odds of a value's share of the range that returns can have.

    With ``dueling`` each set of outputs comes from one number more in the last layer:
    advantages (and presence), then the state's value.

    Args:
        agent: its encoder, head and action set.
        categories: C names, in order.
    """

    bounds: Tensor | None
    """``[2, A]``, the least and the greatest value of each action; None where values have
    no bounds."""

    def __init__(self, agent: Agent, categories: tuple[str, ...]) -> None:
        super().__init__()
        self.categories = categories
        self.num_actions = len(actions_of(agent.mdp))
        self.frames = agent.encoder.frames
        self.action_history = agent.head.action_history
        self.per_category = agent.head.per_category
        self.encoder = build_encoder(agent.encoder, len(categories), bool(agent.head.joint))
        self.recurrent: Recurrent | None = None
        self.joint_recurrent: Recurrent | None = None
        width, joint_width = self.encoder.features, 0
        if isinstance(self.encoder, MapEncoder):
            joint_width = self.encoder.shared_features
            if agent.head.recurrent:
                self.recurrent = Recurrent(width, self.frames, agent.head.recurrent)
                width = agent.head.recurrent
                if agent.head.joint:
                    self.joint_recurrent = Recurrent(joint_width, self.frames, width)
                    joint_width = width
        width += self.action_history * self.num_actions
        self.hidden, width = _dense(width, agent.head.hidden, agent.head.dropout)
        # Where categories have features of their own, one head serves them all.
        sets = len(categories) if self.per_category and not self.encoder.by_category else 1
        self.presence = agent.head.presence
        self.dueling = agent.head.dueling
        self.learned_steps = agent.head.learned_steps
        self.learned_zooms = agent.head.learned_zooms
        self.num_rows = (
            self.num_actions
            + self.presence
            + QUARTERS * (1 + NUM_STEPS) * self.learned_zooms
            + NUM_STEPS * self.learned_steps
            + self.dueling
        )
        """Numbers of the last layer for each set of outputs."""
        self.values = nn.Linear(width, sets * self.num_rows)
        self.joint: nn.Sequential | None = None
        if isinstance(self.encoder, MapEncoder) and agent.head.joint:
            joint, joint_width = _dense(joint_width, agent.head.joint, agent.head.dropout)
            joint.append(nn.Linear(joint_width, len(categories) * self.num_rows))
            self.joint = joint
        self._precision = agent.encoder.precision
        # Not a weight: it follows from the parameters.
        self.register_buffer("bounds", bounds_of(agent, self.num_actions), persistent=False)

    @property
    def device(self) -> torch.device:
        """Where its weights are."""
        return self.values.weight.device

    def encode(self, images: Tensor) -> Tensor:
        """Images to views: ``[N, 3, S, S]`` uint8 to ``[N, ...]`` float32.

        A pretrained encoder also takes rows of a feature store, ``[N, L]`` int8.
        """
        with self._autocast(images.device):
            views: Tensor = self.encoder.encode(images)
        return views.float()

    def forward(
        self, views: Tensor, index: Tensor, boxes: Tensor, action_history: Tensor
    ) -> Tensor:
        """Q-values of windows: ``[B, C, A]``; see ``outputs`` for the arguments."""
        return self.values_of(self.outputs(views, index, boxes, action_history))

    def outputs(
        self, views: Tensor, index: Tensor, boxes: Tensor, action_history: Tensor
    ) -> Tensor:
        """What the last layer says of windows, before it is read as values.

        Args:
            views: ``[N, ...]`` from ``encode``.
            index: ``[B]`` int64, the view of each window.
            boxes: ``[B, frames, 4]`` float32, shares of the image's sides, newest
                last.
            action_history: ``[B, H]`` int64, newest last, -1 for none.

        Returns:
            ``[B, C, A]``, or ``[B, C, A + 1]`` with presence; the same for every
            category unless ``per_category``.
        """
        together: Tensor | None = None
        with self._autocast(views.device):
            if isinstance(self.encoder, MapEncoder):
                pooled = self.encoder.pool(views, index, boxes)
                features = self._features_of_all(self.encoder, pooled)
                together = self._jointly(pooled)
            else:
                features = self.encoder.observe(views, index, boxes)
            past = action_history[:, None].expand(-1, features.own.shape[1], -1)
            outputs = self._head(features, past)
        outputs = outputs.view(boxes.shape[0], -1, self.num_rows)
        if together is not None:
            outputs = outputs + together.view(outputs.shape)
        return self._joined(outputs).expand(-1, len(self.categories), -1)

    def values_of(self, outputs: Tensor) -> Tensor:
        """Outputs ``[..., A or A + 1]`` read as Q-values ``[..., A]``."""
        outputs = outputs[..., : self.num_actions]
        if self.bounds is None:
            return outputs
        least, greatest = self.bounds[0], self.bounds[1]
        return least + (greatest - least) * torch.sigmoid(outputs)

    def presence_of(self, outputs: Tensor) -> Tensor:
        """Outputs ``[..., A + 1]`` read as the probability of presence ``[...]``."""
        return torch.sigmoid(outputs[..., self.num_actions])

    def steps_of(self, outputs: Tensor) -> Tensor:
        """Outputs ``[..., O]`` read as steps ``[..., 4]``; see ``steps_between``."""
        return STEP_UNIT * outputs[..., -NUM_STEPS:]

    def zooms_of(self, outputs: Tensor) -> tuple[Tensor, Tensor]:
        """Outputs ``[..., O]`` read as learned zooms, one for each quarter of the window.

        Returns:
            Log-odds ``[..., 4]`` that an object small beside the window has its centre in the
            quarter; steps ``[..., 4, 4]`` from the quarter to it, see ``steps_between``.
        """
        first = self.num_actions + self.presence
        numbers = outputs[..., first : first + QUARTERS * (1 + NUM_STEPS)]
        numbers = numbers.reshape(*outputs.shape[:-1], QUARTERS, 1 + NUM_STEPS)
        return numbers[..., 0], STEP_UNIT * numbers[..., 1:]

    def values_for(
        self,
        views: Tensor,
        index: Tensor,
        boxes: Tensor,
        action_history: Tensor,
        window: Tensor,
        category: Tensor,
    ) -> Tensor:
        """Q-values of some windows for one category each: ``[P, A]``; see ``outputs_for``."""
        return self.values_of(
            self.outputs_for(views, index, boxes, action_history, window, category)
        )

    def outputs_for(
        self,
        views: Tensor,
        index: Tensor,
        boxes: Tensor,
        action_history: Tensor,
        window: Tensor,
        category: Tensor,
    ) -> Tensor:
        """Outputs for some windows and one category each: ``[P, A or A + 1]``.

        Args:
            views: see ``outputs``.
            index: likewise.
            boxes: likewise.
            action_history: likewise.
            window: ``[P]`` int64, which of the B windows.
            category: ``[P]`` int64.
        """
        if not isinstance(self.encoder, MapEncoder) or not self.encoder.by_category:
            return self.outputs(views, index, boxes, action_history)[window, category]
        with self._autocast(views.device):
            pooled = self.encoder.pool(views, index, boxes)
            features = self._features_of(self.encoder, pooled, window, category)
            outputs = self._head(features, action_history[window], window)
            together = self._jointly(pooled)
            if together is not None:
                outputs = outputs + F.embedding(window * len(self.categories) + category, together)
        return self._joined(outputs)

    def _joined(self, rows: Tensor) -> Tensor:
        """Numbers of the last layer ``[..., num_rows]`` as outputs ``[..., A or A + 1]``.

        Both heads' numbers are added up before: the join is linear.
        Source: Wang et al. (2016), equation 9.
        """
        if not self.dueling:
            return rows
        advantages, others = rows[..., : self.num_actions], rows[..., self.num_actions : -1]
        centred = advantages - advantages.mean(dim=-1, keepdim=True)
        return torch.cat([rows[..., -1:] + centred, others], dim=-1)

    def _features_of_all(self, encoder: MapEncoder, pooled: Pooled) -> Features:
        """``MapEncoder.features_of_all``, of all frames together."""
        if self.recurrent is None:
            return encoder.features_of_all(pooled)
        shared, own = encoder.features_of_all(pooled.by_frame(self.frames))
        if shared is not None:
            own = torch.cat([shared[:, None].expand(-1, own.shape[1], -1), own], dim=2)
        rows = own.shape[1]
        steps = own.view(-1, self.frames, *own.shape[1:]).transpose(1, 2)
        return Features(
            None, self.recurrent(steps.flatten(0, 1)).view(-1, rows, self.recurrent.width)
        )

    def _features_of(
        self, encoder: MapEncoder, pooled: Pooled, window: Tensor, category: Tensor
    ) -> Features:
        """``MapEncoder.features_of``, of all frames together."""
        if self.recurrent is None:
            return encoder.features_of(pooled, window, category)
        each = (
            window[:, None] * self.frames + torch.arange(self.frames, device=window.device)
        ).flatten()
        shared, own = encoder.features_of(
            pooled.by_frame(self.frames), each, category.repeat_interleave(self.frames)
        )
        if shared is not None:
            own = torch.cat([F.embedding(each, shared), own], dim=1)
        return Features(None, self.recurrent(own.view(-1, self.frames, own.shape[1])))

    def _head(self, features: Features, past: Tensor, window: Tensor | None = None) -> Tensor:
        """Numbers of the first head's last layer, float32: ``[..., O]``.

        Its first layer is a sum over its inputs: the part of those that all categories
        share is computed once for each window, not for each pair of window and category.

        Args:
            features: of B windows.
            past: ``[..., H]`` int64, past actions, for each row of ``features.own``.
            window: ``[P]`` int64, the windows of the rows of ``features.own``; None:
                those are ``[B, R, own]``.
        """
        layers = [*self.hidden, self.values]
        own = features.own
        if self.action_history:
            own = torch.cat([own, self._one_hot(past)], dim=-1)
        if features.shared is None:
            outputs: Tensor = self.values(self.hidden(own))
            return outputs.float()
        first = next(n for n, layer in enumerate(layers) if isinstance(layer, nn.Linear))
        drop, linear = nn.Sequential(*layers[:first]), cast(nn.Linear, layers[first])
        width = features.shared.shape[1]
        # In float32, so that the gradient of a look-up adds up in it.
        common = F.linear(drop(features.shared), linear.weight[:, :width]).float()
        outputs = F.linear(drop(own), linear.weight[:, width:], linear.bias)
        outputs = outputs + (common[:, None] if window is None else F.embedding(window, common))
        for layer in layers[first + 1 :]:
            outputs = layer(outputs)
        return outputs.float()

    def _jointly(self, pooled: Pooled) -> Tensor | None:
        """Those of the second head, float32: ``[B * C, num_rows]``; None if there is none."""
        if self.joint is None or not isinstance(self.encoder, MapEncoder):
            return None
        if self.joint_recurrent is None:
            features = self.encoder.shared_of(pooled)
        else:
            steps = self.encoder.shared_of(pooled.by_frame(self.frames))
            features = self.joint_recurrent(steps.view(-1, self.frames, steps.shape[1]))
        outputs: Tensor = self.joint(features)
        return outputs.float().view(-1, self.num_rows)

    def _autocast(self, device: torch.device) -> torch.autocast:
        dtype = arithmetic(self._precision, device)
        return torch.autocast(device.type, torch.bfloat16, enabled=dtype is torch.bfloat16)

    def _one_hot(self, past: Tensor) -> Tensor:
        """Past actions one-hot, all zeros for none: ``[..., H]`` to ``[..., H * A]`` float32."""
        return F.one_hot(past + 1, self.num_actions + 1)[..., 1:].flatten(-2).float()

    def pretrained_weights(self) -> list[str]:
        """Names of the weights that come from a backbone's package and are trained further."""
        begin = tuple(f"encoder.pyramid.{each}" for each in PretrainedPyramid.PRETRAINED)
        return [name for name, _ in self.named_parameters() if name.startswith(begin)]

    def layers(self) -> dict[str, nn.Module]:
        """The convolution layers by name, in order: ``conv1``, ``conv2`` and so on."""
        return self.encoder.layers()


def _dense(width: int, layers: tuple[int, ...], dropout: float) -> tuple[nn.Sequential, int]:
    """Dense layers with ReLU, and the width of the last."""
    parts: list[nn.Module] = []
    for layer in layers:
        parts += [nn.Dropout(dropout), nn.Linear(width, layer), nn.ReLU()]
        width = layer
    return nn.Sequential(*parts), width


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
