"""Pictures of searches and of layers: ``animate``, ``explore``, ``layers``."""

from typing import Annotated, Literal

from pydantic import Field

from objloc.params.section import Categories, Names, PositiveInt, Section


class Animate(Section):
    """The searches that are animated; the ``animate`` stage."""

    image_set: str = "test"
    """Image set from which the images are taken."""
    image_ids: Names = ()
    """Images to animate; empty: ``samples`` images drawn with ``seed``."""
    categories: Categories = "all"
    """Categories to search for; ``all``: in each chosen image, those that it holds."""
    samples: PositiveInt = 6
    """Number of images drawn."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed for choosing the images."""
    format: Literal["webp", "gif", "mp4"] = "webp"
    """File format; ``mp4`` needs the extra ``video``."""
    frames_per_second: Annotated[float, Field(gt=0, le=60)] = 2.0
    """Number of steps shown per second."""
    height: Annotated[int, Field(ge=64, le=2160)] = 360
    """Height of the photograph in a frame, in pixels."""


class Explore(Section):
    """The searches on the explorer's page; the ``explore`` stage."""

    image_set: str = "test"
    """Image set from which the images are taken."""
    image_ids: Names = ()
    """Images to show; empty: ``images`` images drawn with ``seed``, as many failures as
    successes of each category, as far as there are enough."""
    categories: Categories = "all"
    """Categories to search for, in the images that hold them."""
    images: Annotated[int, Field(ge=1, le=2000)] = 100
    """Number of images drawn."""
    absent: Annotated[int, Field(ge=0)] = 1
    """Number of categories that an image does not hold and that are searched for too."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed for choosing the images and the absent categories."""
    max_side: Annotated[int, Field(ge=64, le=4096)] = 480
    """Maximum side of a photograph on the page, in pixels; larger ones are scaled down."""
    quality: Annotated[int, Field(ge=10, le=95)] = 80
    """JPEG quality of the photographs."""


class Layers(Section):
    """The activations that are drawn; the ``layers`` stage."""

    layer: str | int = 1
    """Name of a layer, or its number from 1."""
    image_set: str = "test"
    """Image set from which the image is taken."""
    image_id: str | None = None
    """Image to use; null: the first of the set."""
