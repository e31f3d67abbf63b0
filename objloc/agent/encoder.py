"""What the agent sees: from an image and a window to a feature vector.

Both encoders work in two steps. ``encode`` looks at whole images, once for all
windows of them; ``observe`` looks through windows at what came out of it.
"""

from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from objloc.params import Encoder as EncoderParams

_GREY = (0.299, 0.587, 0.114)
"""Luma weights of ITU-R BT.601, what Pillow's greyscale uses."""


class Encoder(Protocol):
    """The interface of encoders; both are ``nn.Module``."""

    features: int
    """Length of the feature vector."""
    by_category: bool
    """Each category has features of its own."""

    def encode(self, images: Tensor) -> Tensor:
        """Images to views: ``[N, 3, S, S]`` uint8 to ``[N, ...]`` float32."""

    def observe(self, views: Tensor, index: Tensor, boxes: Tensor) -> Tensor:
        """Windows to features.

        Args:
            views: from ``encode``.
            index: ``[B]`` int64, the view of each window.
            boxes: ``[B, F, 4]`` float32, windows of the last F steps as shares
                of the image's sides, newest last.

        Returns:
            ``[B, R, features]``: one row for each category if ``by_category``,
            else one for all.
        """

    def layers(self) -> dict[str, nn.Module]:
        """The convolution layers by name, in order."""


class CropEncoder(nn.Module):
    """Windows cut out of the squashed image, the last few stacked, into a network.

    Source: the 2018 dissertation; its layers are those of Mnih et al. (2015).
    """

    def __init__(self, params: EncoderParams) -> None:
        super().__init__()
        self._greyscale = params.greyscale
        self._window_size = params.window_size
        channels = (1 if params.greyscale else 3) * params.frames
        self.conv1 = nn.Conv2d(channels, 32, 8, stride=4)
        self.conv2 = nn.Conv2d(32, 64, 4, stride=2)
        self.conv3 = nn.Conv2d(64, 64, 3, stride=1)
        side = ((params.window_size - 8) // 4 + 1 - 4) // 2 + 1 - 2
        self.features = 64 * side * side
        self.by_category = False

    def encode(self, images: Tensor) -> Tensor:
        """``[N, 3, S, S]`` uint8 to ``[N, 1 or 3, S, S]`` float32, 0 to 1."""
        views = images.float() / 255
        if self._greyscale:
            weights = torch.tensor(_GREY, device=views.device).view(1, 3, 1, 1)
            views = (views * weights).sum(dim=1, keepdim=True)
        return views

    def observe(self, views: Tensor, index: Tensor, boxes: Tensor) -> Tensor:
        """See ``Encoder.observe``; ``[B, 1, 64 * side * side]``."""
        crops = self.crop(views, index, boxes)
        values = F.relu(self.conv1(crops))
        values = F.relu(self.conv2(values))
        return F.relu(self.conv3(values)).flatten(1)[:, None]

    def crop(self, views: Tensor, index: Tensor, boxes: Tensor) -> Tensor:
        """The windows themselves: ``[B, frames * channels, window, window]``."""
        number, frames, _ = boxes.shape
        grid = sampling_grid(boxes.reshape(-1, 4), self._window_size)
        pictures = views[index].repeat_interleave(frames, dim=0)
        crops = F.grid_sample(pictures, grid, padding_mode="border", align_corners=False)
        return crops.view(number, -1, self._window_size, self._window_size)

    def layers(self) -> dict[str, nn.Module]:
        """See ``Encoder.layers``."""
        return {"conv1": self.conv1, "conv2": self.conv2, "conv3": self.conv3}


class _Pointwise(nn.Linear):
    """A 1x1 convolution: ``[N, C, H, W]`` to ``[N, D, H, W]``.

    Written as a matrix product: oneDNN's kernel for the weight gradient of 1x1
    convolutions (PyTorch 2.13, AVX-512, two threads) writes out of its bounds at
    maps of odd sides and takes the process with it.
    """

    def forward(self, values: Tensor) -> Tensor:
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
        self.shortcut = _Pointwise(channels_in, channels_out)

    def forward(self, values: Tensor) -> Tensor:
        inner = F.relu(self.norm1(self.conv1(values)))
        # Ceil: a convolution of stride 2 rounds odd sides up.
        halved = F.avg_pool2d(values, 2, ceil_mode=True)
        return F.relu(self.norm2(self.conv2(inner)) + self.shortcut(halved))


class MapEncoder(nn.Module):
    """One look at the whole image; windows are pooled out of its feature map.

    A residual network halves the image at its stem and at each stage. Its last
    map is enlarged and added to the one before, down to that of the first stage,
    a quarter of the image's side (Lin et al. 2017, feature pyramids): coarse maps
    know what is there, fine ones where it ends. The mean of the last map is added
    everywhere, so that a window knows what the whole image holds. Windows are
    pooled on a grid of points by bilinear interpolation (He et al. 2017, RoIAlign,
    one point a cell), differentiably: one pass over an image teaches from dozens
    of windows.

    With ``category_channels``, every category has that many channels of its own
    in the last map, beside the ``cell_width`` shared ones, and its own feature
    vector. What follows can then be one head for all categories: how to steer a
    window towards bright cells is the same skill whatever lights them up.
    """

    def __init__(self, params: EncoderParams, num_categories: int) -> None:
        super().__init__()
        self._pool = params.pool
        self._context = params.context
        stem, *widths = params.widths
        self.stem = nn.Conv2d(3, stem, 5, stride=2, padding=2, bias=False)
        self.stem_norm = nn.BatchNorm2d(stem)
        self.stages = nn.ModuleList(
            _Residual(before, width) for before, width in zip(params.widths, widths, strict=False)
        )
        self.shared_channels, self.own_channels = params.cell_width, params.category_channels
        self.by_category = self.own_channels > 0
        self.lateral = nn.ModuleList(_Pointwise(width, params.neck_width) for width in widths)
        self.image_wide = nn.Linear(widths[-1], params.neck_width)
        self.smooth = nn.Conv2d(params.neck_width, params.neck_width, 3, padding=1, bias=False)
        self.smooth_norm = nn.BatchNorm2d(params.neck_width)
        self.cells = _Pointwise(
            params.neck_width, self.shared_channels + self.own_channels * num_categories
        )
        self._frames = params.frames
        self.features = params.frames * (
            (self.shared_channels + self.own_channels) * params.pool**2 + 4
        )

    def encode(self, images: Tensor) -> Tensor:
        """``[N, 3, S, S]`` uint8 to ``[N, cell_width, s, s]`` float32."""
        values = images.float().div(127.5).sub(1).contiguous(memory_format=torch.channels_last)
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
        smooth = F.relu(self.smooth_norm(self.smooth(F.relu(merged))))
        cells: Tensor = self.cells(smooth)
        return cells

    def observe(self, views: Tensor, index: Tensor, boxes: Tensor) -> Tensor:
        """See ``Encoder.observe``; cells and the window's place, for each frame."""
        cells, place = self._cells(views, index, boxes)
        shared = cells[..., : self.shared_channels].flatten(1)[:, None]
        if not self.by_category:
            return torch.cat([shared, place[:, None]], dim=2)
        own = self._own(cells)
        own = own.transpose(1, 2).flatten(2)
        each = (-1, own.shape[1], -1)
        return torch.cat([shared.expand(each), own, place[:, None].expand(each)], dim=2)

    def observe_for(
        self, views: Tensor, index: Tensor, boxes: Tensor, window: Tensor, category: Tensor
    ) -> Tensor:
        """The features of some windows for one category each: ``[P, features]``.

        As ``observe``, but only what is asked for is put together: with many
        categories that is a small part of all.

        Args:
            views: see ``Encoder.observe``.
            index: likewise.
            boxes: likewise.
            window: ``[P]`` int64, which of the B windows.
            category: ``[P]`` int64.
        """
        cells, place = self._cells(views, index, boxes)
        own = self._own(cells).transpose(1, 2)
        categories = own.shape[1]
        # As look-ups: the gradient of plain indexing adds up in the order in which
        # threads happen to finish, and no two runs would be the same.
        own = F.embedding(window * categories + category, own.reshape(-1, own[0, 0].numel()))
        shared = F.embedding(window, cells[..., : self.shared_channels].flatten(1))
        return torch.cat([shared, own, place[window]], dim=1)

    def _own(self, cells: Tensor) -> Tensor:
        """The categories' own channels: ``[B, cells, C, own_channels]``."""
        own: Tensor = cells[..., self.shared_channels :]
        return own.reshape(*own.shape[:2], -1, self.own_channels)

    def _cells(self, views: Tensor, index: Tensor, boxes: Tensor) -> tuple[Tensor, Tensor]:
        """Pooled cells ``[B, frames * cells, C]`` and where the windows are ``[B, frames * 4]``."""
        pooled = pool_windows(
            views,
            index.repeat_interleave(self._frames),
            boxes.reshape(-1, 4),
            self._pool,
            self._context,
        )
        return F.relu(pooled).view(len(boxes), -1, views.shape[1]), boxes.flatten(1)

    def category_weights(self) -> tuple[str, ...]:
        """Names of the weights whose rows are channels, the categories' after the shared."""
        return ("cells.weight", "cells.bias")

    def layers(self) -> dict[str, nn.Module]:
        """See ``Encoder.layers``."""
        named: dict[str, nn.Module] = {"conv1": self.stem}
        for stage in self.stages:
            for convolution in (stage.conv1, stage.conv2):
                named[f"conv{len(named) + 1}"] = convolution  # type: ignore[assignment]
        return named


def sampling_grid(boxes: Tensor, cells: int, context: float = 1.0) -> Tensor:
    """Centres of a window's cells, for ``grid_sample``.

    Args:
        boxes: ``[B, 4]`` as shares of the image's sides.
        cells: a side.
        context: the window is widened by this factor first.

    Returns:
        ``[B, cells, cells, 2]`` x and y, -1 to 1 across the image.
    """
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    side = (boxes[:, 2:] - boxes[:, :2]) * context
    ticks = (torch.arange(cells, device=boxes.device, dtype=boxes.dtype) + 0.5) / cells - 0.5
    x = centre[:, :1] + side[:, :1] * ticks
    y = centre[:, 1:] + side[:, 1:] * ticks
    grid = torch.stack(
        [x[:, None, :].expand(-1, cells, -1), y[:, :, None].expand(-1, -1, cells)], dim=-1
    )
    return grid * 2 - 1


def pool_windows(views: Tensor, index: Tensor, boxes: Tensor, cells: int, context: float) -> Tensor:
    """Windows pooled out of feature maps by bilinear interpolation.

    The four neighbours of each point are gathered and summed with their weights
    in one pass, so windows of different images may come in any order and number
    (``grid_sample`` would copy a map for each window). Points outside the image
    read zero, as ``padding_mode="zeros"`` does.

    Args:
        views: ``[N, C, H, W]``.
        index: ``[B]`` int64, the map of each window.
        boxes: ``[B, 4]`` float32, shares of the image's sides.
        cells: a side.
        context: the window is widened by this factor.

    Returns:
        ``[B, cells * cells, C]``.
    """
    number, channels, height, width = views.shape
    flat = views.permute(0, 2, 3, 1).reshape(number * height * width, channels)
    point = (sampling_grid(boxes, cells, context) + 1) / 2
    x = point[..., 0] * width - 0.5
    y = point[..., 1] * height - 0.5
    left, top = x.floor(), y.floor()
    places, weights = [], []
    base = (index * (height * width)).view(-1, 1, 1)
    for down in (0, 1):
        for right in (0, 1):
            column, row = left + right, top + down
            weight = (1 - (x - column).abs()) * (1 - (y - row).abs())
            inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
            weights.append(torch.where(inside, weight, 0.0))
            place = row.clamp(0, height - 1).long() * width + column.clamp(0, width - 1).long()
            places.append(base + place)
    pooled = F.embedding_bag(
        torch.stack(places, dim=-1).view(-1, 4),
        flat,
        per_sample_weights=torch.stack(weights, dim=-1).view(-1, 4).to(flat.dtype),
        mode="sum",
    )
    return pooled.view(len(boxes), cells * cells, channels)


def build_encoder(params: EncoderParams, num_categories: int) -> "CropEncoder | MapEncoder":
    """The encoder that the parameters name."""
    return CropEncoder(params) if params.kind == "crops" else MapEncoder(params, num_categories)
