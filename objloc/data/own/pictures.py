"""An image file of any kind as the JPEG that a devkit wants."""

import io
import warnings
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from objloc.data.images import open_image
from objloc.errors import ObjlocError

_QUALITY = 95
_ORIENTATION = 274
"""The EXIF tag that says how a camera was held."""
_ON_ITS_SIDE = (5, 6, 7, 8)


@dataclass(frozen=True)
class Picture:
    """An image file, decoded.

    Attributes:
        data: the file's bytes.
        pixels: RGB, as they lie in the file.
        kind: Pillow's name of its format.
        mode: of its pixels, before they were made RGB.
        orientation: of the camera, 1 where it was held upright or nothing is said.
    """

    data: bytes
    pixels: Image.Image
    kind: str
    mode: str
    orientation: int

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the pixels as they lie in the file."""
        return self.pixels.size

    @property
    def upright_size(self) -> tuple[int, int]:
        """Width and height when the camera's orientation is applied."""
        return self.size[::-1] if self.orientation in _ON_ITS_SIDE else self.size


def read_picture(path: Path, place: str) -> Picture:
    """Decode a whole image file.

    Raises:
        ObjlocError: it can't be read, or is no whole image; see ``open_image``.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ObjlocError(f"{place}: cannot be read: {error.strerror or error}") from None
    pixels = open_image(data, place, upright=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(io.BytesIO(data)) as file:
            orientation = file.getexif().get(_ORIENTATION, 1)
            kind, mode = file.format or "", file.mode
    known = orientation if orientation in range(1, 9) else 1
    return Picture(data, pixels, kind, mode, known)


def jpeg_of(picture: Picture, declared: tuple[int, int], place: str) -> bytes:
    """The JPEG whose pixels are those that the annotation counts.

    A JPEG in colours or grey stays as it is; another kind is encoded anew. Tools that
    turn a photograph upright before it is annotated declare the upright size; then the
    pixels are turned.

    Args:
        picture: the image.
        declared: width and height that its annotation gives.
        place: what messages call the annotation.

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
