"""Drawn pictures whose boxes are known to the pixel."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from benchmarks.annotation_tools.scripts.known import (
    PICTURES,
    Box,
    Known,
    Picture,
    write_known,
)

CATEGORIES = ("cat", "dog", "traffic light")
KNOWN_PICTURE = "plain.jpg"
"""Picture of ``KNOWN_BOX``, 100 x 80 pixels."""
KNOWN_BOX: Box = (10, 20, 50, 60)
EIGHT = (
    Picture(KNOWN_PICTURE, 100, 80, (Known("cat", KNOWN_BOX),)),
    Picture(
        "border.jpg",
        100,
        80,
        (
            Known("cat", (0, 0, 40, 30), truncated=True),
            Known("dog", (60, 50, 100, 80), truncated=True),
            Known("traffic light", (42, 0, 58, 80), truncated=True),
        ),
    ),
    Picture("CAPITALS.JPG", 96, 64, (Known("dog", (5, 6, 33, 41)),)),
    Picture("lossless.png", 64, 48, (Known("traffic light", (7, 5, 30, 40)),)),
    Picture("nothing.jpg", 100, 80),
    Picture(
        "difficult.jpg",
        120,
        90,
        (Known("cat", (12, 8, 60, 66), difficult=True), Known("dog", (64, 40, 101, 77))),
    ),
    Picture("a picture with spaces.jpg", 80, 100, (Known("traffic light", (29, 3, 57, 58)),)),
    Picture(
        "square.jpeg", 150, 150, (Known("dog", (50, 29, 99, 149)), Known("cat", (1, 1, 48, 27)))
    ),
)
"""Pictures of two formats and several suffixes, one without objects, boxes at every border."""
ROTATED = tuple(
    Picture(file, 100, 80, (Known("cat", (30, 20, 70, 60), rotation=30.0),))
    for file in ("rotated.jpg", "turned.jpg")
)
"""Pictures for the tools that know rotated boxes; two, since some want two image sets."""
_COLOURS = ((214, 92, 48), (60, 110, 214), (70, 180, 90))


def draw(pictures: Sequence[Picture], folder: Path) -> Path:
    """Draw pictures and write their boxes; return the folder."""
    (folder / PICTURES).mkdir(parents=True)
    for number, picture in enumerate(pictures):
        _drawn(picture, number).save(folder / PICTURES / picture.file)
    write_known(folder, pictures)
    return folder


def many(number: int, seed: int = 0) -> tuple[Picture, ...]:
    """Describe pictures of one or two objects each, enough to train on."""
    random = np.random.default_rng(seed)
    found = []
    for index in range(number):
        objects = []
        for half in range(1 + index % 2):
            left = 4 + 80 * half + int(random.integers(20))
            top = 4 + int(random.integers(40))
            width, height = (int(random.integers(24, 52)) for _ in range(2))
            category = CATEGORIES[(index + half) % len(CATEGORIES)]
            objects.append(Known(category, (left, top, left + width, top + height)))
        found.append(Picture(f"shape_{index:03}.jpg", 160, 120, tuple(objects)))
    return tuple(found)


def _drawn(picture: Picture, seed: int) -> Image.Image:
    """Draw each category in its own shape and colour, on ground that no other picture has."""
    ground = np.random.default_rng(seed).integers(90, 200, (5, 5, 3), dtype=np.uint8)
    image = Image.fromarray(ground).resize(
        (picture.width, picture.height), Image.Resampling.BICUBIC
    )
    pen = ImageDraw.Draw(image)
    for each in picture.objects:
        xmin, ymin, xmax, ymax = each.box
        inside = (xmin, ymin, xmax - 1, ymax - 1)
        kind = CATEGORIES.index(each.category)
        match kind:
            case 0:
                pen.ellipse(inside, fill=_COLOURS[kind], outline="black")
            case 1:
                pen.rectangle(inside, fill=_COLOURS[kind], outline="black")
            case _:
                corners = ((xmin, ymax - 1), ((xmin + xmax) // 2, ymin), (xmax - 1, ymax - 1))
                pen.polygon(corners, fill=_COLOURS[kind], outline="black")
    return image
