"""Networks of timm, where it is installed: ``timm:NAME``, NAME as timm knows it.

Their weights come from timm's hub when they are first loaded, and stay in its cache.

Source: Wightman, "PyTorch Image Models".
"""

import importlib
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn

from objloc.errors import ObjlocError
from objloc.network.backbones.base import Backbone, BackboneInfo
from objloc.network.backbones.noise import deviations, noise

_PREFIX = "timm:"
_STRIDES = (8, 16, 32)
_PROBES = 8
"""Number of pictures of noise on which deviations are measured."""


def model_of(name: str) -> str | None:
    """The part of a backbone's name that timm knows; None if it is not one of timm's."""
    return name.removeprefix(_PREFIX) if name.startswith(_PREFIX) else None


@lru_cache
def info_of(model: str) -> BackboneInfo:
    """Facts about a network, from it without weights.

    Raises:
        ObjlocError: see ``load_network``.
    """
    network = _create(model, pretrained=False)
    config = network.pretrained_cfg
    weights = f"{config.get('architecture')}.{config.get('tag')}"
    return BackboneInfo(tuple(network.feature_info.channels()), _STRIDES, weights)


class TimmBackbone(Backbone):
    """A network of timm that gives its maps.

    Args:
        network: made by ``timm.create_model(features_only=True)``.
        mean: ``[3]``, mean of the colours it was trained on, 0 to 1.
        deviation: ``[3]``, their standard deviation.
    """

    _mean: Tensor
    _deviation: Tensor

    def __init__(self, network: nn.Module, mean: list[float], deviation: list[float]) -> None:
        super().__init__([])
        self.network = network.eval()
        for name, values in (("_mean", mean), ("_deviation", deviation)):
            self.register_buffer(name, torch.tensor(values).view(1, 3, 1, 1), persistent=False)
        self.deviations = deviations(self(noise(_PROBES)))

    def forward(self, images: Tensor, number: int | None = None) -> list[Tensor]:
        """See ``Backbone``."""
        colours = (images.float() / 255 - self._mean.float()) / self._deviation.float()
        values = colours.to(self._weight.dtype).contiguous(memory_format=torch.channels_last)
        maps: list[Tensor] = self.network(values)
        return maps[:number]

    def train(self, mode: bool = True) -> "TimmBackbone":  # noqa: ARG002  # PyTorch's
        """Keep normalisation layers as they were trained, whatever is trained."""
        return super().train(False)

    def last_stages(self, number: int) -> list[nn.Sequential]:
        """Not available: timm does not give stages apart.

        Raises:
            ObjlocError: always.
        """
        raise ObjlocError(
            f"encoder.fine_tune: expected none or all with a backbone of timm; found the last "
            f"{number} stages"
        )


def load_network(model: str) -> TimmBackbone:
    """A network with its weights, float32.

    Raises:
        ObjlocError: timm is not installed, has no such network or none with maps of strides
            8, 16 and 32, or its weights are not available.
    """
    network = _create(model, pretrained=True)
    config = network.pretrained_cfg
    return TimmBackbone(network, list(config["mean"]), list(config["std"]))


def _create(model: str, *, pretrained: bool) -> Any:  # timm has no types
    try:
        timm = importlib.import_module("timm")
    except ImportError:
        raise ObjlocError(
            f"encoder.backbone: expected timm for {_PREFIX}{model} (pip install timm); found it "
            "not installed"
        ) from None
    try:
        network = timm.create_model(model, pretrained=False, features_only=True)
        strides = network.feature_info.reduction()
        if set(_STRIDES) <= set(strides):
            places = tuple(strides.index(stride) for stride in _STRIDES)
            return timm.create_model(
                model, pretrained=pretrained, features_only=True, out_indices=places
            )
    except Exception as error:
        # An unknown name, a network without maps, a hub out of reach: timm's own words.
        raise ObjlocError(
            f"encoder.backbone: expected a network of timm and its weights for {_PREFIX}{model}; "
            f"found {type(error).__name__}: {error}"
        ) from error
    raise ObjlocError(
        f"encoder.backbone: expected maps of strides 8, 16 and 32 for {_PREFIX}{model}; found "
        f"{', '.join(map(str, strides))}"
    )
