import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from objloc.data.images import open_image
from objloc.data.photograph import Photograph, photograph, stem
from objloc.errors import ObjlocError
from tests.helpers.servers import Files, serving

PIXELS = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3) * 10


def as_png(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


def test_every_kind_of_source_gives_the_same_picture(tmp_path: Path) -> None:
    image = Image.fromarray(PIXELS)
    content = as_png(image)
    path = tmp_path / "holiday.png"
    path.write_bytes(content)
    sources: list[tuple[Any, str]] = [
        (path, "holiday"), (str(path), "holiday"), (content, "image"), (image, "image"),
        (Image.open(path), "holiday"), (PIXELS, "image"),
    ]  # fmt: skip
    with serving(Files({"/album/holiday.png": content})) as files:
        sources.append((f"{files.url}/album/holiday.png", "holiday"))
        for source, name in sources:
            found = photograph(source)
            assert found.name == name
            assert np.array_equal(np.asarray(found.image), PIXELS)


@pytest.mark.parametrize(
    ("pixels", "expected"),
    [
        (np.array([[0, 128, 255]], dtype=np.uint8), [0, 128, 255]),
        (np.array([[[0], [128], [255]]], dtype=np.uint8), [0, 128, 255]),
        (np.array([[0, 32896, 65535]], dtype=np.uint16), [0, 128, 255]),
        (np.array([[0.0, 0.5, 1.0]], dtype=np.float32), [0, 128, 255]),
        (np.array([[False, True, True]]), [0, 255, 255]),
    ],
)
def test_arrays_of_other_types_are_scaled(pixels: Any, expected: list[int]) -> None:
    image = photograph(pixels).image
    assert image.mode == "RGB"
    assert [image.getpixel((x, 0)) for x in range(3)] == [(grey,) * 3 for grey in expected]


def test_a_transparent_array_lies_on_white() -> None:
    pixels = np.zeros((1, 1, 4), dtype=np.uint8)
    assert photograph(pixels).image.getpixel((0, 0)) == (255, 255, 255)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (np.zeros((2, 3, 2), dtype=np.uint8), r"expected \[h, w\].*found \[2, 3, 2\]"),
        (np.zeros((0, 3, 3), dtype=np.uint8), r"found \[0, 3, 3\]"),
        (np.zeros(3, dtype=np.uint8), r"found \[3\]"),
        (np.array([[0.0, 255.0]]), "expected floats from 0 to 1 .*found 0 to 255"),
        (np.array([[0.0, np.nan]]), "expected floats from 0 to 1"),
        (np.zeros((2, 2), dtype=np.int64), "expected uint8.*found int64"),
        (b"", "found an empty file"),
        (7, "expected a path.*found int"),
        ("nothing.jpg", "nothing.jpg: cannot be read"),
    ],
)
def test_what_is_no_picture_is_refused_in_one_line(source: Any, message: str) -> None:
    with pytest.raises(ObjlocError, match=message) as caught:
        photograph(source)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("a b-c.d_1", "a b-c.d_1"), ("../x/y", "_x_y"), ("", "image"), ("...", "image"),
     ("ä\n", "ä_"), ("q?*:", "q___")],
)  # fmt: skip
def test_a_name_is_fit_for_any_file_system(text: str, expected: str) -> None:
    assert stem(text) == expected


def test_addresses_that_differ_by_their_query_have_different_names() -> None:
    content = as_png(Image.fromarray(PIXELS))
    with serving(Files({"/image?id=1": content, "/image?id=2": content, "/": content})) as files:
        names = [photograph(f"{files.url}/{path}").name for path in ("image?id=1", "image?id=2")]
        assert len(set(names)) == 2
        assert all(name.startswith("image_") for name in names)
        assert photograph(f"{files.url}/").name == "image"


def test_a_sample_has_the_upright_pixels_without_loss() -> None:
    sample = Photograph("holiday", Image.fromarray(PIXELS)).sample()
    assert (sample.image_id, sample.width, sample.height, sample.objects) == ("holiday", 3, 2, ())
    assert np.array_equal(np.asarray(open_image(sample.jpeg)), PIXELS)
