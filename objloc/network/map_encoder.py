"""Encoder that sees the whole image once: windows are pooled out of its feature map.

N images, B windows, P pairs of a window and a category, C categories, F frames.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from objloc.data.image_batch import ImageBatch
from objloc.network.pooling import pool_windows, with_coarser
from objloc.network.pyramid import Pointwise, PretrainedPyramid, ResidualPyramid
from objloc.network.windows import Features, Pairs, Windows
from objloc.params import Encoder


class Pooled(NamedTuple):
    """Windows pooled out of maps; see ``objloc.network.encoder.Seen``.

    Attributes:
        shared: ``[B, F * cells, shared_channels]``, before the ReLU.
        own: ``[B, F * cells, C, own_channels]``, channels of each category, before the ReLU.
        place: ``[B, F * 4]``, the windows as fractions of the image's sides.
        by_category: each category has channels of its own.
        apart: the shared channels are no part of a category's features.
    """

    shared: Tensor
    own: Tensor
    place: Tensor
    by_category: bool
    apart: bool

    def features(self, pairs: Pairs | None = None) -> Features:
        """Feature vectors of all categories, one for all, or of some pairs.

        With many categories some pairs are a small part of all: only they are put together.
        """
        if not self.by_category:
            shared = self.shared_features()
            return Features(None, shared[:, None] if pairs is None else shared[pairs.window])
        own = self.own.transpose(1, 2)
        if pairs is None:
            own = F.relu(own.flatten(2))
            place = self.place[:, None].expand(-1, own.shape[1], -1)
            return Features(self._shared, torch.cat([own, place], dim=2))
        window, category = pairs
        # As look-ups: the gradient of plain indexing adds up in the order in which
        # threads happen to finish, and no two runs would be the same.
        rows = window * own.shape[1] + category
        # The ReLU comes last: some pairs are a small part of all.
        own = F.relu(F.embedding(rows, own.reshape(-1, own[0, 0].numel())))
        return Features(self._shared, torch.cat([own, self.place[window]], dim=1))

    @property
    def _shared(self) -> Tensor | None:
        """``[B, F * cells * shared_channels]``, unless each category sees its own alone."""
        return None if self.apart else F.relu(self.shared.flatten(1))

    def shared_features(self) -> Tensor:
        """The shared channels and the place: ``[B, shared_features]``."""
        return torch.cat([F.relu(self.shared.flatten(1)), self.place], dim=1)

    def by_frame(self, frames: int) -> "Pooled":
        """The window of each step by itself: B * F windows of one frame, oldest first."""
        shared, own, place = (
            torch.unflatten(part, 1, (frames, -1)).flatten(0, 1)
            for part in (self.shared, self.own, self.place)
        )
        return self._replace(shared=shared, own=own, place=place)


class MapEncoder(nn.Module):
    """One look at the whole image; windows are pooled out of its feature map.

    The map comes from a pyramid: a residual network trained from scratch, or a pretrained
    backbone. Windows are pooled on a grid of points by bilinear interpolation, differentiably:
    one pass over an image teaches from dozens of windows.

    With ``category_channels``, every category has that many channels of its own in the last
    map, beside the ``cell_width`` shared ones, and its own feature vector. One head can then
    serve all categories: how to steer a window towards bright cells is the same skill whatever
    lights them up.

    Source: He et al. (2017), RoIAlign, one point a cell.

    Args:
        params: see ``objloc.params.Encoder``.
        num_categories: C.
        apart: a category's features are its own channels alone; the shared ones are left to a
            second head.
    """

    def __init__(self, params: Encoder, num_categories: int, apart: bool = False) -> None:
        super().__init__()
        self._pool = params.pool
        self._context = params.context
        self._levels = params.levels
        self.pyramid = (
            ResidualPyramid(params) if params.kind == "map" else PretrainedPyramid(params)
        )
        self._shared_channels, self._own_channels = params.cell_width, params.category_channels
        self.by_category = self._own_channels > 0
        self.cells = Pointwise(
            params.neck_width, self._shared_channels + self._own_channels * num_categories
        )
        self._frames = params.frames
        self._apart = apart
        cells = params.frames * params.pool**2
        self.shared_features = cells * self._shared_channels + 4 * params.frames
        mine = self._own_channels + (0 if apart else self._shared_channels)
        self.features = cells * mine + 4 * params.frames

    @property
    def frozen(self) -> PretrainedPyramid | None:
        """The pyramid, if it takes rows of a feature store in place of images."""
        pyramid = self.pyramid
        return pyramid if isinstance(pyramid, PretrainedPyramid) and pyramid.reads_rows else None

    def encode(self, images: ImageBatch) -> Tensor:
        """Images to maps of cells: ``[N, channels, s, s]`` float32.

        With several levels the coarser ones lie below: ``[N, channels, s + s // 2, s]``.
        """
        return with_coarser(self.cells(self.pyramid(images)), self._levels)

    def observe(self, views: Tensor, windows: Windows) -> Pooled:
        """Pool windows out of views."""
        pooled = pool_windows(
            views,
            windows.image.repeat_interleave(self._frames),
            windows.boxes.reshape(-1, 4),
            self._pool,
            self._context,
            self._levels,
        )
        cells = pooled.view(windows.boxes.shape[0], -1, views.shape[1])
        # Split, not sliced twice: the gradient of each slice is as large as all cells.
        widths = (self._shared_channels, cells.shape[2] - self._shared_channels)
        shared, own = torch.split_with_sizes(cells, widths, 2)
        each = max(1, self._own_channels)
        own = own.reshape(*own.shape[:2], own.shape[2] // each, each)
        return Pooled(shared, own, windows.boxes.flatten(1), self.by_category, self._apart)

    def category_weights(self) -> dict[str, tuple[int, int]]:
        """The last layer's, whose rows are channels: the shared ones before the categories'."""
        rows = (self._shared_channels, self._own_channels)
        return dict.fromkeys(("cells.weight", "cells.bias"), rows) if self.by_category else {}

    def layers(self) -> dict[str, nn.Module]:
        """The convolution layers by name, in order."""
        return self.pyramid.layers()
