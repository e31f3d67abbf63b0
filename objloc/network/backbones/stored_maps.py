"""Maps of a frozen backbone in a store's images' place, on disk, in memory or on a device.

N images of a set, M of them in a batch, U rows in a file, L numbers in a row.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from objloc.data.image_batch import FeatureRows, Rows
from objloc.errors import ObjlocError
from objloc.network.device import stalls


@dataclass(frozen=True)
class StoredMaps:
    """Maps of a backbone on disk or in memory, of all images of an image set.

    Attributes:
        values: ``[U, L]`` int8, a row for each image of the file.
        rows: ``[N]`` int64, the row of each image of the set.
        mirrored: ``[V, L]`` int8, those of the first V images mirrored; None unless they are
            those of all images of the set.
    """

    values: Rows
    rows: Tensor
    mirrored: Rows | None = None

    def __getitem__(self, images: Tensor) -> Tensor:
        """Rows of some images: ``[M]`` int64 to ``[M, L]`` int8."""
        return self.values[self.rows[images.to(self.rows.device)]]

    def to(self, device: torch.device) -> "StoredMaps":
        """Those of the image set on a device if they lie in memory; rows of files stay."""
        files = [each for each in (self.values, self.mirrored) if each is not None]
        if not all(isinstance(each, Tensor) or each.in_memory for each in files):
            return self
        values, *mirrored = (each[self.rows].to(device) for each in files)
        return StoredMaps(values, torch.arange(len(values), device=device), *mirrored)

    def partly_mirrored(self, images: Tensor, mirrored: Tensor) -> Tensor:
        """Rows of some images ``[M]`` int64, of their mirror images where ``[M]`` bool is True.

        Raises:
            ObjlocError: there are none of mirrored images.
        """
        if self.mirrored is None:
            raise ObjlocError(
                "learning.flip: expected features of mirrored images too; found none (encode again)"
            )
        if isinstance(self.mirrored, Tensor) and stalls(self.mirrored.device):
            return torch.where(mirrored[:, None], self.mirrored[self.rows[images]], self[images])
        images, mirrored = (each.to(self.rows.device) for each in (images, mirrored))
        # Only rows that are used are read.
        plain = self[images[~mirrored]]
        batch = plain.new_empty(len(images), plain.shape[1])
        batch[~mirrored] = plain
        batch[mirrored] = self.mirrored[self.rows[images[mirrored]]]
        return batch


class StoredFeatures:
    """Feature rows as the images of a ``SampleStore``, see ``objloc.data.image_batch.Images``.

    Args:
        by_backbone: name of a backbone to its maps of the same images: one backbone, or those
            of an agent of several networks.
    """

    def __init__(self, by_backbone: Mapping[str, StoredMaps]) -> None:
        self._by_backbone = by_backbone

    def __getitem__(self, rows: Tensor) -> FeatureRows:
        """Batch of some images: ``[M]`` int64."""
        return FeatureRows({name: maps[rows] for name, maps in self._by_backbone.items()})

    def partly_mirrored(self, rows: Tensor, mirrored: Tensor) -> FeatureRows:
        """See ``objloc.data.image_batch.Images``."""
        return FeatureRows(
            {name: maps.partly_mirrored(rows, mirrored) for name, maps in self._by_backbone.items()}
        )

    def to(self, device: torch.device) -> "StoredFeatures":
        """See ``objloc.data.image_batch.Images``."""
        return StoredFeatures({name: maps.to(device) for name, maps in self._by_backbone.items()})
