"""The Q-network: an encoder and a head, one value for each category and action.

B windows, P pairs of a window and a category, C categories, A actions, O outputs.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from objloc.data.image_batch import ImageBatch
from objloc.network.device import arithmetic
from objloc.network.encoder import Encoder, Seen, build_encoder
from objloc.network.heads import (
    Masks,
    Recurrent,
    apply_dense,
    dense,
    fresh_mask,
    join_dueling,
    joint_layers,
    one_hot,
    through,
)
from objloc.network.pyramid import PretrainedPyramid
from objloc.network.valuer import Valuer
from objloc.network.windows import Features, Pairs, Windows
from objloc.params import Agent


class QNetwork(Valuer):
    """Q(s, a, c): the value of action a in state s for a search of category c.

    The last layer is linear, so that values can be negative where every action is bad
    (the 2018 system's ReLU there did not allow that). With the logistic loss its outputs
    are logits: ``sigmoid(output)`` is where the value lies between the lowest and the
    highest possible return.

    With ``dueling`` the last layer gives one number more for each set of outputs: the
    state's value, after the advantages and the other outputs.

    Args:
        agent: its encoder, head and action set.
        categories: C names, in order.
    """

    def __init__(self, agent: Agent, categories: tuple[str, ...]) -> None:
        super().__init__(agent, categories)
        head = agent.head
        self._arithmetic: dict[torch.device, torch.dtype] = {}
        # Keep the order and names: fresh weights are drawn in this order, and checkpoints
        # use these names.
        encoder = build_encoder(agent.encoder, len(categories), bool(head.joint))
        self.encoder: Encoder = encoder
        width, joint_width = encoder.features, encoder.shared_features
        self.recurrent: Recurrent | None = None
        self.joint_recurrent: Recurrent | None = None
        if head.recurrent:
            self.recurrent = Recurrent(width, self.frames, head.recurrent)
            width = head.recurrent
        if head.recurrent and head.joint:
            self.joint_recurrent = Recurrent(joint_width, self.frames, head.recurrent)
            joint_width = head.recurrent
        width += self.action_history * self.num_actions
        self.hidden, width = dense(width, head.hidden, head.dropout)
        # Where categories have features of their own, one head serves them all.
        sets = len(categories) if self.per_category and not encoder.by_category else 1
        self.dueling = head.dueling
        self.outputs_per_set = self.num_outputs + self.dueling
        """Numbers of the last layer for each set of outputs: O, and one more with ``dueling``."""
        self.values = nn.Linear(width, sets * self.outputs_per_set)
        self.joint: nn.Sequential | None = None
        if head.joint:
            outputs = len(categories) * self.outputs_per_set
            self.joint = joint_layers(joint_width, head.joint, head.dropout, outputs)

    def encode(self, images: ImageBatch) -> Tensor:
        """See ``Valuer.encode``."""
        with self._autocast():
            views = self.encoder.encode(images)
        return views.float()

    def outputs(self, views: Tensor, windows: Windows, masks: Masks = fresh_mask) -> Tensor:
        """See ``Valuer.outputs``; ``masks`` are those of dropout."""
        with self._autocast():
            seen = self.encoder.observe(views, windows)
            features = self._features(seen)
            second = self._second_head(seen, masks)
            past = windows.action_history[:, None].expand(-1, features.own.shape[1], -1)
            numbers = self._first_head(features, past, masks)
        numbers = numbers.view(windows.boxes.shape[0], -1, self.outputs_per_set)
        if second is not None:
            numbers = numbers + second.view(numbers.shape)
        return self._combined(numbers).expand(-1, len(self.categories), -1)

    def outputs_for(
        self, views: Tensor, windows: Windows, pairs: Pairs, masks: Masks = fresh_mask
    ) -> Tensor:
        """See ``Valuer.outputs_for``; ``masks`` are those of dropout."""
        if not self.encoder.by_category:
            return self.outputs(views, windows, masks)[pairs.window, pairs.category]
        with self._autocast():
            seen = self.encoder.observe(views, windows)
            features = self._features(seen, pairs)
            past = windows.action_history[pairs.window]
            numbers = self._first_head(features, past, masks, pairs)
            second = self._second_head(seen, masks)
            if second is not None:
                rows = pairs.window * len(self.categories) + pairs.category
                numbers = numbers + F.embedding(rows, second)
        return self._combined(numbers)

    def _features(self, seen: Seen, pairs: Pairs | None = None) -> Features:
        """Features for the first head, all frames together."""
        return (
            seen.features(pairs) if self.recurrent is None else self.recurrent.features(seen, pairs)
        )

    def _first_head(
        self, features: Features, past: Tensor, masks: Masks, pairs: Pairs | None = None
    ) -> Tensor:
        """Numbers of the first head: ``[B, R, ...]`` or ``[P, outputs_per_set]`` float32.

        Args:
            features: features of B windows.
            past: ``[..., H]`` int64, past actions for each row of ``features.own``.
            masks: those of dropout.
            pairs: the window and category of each row of ``features.own``; None: it holds
                the R rows of every window.
        """
        if self.action_history:
            own = torch.cat([features.own, one_hot(past, self.num_actions)], dim=-1)
            features = features._replace(own=own)
        return apply_dense(self.hidden, self.values, features, pairs, masks)

    def _second_head(self, seen: Seen, masks: Masks) -> Tensor | None:
        """Numbers of the second head: ``[B * C, outputs_per_set]`` float32; None without one."""
        if self.joint is None:
            return None
        unit = self.joint_recurrent
        features = seen.shared_features() if unit is None else unit.shared_features(seen)
        numbers = through(self.joint, features, masks)
        return numbers.float().view(-1, self.outputs_per_set)

    def _combined(self, numbers: Tensor) -> Tensor:
        """Outputs ``[..., O]`` from the last layer's numbers ``[..., outputs_per_set]``."""
        return join_dueling(numbers, self.num_actions) if self.dueling else numbers

    def _autocast(self) -> torch.autocast:
        device = self.device
        # Asked for once: a compiler cannot capture the question to a GPU's driver.
        if device not in self._arithmetic:
            self._arithmetic[device] = arithmetic(self.agent.encoder.precision, device)
        enabled = self._arithmetic[device] is torch.bfloat16
        return torch.autocast(device.type, torch.bfloat16, enabled=enabled)

    def category_weights(self) -> dict[str, tuple[int, int]]:
        """Weights that have rows for each category.

        Returns:
            By name: how many shared rows come first, then how many each category has.
        """
        rows = (0, self.outputs_per_set)
        if not self.encoder.by_category:
            return (
                dict.fromkeys(("values.weight", "values.bias"), rows) if self.per_category else {}
            )
        weights = {
            f"encoder.{name}": each for name, each in self.encoder.category_weights().items()
        }
        if self.joint is not None:
            last = f"joint.{len(self.joint) - 1}"
            weights |= {f"{last}.weight": rows, f"{last}.bias": rows}
        return weights

    def pretrained_weights(self) -> list[str]:
        """Names of the weights that come from a pretrained backbone and are trained further."""
        begin = tuple(f"encoder.pyramid.{each}" for each in PretrainedPyramid.PRETRAINED)
        return [name for name, _ in self.named_parameters() if name.startswith(begin)]

    def layers(self) -> dict[str, nn.Module]:
        """See ``Valuer.layers``."""
        return self.encoder.layers()


def build_network(
    agent: Agent, categories: tuple[str, ...], generator: torch.Generator | None = None
) -> QNetwork:
    """A network with fresh weights, drawn by ``generator`` where one is given.

    PyTorch's layers draw from the global generator: its state is saved and restored, so
    that other code's random numbers stay the same.
    """
    if generator is None:
        return QNetwork(agent, categories)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(torch.randint(2**62, (), generator=generator)))
        return QNetwork(agent, categories)
