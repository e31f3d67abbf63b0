"""Decode image files to squares of pixels, several at once.

S pixels a side.
"""

import io
import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from objloc.errors import ObjlocError

_MAX_WORKERS = 16
"""Maximum number of threads; more wait for Python's lock."""


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
    waiting: deque[Future[Tensor]] = deque()
    with ThreadPoolExecutor(workers()) as pool:
        try:
            for image_id, jpeg in images:
                waiting.append(pool.submit(squash, jpeg, image_id, image_size))
                if len(waiting) > ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for each in waiting:
                each.cancel()


def workers() -> int:
    """Number of threads that decode on this machine."""
    return min(os.cpu_count() or 1, _MAX_WORKERS)
