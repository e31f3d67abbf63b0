"""One look at the whole image; windows are pooled out of its map."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from objloc.network.pooling import pool_windows, with_coarser
from objloc.network.pyramid import Pointwise, PretrainedPyramid, ResidualPyramid
from objloc.params import Encoder


class Pooled(NamedTuple):
    """Windows pooled out of maps.

    Attributes:
        shared: ``[B, frames * cells, shared_channels]``.
        own: ``[B, frames * cells, C, own_channels]``, the categories'.
        place: ``[B, frames * 4]``, the windows as shares of the image's sides.
    """

    shared: Tensor
    own: Tensor
    place: Tensor

    def by_frame(self, frames: int) -> "Pooled":
        """Each step's window by itself: B * frames windows of one frame, oldest first."""
        return Pooled(*(torch.unflatten(part, 1, (frames, -1)).flatten(0, 1) for part in self))


class Features(NamedTuple):
    """What a head sees of windows: ``shared`` before ``own``, put together late.

    Much of it is the same for all categories; who keeps it apart computes it once.

    Attributes:
        shared: ``[B, shared]``, of each window; None where there is no such part.
        own: ``[B, R, own]``, a row for each category or one for all, or ``[P, own]``.
    """

    shared: Tensor | None
    own: Tensor


class MapEncoder(nn.Module):
    """One look at the whole image; windows are pooled out of its feature map.

    The map comes from a pyramid: of a residual network trained from scratch, or of
    a pretrained backbone. Windows are
    pooled on a grid of points by bilinear interpolation (He et al. 2017, RoIAlign,
    one point a cell), differentiably: one pass over an image teaches from dozens
    of windows.

    With ``category_channels``, every category has that many channels of its own
    in the last map, beside the ``cell_width`` shared ones, and its own feature
    vector. What follows can then be one head for all categories: how to steer a
    window towards bright cells is the same skill whatever lights them up.

    With ``apart``, the shared channels are left to a head of their own.

    Args:
        params: see ``objloc.params.Encoder``.
        num_categories: C.
        apart: a category's features are its own channels alone.
    """

    def __init__(self, params: Encoder, num_categories: int, apart: bool = False) -> None:
        super().__init__()
        self._pool = params.pool
        self._context = params.context
        self._levels = params.levels
        self.pyramid = (
            ResidualPyramid(params) if params.kind == "map" else PretrainedPyramid(params)
        )
        self.shared_channels, self.own_channels = params.cell_width, params.category_channels
        self.by_category = self.own_channels > 0
        self.cells = Pointwise(
            params.neck_width, self.shared_channels + self.own_channels * num_categories
        )
        self._frames = params.frames
        self._apart = apart
        cells = params.frames * params.pool**2
        self.shared_features = cells * self.shared_channels + 4 * params.frames
        mine = self.own_channels + (0 if apart else self.shared_channels)
        self.features = cells * mine + 4 * params.frames

    def encode(self, images: Tensor) -> Tensor:
        """Images to maps of cells: ``[N, 3, S, S]`` uint8 to ``[N, channels, s, s]`` float32.

        With several levels the coarser ones lie below: ``[N, channels, s + s // 2, s]``.
        """
        return with_coarser(self.cells(self.pyramid(images)), self._levels)

    def observe(self, views: Tensor, index: Tensor, boxes: Tensor) -> Features:
        """See ``Encoder.observe``; cells and the window's place, for each frame."""
        return self.features_of_all(self.pool(views, index, boxes))

    def pool(self, views: Tensor, index: Tensor, boxes: Tensor) -> Pooled:
        """Pool windows; see ``Encoder.observe`` for the arguments."""
        pooled = pool_windows(
            views,
            index.repeat_interleave(self._frames),
            boxes.reshape(-1, 4),
            self._pool,
            self._context,
            self._levels,
        )
        cells = F.relu(pooled).view(boxes.shape[0], -1, views.shape[1])
        # Split, not sliced twice: the gradient of each slice is as large as all cells.
        widths = (self.shared_channels, cells.shape[2] - self.shared_channels)
        shared, own = torch.split_with_sizes(cells, widths, 2)
        each = max(1, self.own_channels)
        own = own.reshape(*own.shape[:2], own.shape[2] // each, each)
        return Pooled(shared, own, boxes.flatten(1))

    def shared_of(self, pooled: Pooled) -> Tensor:
        """The shared channels and the place: ``[B, shared_features]``."""
        return torch.cat([pooled.shared.flatten(1), pooled.place], dim=1)

    def features_of_all(self, pooled: Pooled) -> Features:
        """Features of windows: a row for each category, or one for all."""
        if not self.by_category:
            return Features(None, self.shared_of(pooled)[:, None])
        own = pooled.own.transpose(1, 2).flatten(2)
        place = pooled.place[:, None].expand(-1, own.shape[1], -1)
        return Features(self._shared(pooled), torch.cat([own, place], dim=2))

    def features_of(self, pooled: Pooled, window: Tensor, category: Tensor) -> Features:
        """The features of some windows for one category each; ``own`` is ``[P, own]``.

        As ``features_of_all``, but only what is asked for is put together: with many
        categories that is a small part of all.

        Args:
            pooled: B windows.
            window: ``[P]`` int64, which of them.
            category: ``[P]`` int64.
        """
        own = pooled.own.transpose(1, 2)
        categories = own.shape[1]
        # As look-ups: the gradient of plain indexing adds up in the order in which
        # threads happen to finish, and no two runs would be the same.
        own = F.embedding(window * categories + category, own.reshape(-1, own[0, 0].numel()))
        return Features(self._shared(pooled), torch.cat([own, pooled.place[window]], dim=1))

    def _shared(self, pooled: Pooled) -> Tensor | None:
        """What all categories see of a window, place apart; None if each sees its own alone."""
        return None if self._apart else pooled.shared.flatten(1)

    def category_weights(self) -> tuple[str, ...]:
        """Names of the weights whose rows are channels, the categories' after the shared."""
        return ("cells.weight", "cells.bias")

    def layers(self) -> dict[str, nn.Module]:
        """See ``Encoder.layers``."""
        return self.pyramid.layers()
