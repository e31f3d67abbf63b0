"""What the agent sees: from an image and a window to a feature vector.

Both encoders work in two steps. ``encode`` looks at whole images, once for all
windows of them; ``observe`` looks through windows at what came out of it.
"""

from typing import Protocol

import torch.nn.functional as F
from torch import Tensor, nn

from objloc.network.map_encoder import Features, MapEncoder
from objloc.network.pooling import sampling_grid
from objloc.network.pyramid import luma
from objloc.params import Encoder as EncoderParams


class Encoder(Protocol):
    """The interface of encoders; both are ``nn.Module``."""

    features: int
    """Length of the feature vector, its shared part included."""
    by_category: bool
    """Each category has features of its own."""

    def encode(self, images: Tensor) -> Tensor:
        """Images to views: ``[N, 3, S, S]`` uint8 to ``[N, ...]`` float32."""

    def observe(self, views: Tensor, index: Tensor, boxes: Tensor) -> Features:
        """Windows to features.

        Args:
            views: from ``encode``.
            index: ``[B]`` int64, the view of each window.
            boxes: ``[B, F, 4]`` float32, windows of the last F steps as shares
                of the image's sides, newest last.

        Returns:
            One row for each category if ``by_category``, else one for all.
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
        return luma(views) if self._greyscale else views

    def observe(self, views: Tensor, index: Tensor, boxes: Tensor) -> Features:
        """See ``Encoder.observe``; ``[B, 1, 64 * side * side]``, nothing shared."""
        crops = self.crop(views, index, boxes)
        values = F.relu(self.conv1(crops))
        values = F.relu(self.conv2(values))
        return Features(None, F.relu(self.conv3(values)).flatten(1)[:, None])

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


def build_encoder(
    params: EncoderParams, num_categories: int, apart: bool = False
) -> "CropEncoder | MapEncoder":
    """The encoder that the parameters name."""
    if params.kind == "crops":
        return CropEncoder(params)
    return MapEncoder(params, num_categories, apart)
