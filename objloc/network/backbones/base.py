"""The contract of pretrained backbones, and how their maps are packed into rows.

N images, S pixels a side, C channels and s cells a side of a map, L numbers in a row.
"""

from abc import ABC, abstractmethod
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor, nn


class BackboneInfo(NamedTuple):
    """Facts about a backbone that need no weights.

    Attributes:
        channels: number of channels of each map, the finest first.
        strides: pixels of the image for a cell of each map.
        weights: identity of its weights, part of a feature store's.
    """

    channels: tuple[int, ...]
    strides: tuple[int, ...]
    weights: str

    def shapes(self, image_size: int) -> tuple[tuple[int, int, int], ...]:
        """Shapes ``(s, s, C)`` of the maps of an image of ``image_size`` pixels a side."""
        return tuple(
            (image_size // stride, image_size // stride, channels)
            for stride, channels in zip(self.strides, self.channels, strict=True)
        )

    def length(self, image_size: int) -> int:
        """L for an image of ``image_size`` pixels a side."""
        return sum(height * width * depth for height, width, depth in self.shapes(image_size))


_M = TypeVar("_M", bound=nn.Module)
_DEVIATIONS = 5.0
"""Standard deviations of its channel up to which a value is kept, in 8 bits."""


class Backbone(nn.Module, ABC):
    """A network trained elsewhere that gives its last maps at several strides.

    Args:
        deviations: ``[C]`` for each map, the finest first: the unit of its channels, about
            their standard deviation.
    """

    def __init__(self, deviations: list[Tensor]) -> None:
        super().__init__()
        self.deviations = deviations

    @abstractmethod
    def forward(self, images: Tensor, number: int | None = None) -> list[Tensor]:
        """Maps of images: ``[N, C, s, s]`` for each stride, the finest first.

        Args:
            images: ``[N, 3, S, S]`` uint8.
            number: how many of the finest maps are wanted; None: all.
        """

    @abstractmethod
    def last_stages(self, number: int) -> list[nn.Sequential]:
        """Stages that make the last ``number`` maps, each of the map before."""

    @property
    def _weight(self) -> Tensor:
        """One of its weights: all are of one type, on one device."""
        return next(self.parameters())

    def in_units(self, maps: list[Tensor]) -> list[Tensor]:
        """Divide maps ``[N, C, s, s]``, the finest first, by their channels' deviations."""
        return [
            values.float() / unit.to(values.device).view(1, -1, 1, 1)
            for values, unit in zip(maps, self.deviations, strict=False)
        ]

    @torch.inference_mode()
    def rows(self, images: Tensor) -> Tensor:
        """Maps of images, packed: ``[N, 3, S, S]`` uint8 to ``[N, L]`` int8."""
        return pack(self(images.to(self._weight.device)), self.deviations)


def train_further(module: _M) -> _M:
    """Let the weights of a backbone be trained, all but its convolutions by channel.

    On a CPU the gradient of those weights takes three quarters of a step backwards
    (oneDNN 3 has no fast kernel for it in bfloat16), for a twentieth of the weights; the
    1x1 convolutions before and behind them are trained.
    """
    for part in module.modules():
        if isinstance(part, nn.Conv2d) and part.groups == 1:
            part.requires_grad_(True)
    return module


def pack(maps: list[Tensor], deviations: list[Tensor]) -> Tensor:
    """Pack maps ``[N, C, s, s]`` into rows ``[N, L]`` int8, channels innermost.

    Args:
        maps: the finest first.
        deviations: ``[C]`` for each map, the unit of its channels.
    """
    rows = []
    for values, deviation in zip(maps, deviations, strict=True):
        unit = deviation.to(values.device).float().view(1, -1, 1, 1) * (_DEVIATIONS / 127)
        levels = (values.float() / unit).round().clamp(-127, 127)
        rows.append(levels.to(torch.int8).permute(0, 2, 3, 1).flatten(1))
    return torch.cat(rows, dim=1)


def unpack(rows: Tensor, info: BackboneInfo, image_size: int, number: int) -> list[Tensor]:
    """Unpack rows into maps ``[N, C, s, s]`` float32, in units of their deviations.

    Args:
        rows: ``[N, L]`` int8.
        info: the backbone's.
        image_size: side of the images in pixels.
        number: how many of the finest maps are wanted.
    """
    maps, start = [], 0
    for height, width, channels in info.shapes(image_size)[:number]:
        stop = start + height * width * channels
        part = rows[:, start:stop].view(-1, height, width, channels).float()
        maps.append((part * (_DEVIATIONS / 127)).permute(0, 3, 1, 2))
        start = stop
    return maps
