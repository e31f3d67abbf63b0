"""Drawing on cards: text, bars, boxes on photographs."""

import math
import unicodedata
from functools import cache

from PIL import Image, ImageDraw, ImageFont

from objloc.data.sample import Coordinates

Colour = tuple[int, int, int]
Rectangle = tuple[float, float, float, float]
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

CARD: Colour = (22, 26, 32)
"""Background colour: dark and opaque, so that a card looks the same on any page."""
TRACK: Colour = (45, 52, 62)
INK: Colour = (244, 246, 249)
MUTED: Colour = (157, 167, 180)
FAINT: Colour = (126, 137, 152)
QUIET: Colour = (98, 108, 122)
"""Colour of the bars of actions not taken; never of text."""
AGENT: Colour = (255, 176, 0)
"""Colour of the agent's window: amber, from IBM's palette for colour-blind readers."""
TRUTH: Colour = (94, 205, 250)
"""Colour of the ground truth: sky blue, which most readers distinguish from amber."""
SHADOW: Colour = (12, 14, 18)
BLACK: Colour = (4, 5, 7)
"""Colour of empty pictures: darker than the card, so that they are visible."""


@cache
def font(size: int) -> Font:
    """Pillow's built-in font, which is the same on every machine."""
    return ImageFont.load_default(size)


def plain(words: str) -> str:
    """Convert words to characters of the font: accents are dropped, others become '?'."""
    letters = unicodedata.normalize("NFKD", words)
    letters = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return letters.encode("ascii", "replace").decode("ascii")


def write(
    draw: ImageDraw.ImageDraw,
    place: tuple[float, float],
    words: str,
    size: int,
    colour: Colour = INK,
    *,
    anchor: str = "ls",
    bold: bool = False,
) -> None:
    """Write one line of text.

    Args:
        draw: canvas.
        place: position of the anchor, in pixels.
        words: text; see ``plain``.
        size: size of the font, in pixels.
        colour: colour of the text.
        anchor: Pillow's two letters; "ls" is left on the baseline.
        bold: whether to outline the letters, since the font has no bold face.
    """
    stroke = size / 55 if bold else 0
    draw.text(place, plain(words), colour, font(size), anchor, stroke_width=stroke)


def width_of(words: str, size: int) -> float:
    """Width of a line of text, in pixels."""
    return font(size).getlength(plain(words))


def shortened(words: str, size: int, width: float) -> str:
    """Shorten words with dots to a maximum width in pixels."""
    if width_of(words, size) <= width:
        return words
    while words and width_of(words + "...", size) > width:
        words = words[:-1]
    return words + "..."


def wrapped(words: str, size: int, width: float) -> list[str]:
    """Break words into lines of a maximum width in pixels."""
    lines = [""]
    for word in words.split():
        longer = f"{lines[-1]} {word}".strip()
        if width_of(longer, size) <= width or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    return [shortened(line, size, width) for line in lines]


def bar(draw: ImageDraw.ImageDraw, area: Rectangle, colour: Colour) -> None:
    """Draw a filled rectangle, at least a pixel wide and high; its ends are exclusive."""
    left, top, right, bottom = (round(number) for number in area)
    draw.rectangle((left, top, max(left, right - 1), max(top, bottom - 1)), colour)


def curve(
    image: Image.Image, points: list[tuple[float, float]], colour: Colour, width: int
) -> None:
    """Draw an antialiased line through points, with round ends; a single point is a dot."""
    left, top = (math.floor(min(axis)) - width for axis in zip(*points, strict=True))
    right, bottom = (math.ceil(max(axis)) + width for axis in zip(*points, strict=True))
    finer = 4
    mask = Image.new("L", (finer * (right - left), finer * (bottom - top)), 0)
    draw = ImageDraw.Draw(mask)
    places = [(finer * (x - left), finer * (y - top)) for x, y in points]
    draw.line(places, 255, finer * width)
    radius = finer * width / 2
    for x, y in places:
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), 255)
    image.paste(colour, (left, top), mask.reduce(finer))


def outline(
    image: Image.Image,
    box: Coordinates,
    colour: Colour,
    width: int,
    *,
    dashed: bool = False,
    opacity: float = 1.0,
) -> None:
    """Draw a box on an image; the line lies inside the box's edges.

    A dark casing on both sides keeps the line visible on any photograph.

    Args:
        image: RGB image, changed in place.
        box: box in the image's pixels; only the part inside the image is drawn.
        colour: colour of the line.
        width: width of the line in pixels, without the casing.
        dashed: whether the line is dashed.
        opacity: opacity of the line, 0 to 1.
    """
    pieces = _pieces(box, image.size, width, dashed)
    for left, top, right, bottom in pieces:
        _blend(image, (left - 1, top - 1, right + 1, bottom + 1), SHADOW, 0.6 * opacity)
    for piece in pieces:
        _blend(image, piece, colour, opacity)


def _blend(
    image: Image.Image, area: tuple[int, int, int, int], colour: Colour, opacity: float
) -> None:
    size = (area[2] - area[0], area[3] - area[1])
    image.paste(colour, area, Image.new("L", size, round(255 * opacity)))


def _pieces(
    box: Coordinates, size: tuple[int, int], width: int, dashed: bool
) -> list[tuple[int, int, int, int]]:
    """Split a box's line into filled rectangles; solid ones do not overlap at the corners."""
    left, top = max(0, round(box[0])), max(0, round(box[1]))
    right, bottom = min(size[0], round(box[2])), min(size[1], round(box[3]))
    right, bottom = max(right, left + 2 * width), max(bottom, top + 2 * width)
    across, down = [(left, right)], [(top + width, bottom - width)]
    if dashed:
        across, down = _dashes(left, right, width), _dashes(top, bottom, width)
    rows = ((top, top + width), (bottom - width, bottom))
    columns = ((left, left + width), (right - width, right))
    return [(x1, y1, x2, y2) for y1, y2 in rows for x1, x2 in across] + [
        (x1, y1, x2, y2) for x1, x2 in columns for y1, y2 in down
    ]


def _dashes(start: int, end: int, width: int) -> list[tuple[int, int]]:
    """Start and end of each dash; the first and the last are whole, so that corners close."""
    dash = 3 * width
    if end - start < 3 * dash:
        return [(start, end)]
    number = max(1, round((end - start - dash) / (2 * dash)))
    pitch = (end - start - dash) / number
    starts = [start + round(pitch * index) for index in range(number + 1)]
    return [(first, min(end, first + dash)) for first in starts]
