"""Any image file as 8-bit RGB, or one line that says why not."""

import io
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from objloc.errors import ObjlocError

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM")
"""What is opened (JPEG takes MPO along). Pillow would open over forty, some by
starting other programs."""

ENDINGS = (
    ".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".ppm", ".pgm",
)  # fmt: skip
"""By which the images of a folder are known, in small letters."""

MAX_PIXELS = 89_000_000
"""More is refused before a pixel is decoded."""
MAX_BYTES = 512 * 2**20

# What Pillow's readers raise on damaged files besides OSError.
_DAMAGE = (
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


def open_image(source: Path | bytes, name: str = "", upright: bool = True) -> Image.Image:
    """Decode a whole image to 8-bit RGB.

    Transparency lies on white, 16-bit and floating-point greys are scaled to 8
    bits, an animation gives its first frame.

    Args:
        source: a file, or its bytes.
        name: what messages call it; a file's path by default.
        upright: apply the camera's orientation. A devkit's boxes count in the
            pixels as they lie in the file, whatever the orientation says.

    Raises:
        ObjlocError: no such file, not an image of a known kind, damaged, cut
            short, or larger than 89 megapixels.
    """
    name = name or (str(source) if isinstance(source, Path) else "image")
    data = source if isinstance(source, bytes) else _read(source, name)
    if not data:
        raise ObjlocError(f"{name}: expected an image; found an empty file")
    with _damage_told(name), Image.open(io.BytesIO(data), formats=FORMATS) as file:
        return _decoded(file, name, upright)


def as_rgb(image: Image.Image, name: str = "image") -> Image.Image:
    """An image that is open already, as ``open_image`` gives it: upright, 8-bit RGB.

    Raises:
        ObjlocError: damaged, cut short, or larger than 89 megapixels.
    """
    with _damage_told(name):
        return _decoded(image, name, upright=True)


def _decoded(image: Image.Image, name: str, upright: bool) -> Image.Image:
    _check_size(image.size, name)
    # verify() passes half a JPEG; load() does not.
    image.load()
    return _to_rgb(ImageOps.exif_transpose(image) if upright else image)


@contextmanager
def _damage_told(name: str) -> Iterator[None]:
    """Turn whatever Pillow says of an image that is none into one line."""
    try:
        with warnings.catch_warnings():
            # Warnings on a damaged file's metadata are nobody's business here.
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
    except _DAMAGE as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ObjlocError(f"{name}: the image is damaged: {reason}") from None


def images_in(folder: Path) -> list[Path]:
    """The image files of a folder by their names' endings, sorted; hidden ones are left out.

    Raises:
        ObjlocError: there is none, or the folder cannot be read.
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


def _read(path: Path, name: str) -> bytes:
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise ObjlocError(
                f"{name}: expected at most {MAX_BYTES // 2**20} MiB; found {size // 2**20} MiB"
            )
        return path.read_bytes()
    except OSError as error:
        raise ObjlocError(f"{name}: cannot be read: {error.strerror or error}") from None


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
    """Any of Pillow's modes as RGB."""
    if image.mode == "RGB":
        return image
    if image.mode == "F" or image.mode.startswith("I"):
        return _scaled_grey(image)
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        layered = image.convert("RGBA")
        paper = Image.new("RGBA", layered.size, "white")
        return Image.alpha_composite(paper, layered).convert("RGB")
    return image.convert("RGB")


def _scaled_grey(image: Image.Image) -> Image.Image:
    """Greys of more than 8 bits: Pillow's own conversion would clip them at 255."""
    grey = np.nan_to_num(np.asarray(image, dtype=np.float64), posinf=0.0, neginf=0.0)
    if image.mode.startswith("I;16"):
        low, high = 0.0, 65535.0
    else:
        low, high = min(0.0, float(grey.min())), float(grey.max())
        high = next((top for top in (1.0, 255.0, 65535.0) if high <= top), high)
    scaled = (grey - low) * (255.0 / (high - low))
    return Image.fromarray(np.rint(scaled).clip(0, 255).astype(np.uint8)).convert("RGB")
