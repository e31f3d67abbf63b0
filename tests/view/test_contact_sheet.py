import numpy as np
from PIL import Image

from objloc.view.contact_sheet import Tile, contact_sheet, png

RED, BLUE = (250, 10, 10), (10, 10, 250)


def places(sheet: Image.Image, colour: tuple[int, int, int]) -> tuple[int, int, int, int]:
    rows, columns = np.nonzero((np.asarray(sheet) == colour).all(axis=-1))
    return int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1


def test_tiles_stand_in_rows() -> None:
    tiles = [Tile(Image.new("RGB", (40, 30), colour)) for colour in ("white", "white", RED, BLUE)]
    sheet = contact_sheet(tiles, columns=3, tile=(40, 30))
    red, blue = places(sheet, RED), places(sheet, BLUE)
    assert (red[2] - red[0], red[3] - red[1]) == (40, 30)
    assert red[1] < blue[1]
    assert blue[0] < red[0]
    assert sheet.size == (12 + 3 * 52, 12 + 2 * 42)


def test_captions_make_room_for_themselves() -> None:
    tile = Image.new("RGB", (40, 30), RED)
    heights = [
        contact_sheet([each], 1, (40, 30), title).height
        for each, title in (
            (Tile(tile), ""), (Tile(tile, "a"), ""), (Tile(tile, "a", "b"), ""),
            (Tile(tile, "a", "b"), "c"),
        )
    ]  # fmt: skip
    assert heights == sorted(set(heights))


def test_pictures_too_large_are_shrunk_and_small_ones_centred() -> None:
    wide = contact_sheet([Tile(Image.new("RGB", (400, 100), RED))], 1, (40, 30))
    assert places(wide, RED) == (12, 12 + 10, 52, 12 + 20)
    small = contact_sheet([Tile(Image.new("RGB", (10, 10), RED))], 1, (40, 30))
    assert places(small, RED) == (12 + 15, 12 + 10, 12 + 25, 12 + 20)


def test_png_bytes_depend_on_the_pixels_only() -> None:
    image = Image.new("RGB", (9, 9), RED)
    noted = image.copy()
    noted.info["comment"] = "made today"
    assert png(image) == png(noted)
    assert len(png(Image.new("RGB", (99, 99)), level=9)) <= len(png(Image.new("RGB", (99, 99)), 1))
