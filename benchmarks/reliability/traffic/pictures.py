"""Files of pictures, and files that are none."""

import io
from collections.abc import Iterator

from PIL import Image

from objloc.scenes.write import scene

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM")
SIZES = ((96, 72), (320, 240), (500, 375), (1100, 800))


def good_files() -> Iterator[bytes]:
    """Drawn scenes in several formats, sizes and modes, one on its side."""
    for number, form in enumerate(FORMATS):
        picture = scene(0, "load", number).image
        yield _file(picture.resize(SIZES[number % len(SIZES)]), form)
    picture = scene(0, "load", len(FORMATS)).image
    yield _file(picture.resize(SIZES[-1]), "JPEG")
    yield _file(picture.convert("L"), "PNG")
    yield _file(picture.convert("RGBA"), "PNG")
    turned = Image.Exif()
    turned[0x0112] = 6
    yield _file(picture, "JPEG", exif=turned)


def bad_files(good: list[bytes]) -> dict[str, tuple[bytes, str]]:
    """Files by what they are, each with a part of the sentence that refuses it."""
    huge = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(huge, "PNG")
    return {
        "half a JPEG": (good[0][: len(good[0]) // 2], "damaged"),
        "half a PNG": (good[1][: len(good[1]) // 2], "damaged"),
        "a text": (b"a shopping list", "expected an image"),
        "an empty file": (b"", "none given|empty file"),
        "400 megapixels in 50 kB": (huge.getvalue(), "megapixels"),
    }


def _file(picture: Image.Image, form: str, **options: object) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, form, **options)
    return stream.getvalue()
