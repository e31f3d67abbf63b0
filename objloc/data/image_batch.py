"""Images as a store holds them and an encoder takes them: pixels, or features made of them.

N images of a store, M of them in a batch, S pixels a side, U rows in a file of features, L numbers
in a row.
"""

import os
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from objloc.errors import ObjlocError


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
        # Row by row; ``values[rows]`` goes pixel by pixel.
        return Pixels(self.values.index_select(0, rows))

    def partly_mirrored(self, rows: Tensor, mirrored: Tensor) -> "Pixels":
        """Batch of some images ``[M]`` int64, mirrored where ``mirrored`` ``[M]`` is True."""
        return self[rows].mirrored_where(mirrored)

    def mirrored_where(self, mirrored: Tensor) -> "Pixels":
        """The batch with its images mirrored where ``mirrored`` ``[M]`` is True."""
        where = mirrored.view(-1, 1, 1, 1)
        return Pixels(torch.where(where, self.values.flip(-1), self.values))

    def to(self, device: torch.device) -> "Pixels":
        """Copy them to a device."""
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


class RowsOfFile:
    """Rows of a file, each read when it is asked for.

    Not through a memory map: pages that were read would count as this process's memory, and a
    file that is cut short would end it without a message.

    Args:
        path: a file of NumPy's format.
        shape: number U of rows, and their length L.
        offset: first byte of the first row.
    """

    in_memory = False

    def __init__(self, path: Path, shape: tuple[int, int], offset: int) -> None:
        self._path, self._shape, self._offset = path, shape, offset
        self._file = path.open("rb", buffering=0)

    def __len__(self) -> int:
        return self._shape[0]

    def __getitem__(self, rows: Tensor) -> Tensor:
        """Rows of the file: ``[M]`` int64 to ``[M, L]`` int8.

        Raises:
            ObjlocError: a row cannot be read.
        """
        length = self._shape[1]
        values = np.empty((len(rows), length), dtype=np.int8)
        for row, place in zip(rows.tolist(), values, strict=True):
            try:
                found = os.preadv(self._file.fileno(), [place.data], self._offset + row * length)
            except OSError as error:
                raise ObjlocError(
                    f"{self._path}: cannot be read: {error.strerror or error}"
                ) from None
            if found != length:
                raise ObjlocError(
                    f"{self._path}: damaged: row {row}: expected {length} bytes; found {found}"
                )
        return torch.from_numpy(values)


class CheckedRows:
    """Rows of a file, each compared with its checksum when it is first read.

    Args:
        path: the file, for errors.
        values: ``[U, L]`` int8 in memory or in the file.
        checksums: CRC-32 of each row.

    Attributes:
        in_memory: whether they lie in memory.
    """

    def __init__(self, path: Path, values: Tensor | RowsOfFile, checksums: Sequence[int]) -> None:
        self._path, self._values = path, values
        self.in_memory = isinstance(values, Tensor)
        self._checksums = np.array(checksums, dtype=np.uint32)
        self._unread = torch.ones(len(values), dtype=torch.bool)

    def __getitem__(self, rows: Tensor) -> Tensor:
        """Rows of the file: ``[M]`` int64 to ``[M, L]`` int8.

        Raises:
            ObjlocError: a row is not as it was written.
        """
        values = self._values[rows]
        for place in self._unread[rows].nonzero().flatten().tolist():
            row = int(rows[place])
            expected = int(self._checksums[row])
            if (found := zlib.crc32(values[place].numpy().data)) != expected:
                raise ObjlocError(
                    f"{self._path}: damaged: row {row}: expected CRC-32 {expected:08x}"
                    f"; found {found:08x} (python -m stages.encode writes it again)"
                )
            self._unread[row] = False
        return values


Rows = Tensor | RowsOfFile | CheckedRows
"""``[U, L]`` int8, fetched as ``[M]`` rows."""


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

    def to(self, device: torch.device) -> "Images":
        """The same, on a device if they lie in memory; what is read when asked for stays."""


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

    def to(self, device: torch.device) -> "NoImages":  # noqa: ARG002
        """There is nothing to copy."""
        return self


def pixels_of(images: ImageBatch) -> Tensor:
    """Pixels of a batch, ``[M, 3, S, S]`` uint8.

    Raises:
        TypeError: the batch holds features.
    """
    if not isinstance(images, Pixels):
        raise TypeError("expected images as pixels; found rows of a feature store")
    return images.values
