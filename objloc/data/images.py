"""Decode any image file to 8-bit RGB."""

import io
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from objloc.errors import ObjlocError
from objloc.files import read_at_most

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM")
"""Image formats that are opened (JPEG includes MPO). Pillow knows over forty; for some
it starts other programs."""

ENDINGS = (
    ".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".ppm", ".pgm",
)  # fmt: skip
"""File name extensions of the images in a folder, in lower case."""

MAX_PIXELS = 89_000_000
"""Maximum number of pixels; a larger image is refused before it is decoded."""
MAX_BYTES = 512 * 2**20
_AT_ONCE = 2**20
"""Number of transparent pixels, or of those of more than 8 bits, that are converted at once."""

DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    KeyError,
    OverflowError,
    MemoryError,
    TypeError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)
"""Exceptions that Pillow's readers raise on damaged files."""


def open_image(source: Path | bytes, name: str = "", upright: bool = True) -> Image.Image:
    """Decode a whole image to 8-bit RGB.

    Transparent pixels are laid on white. Greys of more than 8 bits are scaled by their own
    range to 8 bits. An animation gives its first frame.

    Args:
        source: a file, or its bytes.
        name: name of the image in error messages; by default the file's path.
        upright: whether to apply the camera's orientation. The boxes of a devkit refer
            to the pixels as stored in the file, without it.

    Raises:
        ObjlocError: the file is missing, no image of a known format, damaged, cut
            short, or larger than 89 megapixels.
    """
    name = name or (str(source) if isinstance(source, Path) else "image")
    data = source if isinstance(source, bytes) else read_image(source, name)
    if not data:
        raise ObjlocError(f"{name}: expected an image; found an empty file")
    with _damage_reported(name), Image.open(io.BytesIO(data), formats=FORMATS) as file:
        _decode(file, name)
        if upright:
            ImageOps.exif_transpose(file, in_place=True)
        return _to_rgb(file)


def as_rgb(image: Image.Image, name: str = "image") -> Image.Image:
    """Convert an open image as ``open_image`` does: upright, 8-bit RGB.

    Raises:
        ObjlocError: the image is damaged, cut short, or larger than 89 megapixels.
    """
    with _damage_reported(name):
        _decode(image, name)
        return _to_rgb(ImageOps.exif_transpose(image))


def _decode(image: Image.Image, name: str) -> None:
    _check_size(image.size, name)
    # verify() passes half a JPEG; load() does not.
    image.load()


@contextmanager
def _damage_reported(name: str) -> Iterator[None]:
    """Turn any complaint of Pillow about an image into one line."""
    try:
        with warnings.catch_warnings():
            # Warnings on a damaged file's metadata do not matter here.
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            yield
    except UnidentifiedImageError:
        raise ObjlocError(
            f"{name}: expected an image ({', '.join(FORMATS)}); found something else"
        ) from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise ObjlocError(
            f"{name}: expected at most {MAX_PIXELS // 10**6} megapixels; found more"
        ) from None
    except DAMAGE as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ObjlocError(f"{name}: the image is damaged: {reason}") from None


def images_in(folder: Path) -> list[Path]:
    """Image files of a folder by extension, sorted; hidden files are left out.

    Raises:
        ObjlocError: there are no images, or the folder cannot be read.
    """
    try:
        found = sorted(
            path
            for path in folder.iterdir()
            if path.suffix.lower() in ENDINGS and path.is_file() and path.name[0] != "."
        )
    except OSError as error:
        raise ObjlocError(f"{folder}: cannot be read: {error.strerror or error}") from None
    if not found:
        raise ObjlocError(f"{folder}: expected images ({' '.join(ENDINGS)}); found none")
    return found


def read_image(path: Path, name: str) -> bytes:
    """Content of an image file.

    Raises:
        ObjlocError: the file can't be read, or is larger than 512 MiB.
    """
    return read_at_most(path, name, MAX_BYTES)


def _check_size(size: tuple[int, int], name: str) -> None:
    width, height = size
    if width < 1 or height < 1:
        raise ObjlocError(f"{name}: expected an image with pixels; found {width} x {height}")
    if width * height > MAX_PIXELS:
        raise ObjlocError(
            f"{name}: expected at most {MAX_PIXELS // 10**6} megapixels; "
            f"found {width} x {height}, {width * height // 10**6} megapixels"
        )


def _to_rgb(image: Image.Image) -> Image.Image:
    """Convert any of Pillow's modes to RGB."""
    if image.mode == "RGB":
        return image
    if image.mode == "F" or image.mode.startswith("I"):
        return _scaled_grey(image)
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        return _on_white(image)
    return image.convert("RGB")


def _on_white(image: Image.Image) -> Image.Image:
    """Lay transparent pixels on white, in strips: whole copies of a large image are gigabytes."""
    width, height = image.size
    rows = max(1, _AT_ONCE // width)
    flat = Image.new("RGB", image.size)
    for top in range(0, height, rows):
        layer = image.crop((0, top, width, min(top + rows, height))).convert("RGBA")
        paper = Image.new("RGBA", layer.size, "white")
        flat.paste(Image.alpha_composite(paper, layer).convert("RGB"), (0, top))
    return flat


def _scaled_grey(image: Image.Image) -> Image.Image:
    """Scale greys of more than 8 bits to all of 0 to 255.

    Their own range counts: a camera of 12 bits, or a thermal one, uses a small part of the
    16 bits of its file. Floats from 0 to 1 and whole numbers up to 255 keep their brightness.
    """
    pixels = np.asarray(image)
    # In strips: eight bytes a pixel, several times, are gigabytes of a large image.
    rows = max(1, _AT_ONCE // pixels.shape[1])
    strips = [slice(row, row + rows) for row in range(0, len(pixels), rows)]
    ranges = [(grey.min(), grey.max()) for grey in (_finite(pixels[strip]) for strip in strips)]
    low, high = float(min(low for low, _ in ranges)), float(max(high for _, high in ranges))
    known = () if image.mode.startswith("I;16") else (1.0, 255.0)
    top = next((top for top in known if low >= 0 and high <= top), None)
    if top:
        low, high = 0.0, top
    elif low == high:
        low, high = min(0.0, low), max(65535.0, high)
    levels = np.empty(pixels.shape, np.uint8)
    for strip in strips:
        scaled = (_finite(pixels[strip]) - low) * (255.0 / (high - low))
        levels[strip] = np.rint(scaled).clip(0, 255)
    return Image.fromarray(levels).convert("RGB")


def _finite(pixels: NDArray[Any]) -> NDArray[np.float64]:
    """Pixels as floats, those that are not finite as 0."""
    return np.nan_to_num(pixels.astype(np.float64), posinf=0.0, neginf=0.0)
