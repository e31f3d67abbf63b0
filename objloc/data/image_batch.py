"""Kinds of images that a store holds and an encoder takes: pixels, or features made of them.

N images of a store, M of them in a batch, S pixels a side, L numbers in a row of features.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor


@dataclass(frozen=True)
class Pixels:
    """Images squashed to a square; both what a store holds and a batch of it.

    Attributes:
        values: ``[N, 3, S, S]`` uint8.
    """

    values: Tensor

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, rows: Tensor) -> "Pixels":
        """Batch of some images: ``[M]`` int64."""
        return Pixels(self.values[rows])

    def partly_mirrored(self, rows: Tensor, mirrored: Tensor) -> "Pixels":
        """Batch of some images ``[M]`` int64, turned round where ``mirrored`` ``[M]`` is True."""
        batch = self.values[rows]
        return Pixels(torch.where(mirrored.view(-1, 1, 1, 1), batch.flip(-1), batch))

    def to(self, device: torch.device) -> "Pixels":
        """The same on a device."""
        return Pixels(self.values.to(device))


@dataclass(frozen=True)
class FeatureRows:
    """Batch of rows of feature stores, which stand for images.

    Attributes:
        by_backbone: name of a backbone to its rows ``[M, L]`` int8. Networks with different
            backbones that see the same images each have their own.
    """

    by_backbone: Mapping[str, Tensor]

    def __len__(self) -> int:
        return len(next(iter(self.by_backbone.values())))

    def to(self, device: torch.device) -> "FeatureRows":
        """The same on a device."""
        return FeatureRows({name: each.to(device) for name, each in self.by_backbone.items()})


ImageBatch = Pixels | FeatureRows
"""Images as a network encodes them."""


class Images(Protocol):
    """All images of a store, fetched by row."""

    def __getitem__(self, rows: Tensor, /) -> ImageBatch:
        """Batch of some images: ``[M]`` int64."""

    def partly_mirrored(self, rows: Tensor, mirrored: Tensor) -> ImageBatch:
        """Batch of some images ``[M]`` int64, mirrored where ``mirrored`` ``[M]`` is True.

        Raises:
            ObjlocError: no mirrored images are stored.
        """


class NoImages:
    """The images of a store that was loaded for its annotations alone."""

    def __getitem__(self, rows: Tensor) -> ImageBatch:
        """There are none.

        Raises:
            ValueError: always.
        """
        raise ValueError("expected a store with images; found one loaded without them")

    def partly_mirrored(self, rows: Tensor, mirrored: Tensor) -> ImageBatch:  # noqa: ARG002
        """See ``__getitem__``."""
        return self[rows]


def pixels_of(images: ImageBatch) -> Tensor:
    """``[M, 3, S, S]`` uint8 of a batch, for what looks at nothing else.

    Raises:
        TypeError: the batch holds features.
    """
    if not isinstance(images, Pixels):
        raise TypeError("expected images as pixels; found rows of a feature store")
    return images.values
