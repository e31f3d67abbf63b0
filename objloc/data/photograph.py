"""Read a user's picture: a path, an address, bytes, a Pillow image or an array."""

import hashlib
import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from objloc.data.images import as_rgb, open_image
from objloc.data.sample import Sample
from objloc.errors import ObjlocError

Source = str | Path | bytes | Image.Image | NDArray[Any]
"""A path, an ``http(s)://`` address, an image file's bytes, a Pillow image, or an
array ``[h, w]``, ``[h, w, 3]`` or ``[h, w, 4]`` in the order red, green, blue:
uint8, uint16 or bool, or floats from 0 to 1."""


@dataclass(frozen=True)
class Photograph:
    """A decoded picture.

    Attributes:
        name: name that is valid as a file name without extension.
        image: upright 8-bit RGB.
    """

    name: str
    image: Image.Image

    def sample(self) -> Sample:
        """Convert to a sample without objects; the upright pixels are kept without loss."""
        stream = io.BytesIO()
        # Little compression: it is decoded again at once.
        self.image.save(stream, "PNG", compress_level=0)
        return Sample(self.name, stream.getvalue(), *self.image.size, ())


def photograph(source: Source) -> Photograph:
    """Read a picture from any source.

    Raises:
        ObjlocError: the picture is missing or cannot be used; see ``open_image``.
    """
    if isinstance(source, bytes | bytearray):
        return Photograph("image", open_image(bytes(source), "image"))
    if isinstance(source, Image.Image):
        named = getattr(source, "filename", "")
        name = stem(Path(named).stem) if isinstance(named, str) else "image"
        return Photograph(name, as_rgb(source, name))
    if isinstance(source, np.ndarray):
        return Photograph("image", as_rgb(_of_array(source)))
    if isinstance(source, str) and is_url(source):
        # Imported here, since a served model and pictures on disk need no HTTP.
        from objloc.data.fetch import fetch  # noqa: PLC0415

        return Photograph(_address_stem(source, name_in(source)), open_image(fetch(source), source))
    if isinstance(source, str | Path):
        return Photograph(stem(Path(source).stem), open_image(Path(source)))
    raise ObjlocError(
        "image: expected a path, an http(s) address, bytes, a Pillow image or an array; found "
        f"{type(source).__name__}"
    )


def is_url(text: str) -> bool:
    """Whether a text is an address of the web rather than a path."""
    return text.lower().startswith(("http://", "https://"))


def name_in(url: str) -> str:
    """File name in an address; empty if there is none."""
    return urlsplit(url).path.rpartition("/")[2]


def stem(text: str) -> str:
    """Convert a text to a file name (without extension) that every system accepts."""
    return re.sub(r"[^\w .+-]", "_", text).strip(" .")[:100] or "image"


def _address_stem(url: str, name: str) -> str:
    """File name for an address; if it has a query, with a few digits of the address's hash."""
    short = stem(Path(name).stem)
    if "?" not in url:
        return short
    return f"{short}_{hashlib.sha256(url.encode()).hexdigest()[:8]}"


def _of_array(pixels: NDArray[Any]) -> Image.Image:
    """Convert an array to a picture of 8 bits.

    Raises:
        ObjlocError: the shape or type is not supported, there are no pixels, or floats
            lie outside 0 to 1.
    """
    shape, kind = pixels.shape, pixels.dtype
    if pixels.ndim == 3 and shape[2] == 1:
        pixels = pixels[:, :, 0]
    grey, colour = pixels.ndim == 2, pixels.ndim == 3 and shape[-1] in (3, 4)
    if pixels.size == 0 or not (grey or colour):
        raise ObjlocError(f"array: expected [h, w], [h, w, 3] or [h, w, 4]; found {list(shape)}")
    if kind == np.bool_:
        pixels = pixels * np.uint8(255)
    elif kind == np.uint16:
        pixels = np.rint(pixels / 257.0)
    elif np.issubdtype(kind, np.floating):
        if not (np.isfinite(pixels).all() and pixels.min() >= 0 and pixels.max() <= 1):
            raise ObjlocError(
                f"array: expected floats from 0 to 1 (or uint8); found "
                f"{np.nanmin(pixels):g} to {np.nanmax(pixels):g}"
            )
        pixels = np.rint(pixels * 255.0)
    elif kind != np.uint8:
        raise ObjlocError(f"array: expected uint8, uint16, bool or floats; found {kind}")
    return Image.fromarray(np.ascontiguousarray(pixels.astype(np.uint8)))
