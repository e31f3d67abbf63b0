"""Encoder of 2018: windows are cut out of the image and given to a convolutional network.

N images, B windows, F frames.
"""

from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor, nn

from objloc.data.image_batch import ImageBatch, pixels_of
from objloc.network.pooling import cell_centres, sampling_grid
from objloc.network.pyramid import luma
from objloc.network.windows import Features, Pairs, Windows
from objloc.params import Encoder


class Crops(NamedTuple):
    """Windows seen by a ``CropEncoder``; see ``objloc.network.encoder.Seen``.

    Attributes:
        values: ``[B, features]``, of all frames together, the same for every category.
    """

    values: Tensor

    def features(self, pairs: Pairs | None = None) -> Features:
        """One row for all categories, nothing kept apart."""
        return Features(None, self.values[:, None] if pairs is None else self.values[pairs.window])

    def shared_features(self) -> Tensor:
        """Everything is shared."""
        return self.values

    def by_frame(self, frames: int) -> "Crops":
        """Not to be had.

        Raises:
            TypeError: always; frames are stacked before the first layer.
        """
        raise TypeError(f"expected windows of a map encoder; found crops of {frames} steps stacked")


class CropEncoder(nn.Module):
    """Windows cut out of the squashed image, those of the last steps stacked, into a network.

    Source: the 2018 dissertation; its layers are those of Mnih et al. (2015).
    """

    frozen = None
    by_category = False

    def __init__(self, params: Encoder) -> None:
        super().__init__()
        self._greyscale = params.greyscale
        self._window_size = params.window_size
        channels = (1 if params.greyscale else 3) * params.frames
        self.conv1 = nn.Conv2d(channels, 32, 8, stride=4)
        self.conv2 = nn.Conv2d(32, 64, 4, stride=2)
        self.conv3 = nn.Conv2d(64, 64, 3, stride=1)
        side = ((params.window_size - 8) // 4 + 1 - 4) // 2 + 1 - 2
        self.features = self.shared_features = 64 * side * side

    def encode(self, images: ImageBatch) -> Tensor:
        """Pixels from 0 to 1: ``[N, 1 or 3, S, S]`` float32."""
        views = pixels_of(images).float() / 255
        return luma(views) if self._greyscale else views

    def observe(self, views: Tensor, windows: Windows) -> Crops:
        """Look through windows at views."""
        values = F.relu(self.conv1(self.crop(views, windows)))
        values = F.relu(self.conv2(values))
        return Crops(F.relu(self.conv3(values)).flatten(1))

    def crop(self, views: Tensor, windows: Windows) -> Tensor:
        """The windows themselves: ``[B, F * channels, window_size, window_size]``."""
        number, frames, _ = windows.boxes.shape
        boxes = windows.boxes.reshape(-1, 4)
        grid = sampling_grid(boxes, cell_centres(self._window_size, boxes))
        pictures = views[windows.image].repeat_interleave(frames, dim=0)
        crops = F.grid_sample(pictures, grid, padding_mode="border", align_corners=False)
        return crops.view(number, -1, self._window_size, self._window_size)

    def category_weights(self) -> dict[str, tuple[int, int]]:
        """None: categories have no features of their own."""
        return {}

    def layers(self) -> dict[str, nn.Module]:
        """The convolution layers by name, in order."""
        return {"conv1": self.conv1, "conv2": self.conv2, "conv3": self.conv3}
