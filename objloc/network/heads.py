"""Heads of a Q-network: from feature vectors to outputs, and the options that change the way.

B windows, P pairs of a window and a category, R rows of features for each window (one for each
category, or one for all), F frames, A actions, H past actions, O numbers.
"""

from collections.abc import Iterable, Sequence
from typing import Protocol, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from objloc.network.encoder import Seen
from objloc.network.windows import Features, Pairs


class Masks(Protocol):
    """Source of dropout's masks, in the order of their use."""

    def __call__(self, values: Tensor, share: float) -> Tensor:
        """A mask for values, 1 where they are kept, which a fraction ``share`` is, 0 elsewhere."""


def fresh_mask(values: Tensor, share: float, generator: torch.Generator | None = None) -> Tensor:
    """Draw a mask for values; see ``Masks``."""
    return torch.empty_like(values).bernoulli_(share, generator=generator)


class Dropout(nn.Dropout):
    """Dropout whose masks may come from elsewhere.

    PyTorch's draws from the global generator, which threads would share.
    """

    def forward(self, values: Tensor, masks: Masks = fresh_mask) -> Tensor:
        """Drop a fraction ``p`` of the values in training, and scale up the others."""
        if not self.training or self.p == 0:
            return values
        return values * masks(values, 1 - self.p) / (1 - self.p)


def through(layers: Iterable[nn.Module], values: Tensor, masks: Masks = fresh_mask) -> Tensor:
    """Values after layers, one after another."""
    for layer in layers:
        values = layer(values, masks) if isinstance(layer, Dropout) else layer(values)
    return values


def dense(width: int, layers: tuple[int, ...], dropout: float) -> tuple[nn.Sequential, int]:
    """Dense layers with ReLU, each behind its dropout, and the width of the last.

    Args:
        width: width of the input.
        layers: widths of their outputs.
        dropout: fraction of the inputs of each that is dropped in training.
    """
    parts: list[nn.Module] = []
    for layer in layers:
        parts += [Dropout(dropout), nn.Linear(width, layer), nn.ReLU()]
        width = layer
    return nn.Sequential(*parts), width


def joint_layers(
    width: int, layers: tuple[int, ...], dropout: float, outputs: int
) -> nn.Sequential:
    """A second head, which values all categories of a window together."""
    parts, width = dense(width, layers, dropout)
    return parts.append(nn.Linear(width, outputs))


class Recurrent(nn.Module):
    """A gated recurrent unit over the windows of the last steps, oldest first.

    It starts from nothing at the oldest window seen: no state is kept between steps, so that
    replayed windows and those of a running episode are seen alike.

    Source: Hausknecht & Stone (2015), with the unit of Cho et al. (2014) for theirs.

    Args:
        features: length of the feature vector of all windows together.
        frames: F, windows of ``features / F`` each.
        width: width of the unit's state.
    """

    def __init__(self, features: int, frames: int, width: int) -> None:
        super().__init__()
        self.frames, self.width = frames, width
        self.unit = nn.GRU(features // frames, width, batch_first=True)

    def forward(self, steps: Tensor) -> Tensor:
        """Features of windows ``[n, F, features / F]`` to the last state ``[n, width]`` float32."""
        # Not in mixed precision: recurrent layers have it on some devices only.
        with torch.autocast(steps.device.type, enabled=False):
            steps = steps.float()
            # Zeros of as many rows, by broadcasting: traced into ONNX, a number of rows
            # that is read off a shape may become that of the example.
            start = 0 * steps[None, :, 0, :1] + steps.new_zeros(self.width)
            states, _ = self.unit(steps, start)
        last: Tensor = states[:, -1]
        return last

    def features(self, seen: Seen, pairs: Pairs | None = None) -> Features:
        """``Seen.features`` of windows taken in one after another."""
        if pairs is not None:
            return Features(None, self._features_for(seen, pairs))
        shared, own = seen.by_frame(self.frames).features()
        if shared is not None:
            own = torch.cat([shared[:, None].expand(-1, own.shape[1], -1), own], dim=2)
        rows = own.shape[1]
        steps = own.view(-1, self.frames, *own.shape[1:]).transpose(1, 2)
        return Features(None, self(steps.flatten(0, 1)).view(-1, rows, self.width))

    def _features_for(self, seen: Seen, pairs: Pairs) -> Tensor:
        """``[P, width]``."""
        frames, (window, category) = self.frames, pairs
        steps = torch.arange(frames, device=window.device)
        each = (window[:, None] * frames + steps).flatten()
        several = Pairs(each, category.repeat_interleave(frames))
        shared, own = seen.by_frame(frames).features(several)
        if shared is not None:
            own = torch.cat([F.embedding(each, shared), own], dim=1)
        last: Tensor = self(own.view(-1, frames, own.shape[1]))
        return last

    def shared_features(self, seen: Seen) -> Tensor:
        """``Seen.shared_features`` of windows taken in one after another: ``[B, width]``."""
        steps = seen.by_frame(self.frames).shared_features()
        last: Tensor = self(steps.view(-1, self.frames, steps.shape[1]))
        return last


def one_hot(past: Tensor, num_actions: int) -> Tensor:
    """Past actions ``[..., H]`` one-hot ``[..., H * A]`` float32, all zeros for none (-1)."""
    # Not by ``F.one_hot``, which asks the device for the largest number.
    actions = torch.arange(num_actions, device=past.device)
    return (past[..., None] == actions).flatten(-2).float()


def apply_dense(
    hidden: nn.Sequential,
    last: nn.Module,
    features: Features,
    pairs: Pairs | None,
    masks: Masks = fresh_mask,
) -> Tensor:
    """Dense layers on features kept in two parts: ``[B, R, O]`` or ``[P, O]`` float32.

    The first layer is a sum over its inputs: the part that all categories share is computed
    once for each window, not for each pair of window and category.

    Args:
        hidden: layers but the last.
        last: layer without activation.
        features: features of B windows.
        pairs: the rows of ``features.own``; None: they are ``[B, R, own]``.
        masks: those of dropout.
    """
    if features.shared is None:
        return through((*hidden, last), features.own, masks).float()
    layers: Sequence[nn.Module] = [*hidden, last]
    first = next(n for n, layer in enumerate(layers) if isinstance(layer, nn.Linear))
    drop, linear = layers[:first], cast(nn.Linear, layers[first])
    width = features.shared.shape[1]
    # In float32, so that the gradient of a look-up adds up in it.
    common = F.linear(through(drop, features.shared, masks), linear.weight[:, :width]).float()
    own = through(drop, features.own, masks)
    outputs = F.linear(own, linear.weight[:, width:], linear.bias)
    outputs = outputs + (common[:, None] if pairs is None else F.embedding(pairs.window, common))
    return through(layers[first + 1 :], outputs, masks).float()


def join_dueling(numbers: Tensor, num_actions: int) -> Tensor:
    """Advantages, further outputs and the state's value, ``[..., O + 1]``, to ``[..., O]``.

    Heads are added up before: the join is linear.
    Source: Wang et al. (2016), equation 9.
    """
    advantages, others = numbers[..., :num_actions], numbers[..., num_actions:-1]
    centred = advantages - advantages.mean(dim=-1, keepdim=True)
    return torch.cat([numbers[..., -1:] + centred, others], dim=-1)
