"""What is drawn: ``animate``, ``explore``, ``layers``."""

from typing import Annotated, Literal

from pydantic import Field

from objloc.params.section import Categories, Names, PositiveInt, Section


class Animate(Section):
    """Which searches are drawn; the ``animate`` stage."""

    image_set: str = "test"
    """Where the images are taken from."""
    image_ids: Names = ()
    """Empty: ``samples`` images drawn by ``seed``."""
    categories: Categories = "all"
    """What is searched for: of chosen images ``all`` means those that each holds."""
    samples: PositiveInt = 6
    """Number of images drawn."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Of the draw."""
    format: Literal["webp", "gif", "mp4"] = "webp"
    """``mp4`` needs the extra ``video``."""
    frames_per_second: Annotated[float, Field(gt=0, le=60)] = 2.0
    """Steps shown in a second."""
    height: Annotated[int, Field(ge=64, le=2160)] = 360
    """Height of the photograph in the picture, in pixels."""


class Explore(Section):
    """Which searches the page shows; the ``explore`` stage."""

    image_set: str = "test"
    """Where the images are taken from."""
    image_ids: Names = ()
    """Empty: ``images`` images drawn by ``seed``, successes and failures of each
    category in equal parts as far as there are so many."""
    categories: Categories = "all"
    """What is searched for, in the images that hold it."""
    images: Annotated[int, Field(ge=1, le=2000)] = 100
    """Number of images drawn."""
    absent: Annotated[int, Field(ge=0)] = 1
    """So many categories that an image does not hold are searched for there too."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Of the draws."""
    max_side: Annotated[int, Field(ge=64, le=4096)] = 480
    """Longest side of a photograph in the page, in pixels; larger ones are scaled."""
    quality: Annotated[int, Field(ge=10, le=95)] = 80
    """Of the photographs' JPEG."""


class Layers(Section):
    """Which activations are drawn; the ``layers`` stage."""

    layer: str | int = 1
    """Name of a layer, or its number from 1."""
    image_set: str = "test"
    """Where the image is taken from."""
    image_id: str | None = None
    """None: the first image of the set."""
