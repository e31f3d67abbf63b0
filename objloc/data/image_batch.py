"""Images as a store holds them and an encoder takes them: pixels, or features made of them.

N images of a store, M of them in a batch, S pixels a side, L numbers in a row of features.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor


@dataclass(frozen=True)
class Pixels:
    """Images scaled to squares: all images of a store, or a batch of them.

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
        """Batch of some images ``[M]`` int64, mirrored where ``mirrored`` ``[M]`` is True."""
        return self[rows].mirrored_where(mirrored)

    def mirrored_where(self, mirrored: Tensor) -> "Pixels":
        """The batch with its images mirrored where ``mirrored`` ``[M]`` is True."""
        where = mirrored.view(-1, 1, 1, 1)
        return Pixels(torch.where(where, self.values.flip(-1), self.values))

    def to(self, device: torch.device) -> "Pixels":
        """Copy the batch to a device."""
        return Pixels(self.values.to(device))


@dataclass(frozen=True)
class FeatureRows:
    """Batch of features that stand for images.

    Attributes:
        by_backbone: rows ``[M, L]`` int8 by name of the backbone. Networks with different
            backbones that see the same images each use their own rows.
    """

    by_backbone: Mapping[str, Tensor]

    def __len__(self) -> int:
        return len(next(iter(self.by_backbone.values())))

    def to(self, device: torch.device) -> "FeatureRows":
        """Copy the batch to a device."""
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
            ObjlocError: the store has no mirrored images.
        """


class NoImages:
    """The images of a store that was loaded for its annotations alone."""

    def __getitem__(self, rows: Tensor) -> ImageBatch:
        """Refuse: there are no images.

        Raises:
            ValueError: always.
        """
        raise ValueError("expected a store with images; found one loaded without them")

    def partly_mirrored(self, rows: Tensor, mirrored: Tensor) -> ImageBatch:  # noqa: ARG002
        """See ``__getitem__``."""
        return self[rows]


def pixels_of(images: ImageBatch) -> Tensor:
    """Pixels of a batch, ``[M, 3, S, S]`` uint8.

    Raises:
        TypeError: the batch holds features.
    """
    if not isinstance(images, Pixels):
        raise TypeError("expected images as pixels; found rows of a feature store")
    return images.values
