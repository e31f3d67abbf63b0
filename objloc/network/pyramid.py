"""Pyramids: from images to one fine map that knows what the coarse ones know.

Source: Lin et al. (2017), feature pyramids.

N images, S pixels a side, L numbers in a row of features, s cells a side of a map.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from objloc.data.image_batch import FeatureRows, ImageBatch, pixels_of
from objloc.network.backbones.base import Backbone, train_further, unpack
from objloc.network.backbones.catalogue import backbone_of, info_of, load_backbone
from objloc.params import Encoder

_AT_ONCE = 16
"""Images given to a frozen backbone at once: the first maps of a large image are large."""
_GREY = (0.299, 0.587, 0.114)
"""Luma weights of ITU-R BT.601, as in Pillow's greyscale."""


def luma(images: Tensor) -> Tensor:
    """Drop colour: ``[N, 3, H, W]`` float32 to ``[N, 1, H, W]``."""
    weights = torch.tensor(_GREY, device=images.device).view(1, 3, 1, 1)
    return (images * weights).sum(dim=1, keepdim=True)


class Pointwise(nn.Linear):
    """A 1x1 convolution: ``[N, C, H, W]`` to ``[N, D, H, W]``.

    Written as a matrix product: oneDNN's kernel for the weight gradient of 1x1
    convolutions (PyTorch 2.13, AVX-512, two threads) writes out of its bounds at
    maps of odd sides and takes the process with it.
    """

    def forward(self, values: Tensor) -> Tensor:
        """``[N, C, H, W]`` to ``[N, D, H, W]``."""
        product: Tensor = super().forward(values.permute(0, 2, 3, 1))
        return product.permute(0, 3, 1, 2)


class _Residual(nn.Module):
    """Two 3x3 convolutions beside a shortcut; the first halves the map.

    Source: He et al. (2016), the basic block; the shortcut averages before it
    projects (He et al. 2019, "Bag of tricks", ResNet-D).
    """

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3, stride=2, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels_out)
        self.conv2 = nn.Conv2d(channels_out, channels_out, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels_out)
        self.shortcut = Pointwise(channels_in, channels_out)

    def forward(self, values: Tensor) -> Tensor:
        inner = F.relu(self.norm1(self.conv1(values)))
        # Ceil: a convolution of stride 2 rounds odd sides up.
        halved = F.avg_pool2d(values, 2, ceil_mode=True)
        return F.relu(self.norm2(self.conv2(inner)) + self.shortcut(halved))


class _Block(nn.Module):
    """Two 3x3 convolutions beside a shortcut; the map keeps its size (He et al. 2016)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)

    def forward(self, values: Tensor) -> Tensor:
        inner = F.relu(self.norm1(self.conv1(values)))
        return F.relu(self.norm2(self.conv2(inner)) + values)


class ResidualPyramid(nn.Module):
    """A residual network trained from scratch, its maps merged down to stride 4.

    The network halves the image at its stem and at each stage. Its last map is
    enlarged and added to the one before, down to that of the first stage: coarse
    maps know what is there, fine ones where it ends. The mean of the last map is
    added everywhere, so that a window knows what the whole image holds.

    Args:
        params: see ``objloc.params.Encoder``.
    """

    def __init__(self, params: Encoder) -> None:
        super().__init__()
        stem, *widths = params.widths
        self._greyscale = params.greyscale
        channels = 1 if params.greyscale else 3
        self.stem = nn.Conv2d(channels, stem, 5, stride=2, padding=2, bias=False)
        self.stem_norm = nn.BatchNorm2d(stem)
        self.stages = nn.ModuleList(
            _Residual(before, width) for before, width in zip(params.widths, widths, strict=False)
        )
        self.lateral = nn.ModuleList(Pointwise(width, params.neck_width) for width in widths)
        self.image_wide = nn.Linear(widths[-1], params.neck_width)
        self.smooth = nn.Conv2d(params.neck_width, params.neck_width, 3, padding=1, bias=False)
        self.smooth_norm = nn.BatchNorm2d(params.neck_width)

    def forward(self, images: ImageBatch) -> Tensor:
        """Pixels to maps: ``[N, neck_width, S / 4, S / 4]`` float32."""
        pixels = pixels_of(images).float()
        if self._greyscale:
            pixels = luma(pixels)
        values = pixels.div(127.5).sub(1).contiguous(memory_format=torch.channels_last)
        values = F.relu(self.stem_norm(self.stem(values)))
        maps = []
        for stage in self.stages:
            values = stage(values)
            maps.append(values)
        wide = self.image_wide(values.mean(dim=(2, 3)))[:, :, None, None]
        merged: Tensor = self.lateral[-1](maps[-1]) + wide
        for lateral, finer in zip(self.lateral[-2::-1], maps[-2::-1], strict=True):
            larger = F.interpolate(
                F.relu(merged), finer.shape[-2:], mode="bilinear", align_corners=False
            )
            merged = lateral(finer) + larger
        return F.relu(self.smooth_norm(self.smooth(F.relu(merged))))

    def layers(self) -> dict[str, nn.Module]:
        """The convolution layers by name, in order."""
        named: dict[str, nn.Module] = {"conv1": self.stem}
        for stage in self.stages:
            for convolution in (stage.conv1, stage.conv2):
                named[f"conv{len(named) + 1}"] = convolution  # type: ignore[assignment]
        return named


class PretrainedPyramid(nn.Module):
    """Maps of a pretrained backbone, merged down to its finest stride.

    Coarse maps pass a 3x3 convolution beside a shortcut before they are enlarged;
    at the finest one it would cost more than all else together. A frozen backbone
    is no part of the module: its weights are its package's, and are neither
    trained nor saved with the agent. Its maps may come as rows of a feature store; stages
    that are trained compute theirs from the last of those. A network with one map, as
    transformers have, gets a coarser one by averaging.

    Source: Li et al. (2022, "ViTDet"), a pyramid from a transformer's last map alone.

    Args:
        params: see ``objloc.params.Encoder``.
    """

    PRETRAINED = ("backbone.", "last_stages.")
    """Prefixes of the names of weights that come from the package and are trained further."""

    def __init__(self, params: Encoder) -> None:
        super().__init__()
        self._params = params
        self._info = info_of(params)
        self._frozen: list[Backbone] = []  # a list: hidden from nn.Module
        self.last_stages = nn.ModuleList()
        if params.fine_tune == "all":
            self.backbone = train_further(load_backbone(params))
        elif params.fine_tune != "none":
            loaded = load_backbone(params)
            stages = loaded.last_stages(1 if params.fine_tune == "last" else 2)
            self.last_stages.extend(train_further(stage) for stage in stages)
            self._units = [unit.view(1, -1, 1, 1) for unit in loaded.deviations]
        width, channels = params.neck_width, self._info.channels
        self._one_map = len(channels) == 1
        if self._one_map:
            channels = (*channels, *channels)
        self.lateral = nn.ModuleList(Pointwise(each, width) for each in channels)
        self.image_wide = nn.Linear(channels[-1], width)
        self.smooth = nn.ModuleList(
            nn.Sequential(nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width))
            for _ in channels[1:]
        )
        self.deeper = nn.ModuleList(
            nn.Sequential(*(_Block(width) for _ in range(params.neck_blocks))) for _ in channels[1:]
        )
        self.norm = nn.BatchNorm2d(width)

    def forward(self, images: ImageBatch) -> Tensor:
        """Images or rows to maps: ``[N, neck_width, s, s]`` float32, s at the finest stride."""
        maps = self._maps(images)
        wide = self.image_wide(maps[-1].mean(dim=(2, 3)))[:, :, None, None]
        merged: Tensor = self.lateral[-1](maps[-1]) + wide
        for smooth, deeper, lateral, finer in zip(
            self.smooth, self.deeper, self.lateral[-2::-1], maps[-2::-1], strict=True
        ):
            coarse = deeper(F.relu(merged + smooth(F.relu(merged))))
            merged = lateral(finer) + F.interpolate(coarse, finer.shape[-2:], mode="nearest")
        return F.relu(self.norm(merged))

    def _maps(self, images: ImageBatch) -> list[Tensor]:
        """The backbone's maps in units of their channels' deviations."""
        if self._params.fine_tune == "all":
            return self.backbone.in_units(self.backbone(pixels_of(images)))
        maps = self._frozen_maps(images)
        if self._one_map:
            maps.append(F.avg_pool2d(maps[0], 2))
        if self._params.fine_tune != "none":
            units = [unit.to(maps[-1].device) for unit in self._units[len(maps) - 1 :]]
            values = maps[-1] * units[0]
            for stage, unit in zip(self.last_stages, units[1:], strict=True):
                values = stage(values)
                maps.append(values.float() / unit)
        return maps

    def _frozen_maps(self, images: ImageBatch) -> list[Tensor]:
        """Maps that no trained stage makes, in units of their channels' deviations."""
        number = len(self._info.channels) - len(self.last_stages)
        if isinstance(images, FeatureRows):
            rows = images.by_backbone[self.source]
            return unpack(rows, self._info, self._params.image_size, number)
        if self.reads_rows:
            # Through the store's 8 bits: the same image is the same from either.
            rows = self.rows(images.values)
            return unpack(rows, self._info, self._params.image_size, number)
        backbone = self._backbone(images.values.device)
        with torch.no_grad():
            parts = [backbone(part, number) for part in torch.split(images.values, _AT_ONCE)]
            return backbone.in_units([torch.cat(each) for each in zip(*parts, strict=True)])

    def _backbone(self, device: torch.device) -> Backbone:
        """The frozen backbone on a device, loaded when it is first needed."""
        if not self._frozen:
            self._frozen.append(backbone_of(self._params, device))
        return self._frozen[0].to(device)

    @property
    def source(self) -> str:
        """Name of the backbone whose rows it takes."""
        return self._params.source

    @property
    def reads_rows(self) -> bool:
        """Whether it sees images through ``rows``, stored or computed when needed."""
        return self._params.reads_store

    def rows(self, images: Tensor) -> Tensor:
        """Compute rows of a feature store: ``[N, 3, S, S]`` uint8 to ``[N, L]`` int8."""
        backbone = self._backbone(images.device)
        return torch.cat([backbone.rows(part) for part in torch.split(images, _AT_ONCE)])

    def layers(self) -> dict[str, nn.Module]:
        """The trained convolutions by name, in order."""
        return {f"conv{1 + n}": part[0] for n, part in enumerate(self.smooth)}  # type: ignore[index]
