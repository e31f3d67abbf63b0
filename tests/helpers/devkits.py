"""A miniature Pascal VOC devkit, drawn: what most tests read.

Each category is one shape in one colour, so that a test can train on it.
"""

import io
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

IMAGE_SIZE = (96, 72)
"""Width and height in pixels of most drawn images."""

COLOURS = (
    (208, 48, 40), (40, 88, 208), (40, 160, 72), (224, 168, 32), (144, 64, 176),
    (32, 168, 176), (232, 120, 160), (120, 88, 48),
)  # fmt: skip

DrawnObject = tuple[str, tuple[float, float, float, float], bool, bool]
"""Category, box in VOC's one-based inclusive pixels, difficult, truncated."""


def make_devkit(
    folder: Path,
    images: Mapping[str, int] | None = None,
    categories: Sequence[str] = ("cat", "dog"),
    seed: int = 0,
    *,
    year: str = "VOC2007",
    trainval: bool = False,
    first: int = 1,
) -> Path:
    """Draw a devkit below ``folder``.

    An image holds one to three objects; the category of the first one goes
    round, so that every category occurs in every set that is large enough.
    One object in ten is difficult (never an image's first), one in ten
    truncated; every third image has decimal boxes.

    Args:
        folder: gets ``VOCdevkit/<year>/{Annotations,ImageSets/Main,JPEGImages}``.
        images: number of images of each image set.
        categories: names; those of a year folder must be Pascal VOC's.
        seed: of colours' variation, places and sizes.
        year: name of the year folder.
        trainval: also write the image set ``trainval``, train and val united.
        first: number of the first image; ids are ``000001``, …

    Returns:
        The ``VOCdevkit`` folder.
    """
    images = {"train": 12, "val": 6, "test": 6} if images is None else images
    generator = np.random.default_rng(seed)
    devkit = folder / "VOCdevkit" / year
    number = first
    sets: dict[str, list[str]] = {}
    for image_set, count in images.items():
        sets[image_set] = []
        for _ in range(count):
            image_id = f"{number:06}"
            jpeg, size, objects = _draw(generator, categories, number)
            write_image(devkit, image_id, jpeg, annotation_xml(year, image_id, size, objects))
            sets[image_set].append(image_id)
            number += 1
    if trainval:
        sets["trainval"] = sorted(sets["train"] + sets["val"])
    for image_set, image_ids in sets.items():
        write_image_set(devkit, image_set, image_ids)
    return devkit.parent


def write_image(devkit: Path, image_id: str, jpeg: bytes, xml: str) -> None:
    """Put one image and its annotation into a year folder."""
    for part, name, content in (
        ("JPEGImages", f"{image_id}.jpg", jpeg),
        ("Annotations", f"{image_id}.xml", xml.encode()),
    ):
        (devkit / part).mkdir(parents=True, exist_ok=True)
        (devkit / part / name).write_bytes(content)


def write_image_set(devkit: Path, image_set: str, image_ids: Sequence[str]) -> None:
    """Put the list of an image set into a year folder."""
    main = devkit / "ImageSets" / "Main"
    main.mkdir(parents=True, exist_ok=True)
    (main / f"{image_set}.txt").write_text("".join(f"{each}\n" for each in image_ids))


def jpeg_bytes(
    size: tuple[int, int] = IMAGE_SIZE, colour: tuple[int, int, int] = (90, 90, 90)
) -> bytes:
    """A plain JPEG of a width and height in pixels."""
    stream = io.BytesIO()
    Image.new("RGB", size, colour).save(stream, "JPEG")
    return stream.getvalue()


def annotation_xml(
    folder: str, image_id: str, size: tuple[int, int], objects: Sequence[DrawnObject]
) -> str:
    """An annotation as the devkit writes it."""
    described = "".join(
        f"<object><name>{category}</name><pose>Unspecified</pose>"
        f"<truncated>{truncated:d}</truncated><difficult>{difficult:d}</difficult>"
        f"<bndbox><xmin>{box[0]:g}</xmin><ymin>{box[1]:g}</ymin>"
        f"<xmax>{box[2]:g}</xmax><ymax>{box[3]:g}</ymax></bndbox></object>\n"
        for category, box, difficult, truncated in objects
    )
    return (
        f"<annotation><folder>{folder}</folder><filename>{image_id}.jpg</filename>\n"
        f"<size><width>{size[0]}</width><height>{size[1]}</height><depth>3</depth></size>\n"
        f"<segmented>0</segmented>\n{described}</annotation>\n"
    )


def pack_devkit(devkit: Path, archive: Path, mode: str = "w") -> Path:
    """Pack a ``VOCdevkit`` folder as the official archives are packed."""
    archive.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archive, mode) as tar:  # type: ignore[call-overload]
        for path in sorted(devkit.rglob("*")):
            if path.is_file():
                tar.add(path, arcname=str(Path(devkit.name) / path.relative_to(devkit)))
    return archive


def _draw(
    generator: np.random.Generator, categories: Sequence[str], number: int
) -> tuple[bytes, tuple[int, int], list[DrawnObject]]:
    """One image: its JPEG, its size and its objects, the first drawn on top."""
    # Every fifth image stands upright.
    size = IMAGE_SIZE if number % 5 else IMAGE_SIZE[::-1]
    ground = generator.integers(140, 200, 3) // (1, 1, 2)
    image = Image.new("RGB", size, tuple(int(each) for each in ground))
    draw = ImageDraw.Draw(image)
    objects: list[DrawnObject] = []
    for place in reversed(range(int(generator.integers(1, 4)))):
        which = (number + place) % len(categories)
        sides = (generator.uniform(0.25, 0.7, 2) * size).round()
        corner = (generator.uniform(0, 1, 2) * (size - sides)).round()
        xmin, ymin = (float(each) for each in corner + 1)
        xmax, ymax = (float(each) for each in corner + sides)
        if number % 3 == 0:
            xmin, ymin, xmax, ymax = xmin + 0.25, ymin + 0.5, xmax - 0.25, ymax - 0.125
        _draw_shape(draw, which, (xmin - 1, ymin - 1, xmax - 1, ymax - 1))
        chance = generator.integers(0, 10)
        objects.append(
            (categories[which], (xmin, ymin, xmax, ymax), place > 0 and chance == 0, chance == 1)
        )
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=90)
    return stream.getvalue(), size, objects[::-1]


def _draw_shape(
    draw: ImageDraw.ImageDraw, which: int, corners: tuple[float, float, float, float]
) -> None:
    """The shape of the ``which``-th category, filling the box."""
    colour = COLOURS[which % len(COLOURS)]
    left, top, right, bottom = corners
    if which % 3 == 0:
        draw.ellipse(corners, fill=colour, outline=(20, 20, 20))
    elif which % 3 == 1:
        draw.rectangle(corners, fill=colour, outline=(20, 20, 20))
    else:
        middle = (left + right) / 2
        draw.polygon(
            [(middle, top), (right, bottom), (left, bottom)], fill=colour, outline=(20, 20, 20)
        )
