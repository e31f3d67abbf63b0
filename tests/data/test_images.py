import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from objloc.data.images import as_rgb, images_in, open_image
from objloc.errors import ObjlocError


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def halves() -> Image.Image:
    """Picture of 8 x 4 pixels, red on the left, blue on the right."""
    image = Image.new("RGB", (8, 4), (255, 0, 0))
    image.paste((0, 0, 255), (4, 0, 8, 4))
    return image


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "PPM"])
def test_formats_without_loss_come_back_exactly(kind: str) -> None:
    image = open_image(saved(halves(), kind))
    assert image.mode == "RGB"
    assert image.tobytes() == halves().tobytes()


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "GIF", "MPO"])
def test_formats_with_loss_come_back_nearly(kind: str) -> None:
    image = open_image(saved(halves().resize((64, 32), Image.Resampling.NEAREST), kind))
    assert (image.mode, image.size) == ("RGB", (64, 32))
    assert image.getpixel((8, 8)) == pytest.approx((255, 0, 0), abs=6)
    assert image.getpixel((56, 8)) == pytest.approx((0, 0, 255), abs=6)


def test_an_image_is_upright_unless_its_pixels_are_wanted_as_they_lie() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera stood on its side: turn by 90 degrees clockwise
    content = saved(halves(), "PNG", exif=exif)
    upright = open_image(content)
    assert upright.size == (4, 8)
    assert upright.getpixel((0, 0)) == (255, 0, 0)
    assert upright.getpixel((0, 7)) == (0, 0, 255)
    assert open_image(content, upright=False).size == (8, 4)


def test_print_colours_become_screen_colours() -> None:
    image = open_image(saved(halves().resize((64, 32)).convert("CMYK"), "JPEG", quality=95))
    assert image.mode == "RGB"
    red, green, blue = np.asarray(image)[8, 8].tolist()
    assert red > 200
    assert max(green, blue) < 60


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        (np.array([[0, 32768, 65535]], dtype=np.uint16), "PNG", [0, 128, 255]),
        (np.array([[0, 32768, 65535]], dtype=np.uint16), "TIFF", [0, 128, 255]),
        (np.array([[0.0, 0.5, 1.0]], dtype=np.float32), "TIFF", [0, 128, 255]),
        (np.array([[0.0, 100.0, 200.0]], dtype=np.float32), "TIFF", [0, 100, 200]),
        (np.array([[-1.0, 0.0, 1.0]], dtype=np.float32), "TIFF", [0, 128, 255]),
        (np.array([[np.nan, np.inf, 1.0]], dtype=np.float32), "TIFF", [0, 0, 255]),
        (np.array([[0.0, 0.0, 0.0]], dtype=np.float32), "TIFF", [0, 0, 0]),
        (np.array([[0, 65536, 131072]], dtype=np.int32), "TIFF", [0, 128, 255]),
    ],
)  # fmt: skip
def test_deep_greys_are_scaled_not_clipped(
    values: np.ndarray, kind: str, expected: list[int]
) -> None:
    image = open_image(saved(Image.fromarray(values), kind))
    assert [image.getpixel((x, 0)) for x in range(3)] == [(grey,) * 3 for grey in expected]


def test_an_animation_gives_its_first_frame() -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    content = saved(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert open_image(content).getpixel((3, 3)) == (255, 0, 0)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparency_lies_on_white(mode: str) -> None:
    if mode == "P":
        image = Image.new("P", (4, 4), 0)
        image.putpalette([0, 0, 0, 255, 0, 0])
        content = saved(image, "PNG", transparency=0)
    else:
        content = saved(Image.new(mode, (4, 4)), "PNG")
    assert open_image(content).getpixel((1, 1)) == (255, 255, 255)


@pytest.mark.parametrize("mode", ["1", "L", "P"])
def test_simple_modes_become_colour(mode: str) -> None:
    image = open_image(saved(Image.new("RGB", (4, 4), "white").convert(mode), "PNG"))
    assert image.mode == "RGB"
    assert image.getpixel((1, 1)) == (255, 255, 255)


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and has no pixels."""
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = b"IDAT" + zlib.compress(b"")
    chunks = [struct.pack(">I", len(each) - 4) + each + struct.pack(">I", zlib.crc32(each))
              for each in (body, data, b"IEND")]  # fmt: skip
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "an empty file"),
        (b"this is a text\nof two lines", "found something else"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\nshowpage", "found something else"),
        (saved(halves().resize((300, 200)), "JPEG")[:2000], "damaged"),
        (saved(halves().resize((300, 200)), "PNG")[:-100], "damaged"),
        (saved(halves(), "JPEG")[:20], "damaged|something else"),
        (png_header(100, 100), "damaged"),
        (png_header(9400, 9500), "9400 x 9500, 89 megapixels"),
        (png_header(9500, 9500), "at most 89 megapixels"),
        (png_header(60000, 60000), "at most 89 megapixels"),
    ],
)  # fmt: skip
def test_what_is_no_whole_image_is_refused_in_one_line(
    tmp_path: Path, content: bytes, expected: str
) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(content)
    with pytest.raises(ObjlocError, match=expected) as caught:
        open_image(path)
    assert "photo.jpg: " in str(caught.value)
    assert "\n" not in str(caught.value)


def test_flipped_bytes_give_an_image_or_one_line() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (24, 24, 3)).astype(np.uint8)
    for kind in ("PNG", "JPEG", "GIF", "TIFF", "BMP", "WEBP"):
        whole = saved(Image.fromarray(noise), kind)
        for place in range(0, len(whole), 7):
            broken = whole[:place] + bytes([whole[place] ^ 0x5A]) + whole[place + 1 :]
            assert "\n" not in complaint_about(broken)


def complaint_about(content: bytes) -> str:
    """Error message about some bytes; empty if they are an image."""
    try:
        image = open_image(content)
    except ObjlocError as error:
        return str(error)
    return "" if image.mode == "RGB" else "not RGB\n"


def test_missing_files_and_folders_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing.jpg", tmp_path):
        with pytest.raises(ObjlocError, match="cannot be read"):
            open_image(path)


def test_bytes_are_called_by_the_name_given() -> None:
    with pytest.raises(ObjlocError, match="image 000007: "):
        open_image(b"text", "image 000007")


def test_an_open_image_is_made_upright_and_colourful_too() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    with Image.open(io.BytesIO(saved(halves(), "PNG", exif=exif))) as file:
        assert as_rgb(file).size == (4, 8)
    assert as_rgb(Image.new("CMYK", (4, 4))).getpixel((0, 0)) == (255, 255, 255)
    short = io.BytesIO(saved(halves().resize((300, 200)), "JPEG")[:2000])
    with (
        Image.open(short) as file,
        pytest.raises(ObjlocError, match="photo: the image is damaged"),
    ):
        as_rgb(file, "photo")


def test_the_images_of_a_folder_are_known_by_their_names(tmp_path: Path) -> None:
    for name in ("b.JPG", "a.png", "notes.txt", ".hidden.jpg", "c.tiff"):
        (tmp_path / name).touch()
    (tmp_path / "folder.jpg").mkdir()
    assert [path.name for path in images_in(tmp_path)] == ["a.png", "b.JPG", "c.tiff"]


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(ObjlocError, match=r"expected images \(.jpg .*\); found none"):
        images_in(tmp_path)
    with pytest.raises(ObjlocError, match="cannot be read"):
        images_in(tmp_path / "nothing")


def test_large_images_are_converted_in_strips_to_the_same_pixels(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    generator = np.random.default_rng(0)
    deep = generator.integers(0, 2**16, (21, 30), np.uint16)
    clear = generator.integers(0, 256, (21, 30, 4), np.uint8)
    contents = [saved(Image.fromarray(each), "PNG") for each in (deep, clear)]
    whole = [np.asarray(open_image(each)) for each in contents]
    monkeypatch.setattr("objloc.data.images._AT_ONCE", 100)
    assert all(
        (np.asarray(open_image(content)) == pixels).all()
        for content, pixels in zip(contents, whole, strict=True)
    )
    assert (Image.fromarray(whole[0]).getpixel((0, 0)) or 0) != 0


def test_a_users_image_stays_as_it_is() -> None:
    image = Image.new("RGB", (4, 3))
    exif = image.getexif()
    exif[274] = 6
    assert as_rgb(image).size == (3, 4)
    assert image.size == (4, 3)
    assert as_rgb(Image.new("RGB", (4, 3))) is not image
