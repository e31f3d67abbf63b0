import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from objloc.data import images
from objloc.data.own.pictures import jpeg_of, read_picture
from objloc.errors import ObjlocError
from tests.helpers.own_data import turned


def saved(path: Path, mode: str = "RGB") -> Path:
    """A picture of 40 by 30 pixels, bright on the left."""
    pixels = np.zeros((30, 40), np.uint8)
    pixels[:, :20] = 255
    Image.fromarray(pixels).convert(mode).save(path)
    return path


def test_a_file_of_too_many_bytes_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = saved(tmp_path / "a.jpg")
    monkeypatch.setattr(images, "MAX_BYTES", 100)
    with pytest.raises(ObjlocError, match=r"^a\.jpg: expected at most 100 bytes; found \d+ bytes$"):
        read_picture(path, "a.jpg")


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_plain_jpeg_is_not_changed(tmp_path: Path, mode: str) -> None:
    path = saved(tmp_path / "a.jpg", mode)
    picture = read_picture(path, "a.jpg")
    assert (picture.size, picture.upright_size, picture.orientation) == ((40, 30), (40, 30), 1)
    assert jpeg_of(picture, (40, 30), "a.xml") == path.read_bytes()


def test_another_kind_becomes_a_jpeg_of_the_same_pixels(tmp_path: Path) -> None:
    picture = read_picture(saved(tmp_path / "a.png"), "a.png")
    with Image.open(io.BytesIO(jpeg_of(picture, (40, 30), "a.xml"))) as found:
        assert (found.format, found.size) == ("JPEG", (40, 30))
        difference = np.asarray(found.convert("RGB"), int) - np.asarray(picture.pixels, int)
    assert abs(difference).max() < 16


def test_pixels_are_turned_where_the_upright_size_is_declared(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.jpg")
    turned(path, 6)  # the top of the scene is at the right side of the file
    picture = read_picture(path, "a.jpg")
    assert (picture.size, picture.upright_size) == ((40, 30), (30, 40))
    assert jpeg_of(picture, (40, 30), "a.xml") == path.read_bytes()
    with Image.open(io.BytesIO(jpeg_of(picture, (30, 40), "a.xml"))) as found:
        assert found.size == (30, 40)
        assert found.getexif().get(274, 1) == 1
        pixels = np.asarray(found.convert("L"))
    assert pixels[:10].mean() > 200
    assert pixels[-10:].mean() < 50


def test_another_size_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    picture = read_picture(saved(tmp_path / "a.jpg"), "a.jpg")
    with pytest.raises(ObjlocError, match=r"^a\.xml: expected the image's size, 40 x 30; found 9"):
        jpeg_of(picture, (9, 30), "a.xml")
    with pytest.raises(ObjlocError, match=r"^b\.jpg: cannot be read: No such file"):
        read_picture(tmp_path / "b.jpg", "b.jpg")
