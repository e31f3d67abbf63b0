"""Convert an image file of any kind to the JPEG that a devkit requires."""

import io
import warnings
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from objloc.data.images import DAMAGE, FORMATS, open_image, read_image
from objloc.errors import ObjlocError

_QUALITY = 95
_ORIENTATION = 274
"""EXIF tag of the camera's orientation."""
_ON_ITS_SIDE = (5, 6, 7, 8)


@dataclass(frozen=True)
class Picture:
    """An image file, decoded.

    Attributes:
        data: the file's bytes.
        pixels: RGB, as stored in the file.
        kind: Pillow's name of the file format.
        mode: Pillow's mode of the pixels before conversion to RGB.
        orientation: the camera's orientation; 1 if upright or not stated.
    """

    data: bytes
    pixels: Image.Image
    kind: str
    mode: str
    orientation: int

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the pixels as stored in the file."""
        return self.pixels.size

    @property
    def upright_size(self) -> tuple[int, int]:
        """Width and height when the camera's orientation is applied."""
        return self.size[::-1] if self.orientation in _ON_ITS_SIDE else self.size


def read_picture(path: Path, place: str) -> Picture:
    """Decode a whole image file.

    Raises:
        ObjlocError: the file can't be read, or is no whole image; see ``open_image``.
    """
    data = read_image(path, place)
    if not data:
        raise ObjlocError(f"{place}: expected an image; found an empty file")
    pixels = open_image(data, place, upright=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(io.BytesIO(data)) as file:
            return Picture(data, pixels, file.format or "", file.mode, _orientation(file))


def upright_size(path: Path) -> tuple[int, int] | None:
    """Width and height of an image with the camera's orientation applied, from its header.

    Returns:
        None if the file is not an image.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path, formats=FORMATS) as file:
                return file.size[::-1] if _orientation(file) in _ON_ITS_SIDE else file.size
    except DAMAGE:
        return None


def _orientation(file: Image.Image) -> int:
    """The camera's orientation, 1 to 8; 1 if it is not stated or another number."""
    orientation = file.getexif().get(_ORIENTATION, 1)
    return orientation if orientation in range(1, 9) else 1


def jpeg_of(picture: Picture, declared: tuple[int, int], place: str) -> bytes:
    """Make the JPEG whose pixels the annotation refers to.

    A JPEG in RGB or grey is not changed; other images are encoded as JPEG. Tools that
    turn a photograph upright before annotation declare the upright size; in this case
    the pixels are turned too.

    Args:
        picture: the image.
        declared: width and height that the annotation states.
        place: name of the annotation in error messages.

    Raises:
        ObjlocError: the sizes differ.
    """
    if declared == picture.size:
        if picture.kind == "JPEG" and picture.mode in ("RGB", "L"):
            return picture.data
        return _encoded(picture.pixels)
    if declared == picture.upright_size:
        return _encoded(open_image(picture.data, place, upright=True))
    raise ObjlocError(
        f"{place}: expected the image's size, {picture.size[0]} x {picture.size[1]}; "
        f"found {declared[0]} x {declared[1]}"
    )


def _encoded(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=_QUALITY, subsampling=0)
    return stream.getvalue()
