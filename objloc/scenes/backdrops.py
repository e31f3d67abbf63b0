"""Choose a backdrop and paint it."""

import numpy as np
from PIL import Image

from objloc.scenes.landscapes import beach, farm, meadow, snow
from objloc.scenes.palette import between, pick
from objloc.scenes.setting import ZOOM, Backdrop
from objloc.scenes.town import room, street

OUTDOORS = (meadow, meadow, farm, beach, street, snow)
"""Backdrops for scenes with livestock; ``room`` is for cats, dogs and people."""


def paint_backdrop(rng: np.random.Generator, size: tuple[int, int], indoors: bool) -> Backdrop:
    """Paint a background whose final size is (width, height) in pixels."""
    image = Image.new("RGB", (size[0] * ZOOM, size[1] * ZOOM), (200, 200, 200))
    drop = Backdrop(image, between(rng, 0.22, 0.6))
    painter = room if indoors else pick(rng, OUTDOORS)
    painter(rng, drop)
    return drop
