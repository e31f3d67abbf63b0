"""A result as files: the picture with its boxes, JSON, Pascal VOC's XML."""

import io
import json
from xml.sax.saxutils import escape

from PIL import Image, ImageDraw

from objloc.box import to_voc
from objloc.search.result import Found, Result
from objloc.view.canvas import AGENT, CARD, TRUTH, Colour, font, outline, plain, shortened

_COLOURS: tuple[Colour, ...] = (
    AGENT, TRUTH, (0, 200, 150), (240, 130, 200), (240, 228, 66), (255, 120, 60),
)  # fmt: skip
"""Colours of categories, distinct to most eyes; each box also has its name."""
_LEAST_SIDE, _MOST_SIDE = 480, 1600
"""Longer side of the picture drawn, in pixels: names stay readable, files small."""


def files_of(result: Result, name: str) -> dict[str, bytes]:
    """``NAME.jpg``, ``NAME.json`` and ``NAME.xml``; the same result gives the same bytes."""
    stream = io.BytesIO()
    drawn(result).save(stream, "JPEG", quality=90)
    text = json.dumps(result.as_json(), indent=1, allow_nan=False) + "\n"
    return {
        f"{name}.jpg": stream.getvalue(),
        f"{name}.json": text.encode(),
        f"{name}.xml": to_xml(result).encode(),
    }


def drawn(result: Result) -> Image.Image:
    """The picture with every box, its category and score; the best box on top."""
    wide, high = result.image.size
    scale = 1.0
    if max(wide, high) < _LEAST_SIDE:
        scale = _LEAST_SIDE / max(wide, high)
    elif max(wide, high) > _MOST_SIDE:
        scale = _MOST_SIDE / max(wide, high)
    size = (max(1, round(wide * scale)), max(1, round(high * scale)))
    picture = result.image.resize(size, Image.Resampling.LANCZOS)
    for each in reversed(result.found):
        _draw(picture, each, result.categories.index(each.category), size[0] / wide, size[1] / high)
    return picture


def _draw(picture: Image.Image, each: Found, number: int, across: float, down: float) -> None:
    colour = _COLOURS[number % len(_COLOURS)]
    longer = max(picture.size)
    thick, letters = max(2, longer // 250), max(12, longer // 45)
    box = (each.box[0] * across, each.box[1] * down, each.box[2] * across, each.box[3] * down)
    outline(picture, box, colour, thick)
    words = shortened(f"{each.category} {each.score:.2f}", letters, picture.width - letters)
    pad = letters // 3
    left, _, right, _ = font(letters).getbbox(plain(words))
    width, height = round(right - left) + 2 * pad, letters + 2 * pad
    # Above the box where there is room, else inside; never beyond the picture.
    x = max(0, min(round(box[0]), picture.width - width))
    y = round(box[1]) - height if box[1] >= height else round(box[1])
    draw = ImageDraw.Draw(picture)
    draw.rectangle((x, y, x + width - 1, y + height - 1), colour)
    place = (x + pad, y + height / 2)
    draw.text(place, plain(words), CARD, font(letters), "lm", stroke_width=letters / 55)


def to_xml(result: Result) -> str:
    """The boxes as Pascal VOC's annotation: one-based, inclusive, unrounded.

    ``score`` is an element that readers of the format pass over.
    """
    objects = []
    for each in result.found:
        corners = zip(("xmin", "ymin", "xmax", "ymax"), to_voc(each.box), strict=True)
        box = "".join(f"<{name}>{corner:.12g}</{name}>" for name, corner in corners)
        objects.append(
            f"\t<object>\n\t\t<name>{escape(each.category)}</name>\n"
            "\t\t<pose>Unspecified</pose>\n\t\t<truncated>0</truncated>\n"
            f"\t\t<difficult>0</difficult>\n\t\t<bndbox>{box}</bndbox>\n"
            f"\t\t<score>{each.score:.9g}</score>\n\t</object>\n"
        )
    width, height = result.image.size
    return (
        f"<annotation>\n\t<filename>{escape(result.name)}.jpg</filename>\n"
        f"\t<size>\n\t\t<width>{width}</width>\n\t\t<height>{height}</height>\n"
        f"\t\t<depth>3</depth>\n\t</size>\n\t<segmented>0</segmented>\n{''.join(objects)}"
        "</annotation>\n"
    )
