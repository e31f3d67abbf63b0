"""Contact sheets: many small pictures with captions on one card."""

import io
from dataclasses import dataclass

from PIL import Image, ImageDraw

from objloc.view.canvas import CARD, INK, MUTED, TRACK, Colour, shortened, wrapped, write

_GAP = 12
_TITLE = 18
_TEXT = 14
_NOTE = 12


@dataclass(frozen=True)
class Tile:
    """A picture on a contact sheet.

    Attributes:
        image: RGB image, scaled down if it is larger than the tile.
        title: bold text below the image; may be empty.
        note: text below the title; may be empty.
        colour: colour of the title.
    """

    image: Image.Image
    title: str = ""
    note: str = ""
    colour: Colour = INK


def contact_sheet(
    tiles: list[Tile], columns: int, tile: tuple[int, int], title: str = "", note: str = ""
) -> Image.Image:
    """Arrange tiles in rows on a dark card.

    Args:
        tiles: one or more tiles.
        columns: maximum number of tiles in a row.
        tile: maximum width and height of a tile's picture, in pixels.
        title: title of the sheet, above the tiles.
        note: text below the title.
    """
    columns = min(columns, len(tiles))
    rows = -(-len(tiles) // columns)
    caption = _caption_height(tiles)
    width = _GAP + columns * (tile[0] + _GAP)
    notes = wrapped(note, _NOTE, width - 2 * _GAP) if note else []
    head = _GAP + (_TITLE + 6 if title else 0) + len(notes) * (_NOTE + 5) + (3 if notes else 0)
    height = head + rows * (tile[1] + caption + _GAP)
    sheet = Image.new("RGB", (width, height), CARD)
    draw = ImageDraw.Draw(sheet)
    y = _GAP + (_TITLE - 4 if title else _NOTE - 2)
    if title:
        words = shortened(title, _TITLE, width - 2 * _GAP)
        write(draw, (_GAP, y), words, _TITLE, bold=True)
        y += _NOTE + 6
    for line in notes:
        write(draw, (_GAP, y), line, _NOTE, MUTED)
        y += _NOTE + 5
    for number, each in enumerate(tiles):
        left = _GAP + number % columns * (tile[0] + _GAP)
        top = head + number // columns * (tile[1] + caption + _GAP)
        _place(sheet, draw, each, (left, top), tile)
    return sheet


def _caption_height(tiles: list[Tile]) -> int:
    titled = any(each.title for each in tiles)
    noted = any(each.note for each in tiles)
    return (_TEXT + 6 if titled else 0) + (_NOTE + 6 if noted else 0)


def _place(
    sheet: Image.Image,
    draw: ImageDraw.ImageDraw,
    each: Tile,
    corner: tuple[int, int],
    size: tuple[int, int],
) -> None:
    left, top = corner
    scale = min(1.0, size[0] / each.image.width, size[1] / each.image.height)
    fitted = (max(1, round(each.image.width * scale)), max(1, round(each.image.height * scale)))
    picture = each.image.resize(fitted, Image.Resampling.LANCZOS) if scale < 1 else each.image
    if picture.size != size:
        draw.rectangle((left, top, left + size[0] - 1, top + size[1] - 1), TRACK)
    sheet.paste(
        picture, (left + (size[0] - picture.width) // 2, top + (size[1] - picture.height) // 2)
    )
    y = top + size[1] + _TEXT + 3
    if each.title:
        write(draw, (left, y), shortened(each.title, _TEXT, size[0]), _TEXT, each.colour, bold=True)
        y += _NOTE + 5
    if each.note:
        write(draw, (left, y), shortened(each.note, _NOTE, size[0]), _NOTE, MUTED)


def png(image: Image.Image, level: int = 9) -> bytes:
    """Encode a picture as PNG; the same picture gives the same bytes.

    Args:
        image: RGB or grey image.
        level: level of compression, 1 (fast) to 9 (small).
    """
    stream = io.BytesIO()
    image.save(stream, "PNG", compress_level=level)
    return stream.getvalue()
