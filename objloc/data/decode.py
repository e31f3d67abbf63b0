"""Decode image files to squares of pixels: all at once, or each when it is asked for.

N images, M of them in a batch, S pixels a side.
"""

import io
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from objloc.data.image_batch import Pixels
from objloc.data.workers import map_ahead, workers
from objloc.errors import ObjlocError


def squash(jpeg: bytes, image_id: str, image_size: int) -> Tensor:
    """Scale an image to a square, whatever its shape: ``[3, S, S]`` uint8.

    Raises:
        ObjlocError: the image can't be decoded.
    """
    try:
        with Image.open(io.BytesIO(jpeg), formats=["JPEG", "PNG"]) as file:
            image = file.convert("RGB").resize((image_size, image_size), Image.Resampling.BILINEAR)
    except (OSError, Image.DecompressionBombError) as error:
        raise ObjlocError(f"image {image_id}: cannot be decoded: {error}") from None
    return torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1)


def squash_ahead(
    images: Iterable[tuple[str, bytes]], image_size: int, ahead: int
) -> Iterator[Tensor]:
    """Decode images in threads while the caller uses the first.

    Args:
        images: name and file of each image.
        image_size: side S of the squares.
        ahead: maximum number of images that are decoded before they are asked for.

    Yields:
        ``[3, S, S]`` uint8, in the order of the images.

    Raises:
        ObjlocError: an image can't be decoded.
    """
    return map_ahead(lambda image: squash(image[1], image[0], image_size), images, ahead)


class PixelsOnDemand:
    """Images decoded when they are asked for; see ``objloc.data.image_batch.Images``.

    Args:
        files: contents of N image files, read when they are asked for.
        image_ids: their names, for errors.
        image_size: side S of the squares.
        memory_mb: maximum size in megabytes of decoded images kept; those used last stay.
    """

    def __init__(
        self, files: Sequence[bytes], image_ids: Sequence[str], image_size: int, memory_mb: int
    ) -> None:
        self._files, self._image_ids, self._size = files, image_ids, image_size
        slots = min(len(files), memory_mb * 1_000_000 // (3 * image_size**2))
        # Memory that is not written yet takes no room.
        self._kept = torch.empty(slots, 3, image_size, image_size, dtype=torch.uint8)
        self._free = list(range(slots))
        self._slot: OrderedDict[int, int] = OrderedDict()
        """Slot of each image kept, the one used longest ago first."""
        self._lock = Lock()
        self._pool = ThreadPoolExecutor(workers())

    def __getitem__(self, rows: Tensor) -> Pixels:
        """Batch of some images: ``[M]`` int64.

        Raises:
            ObjlocError: an image's file is not what it was, or can't be decoded.
        """
        wanted = rows.tolist()
        batch = torch.empty(len(wanted), 3, self._size, self._size, dtype=torch.uint8)
        with self._lock:
            missing = [row for row in dict.fromkeys(wanted) if row not in self._slot]
            decoded = dict(zip(missing, self._pool.map(self._decode, missing), strict=True))
            for place, row in enumerate(wanted):
                if row in decoded:
                    batch[place] = decoded[row]
                else:
                    self._slot.move_to_end(row)
                    batch[place] = self._kept[self._slot[row]]
            for row, pixels in decoded.items():
                self._keep(row, pixels)
        return Pixels(batch)

    def partly_mirrored(self, rows: Tensor, mirrored: Tensor) -> Pixels:
        """See ``objloc.data.image_batch.Images``."""
        return self[rows].mirrored_where(mirrored.cpu())

    def to(self, device: torch.device) -> "PixelsOnDemand":  # noqa: ARG002
        """They stay where they are: batches go."""
        return self

    def _decode(self, row: int) -> Tensor:
        return squash(self._files[row], self._image_ids[row], self._size)

    def _keep(self, row: int, pixels: Tensor) -> None:
        if not len(self._kept):
            return
        slot = self._free.pop() if self._free else self._slot.popitem(last=False)[1]
        self._kept[slot] = pixels
        self._slot[row] = slot
