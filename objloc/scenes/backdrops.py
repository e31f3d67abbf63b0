"""One of the backdrops, painted."""

import numpy as np
from PIL import Image

from objloc.scenes.landscapes import beach, farm, meadow, snow
from objloc.scenes.palette import between, pick
from objloc.scenes.setting import ZOOM, Backdrop
from objloc.scenes.town import room, street

OUTDOORS = (meadow, meadow, farm, beach, street, snow)
"""Where livestock may be; ``room`` is for cats, dogs and people."""


def paint_backdrop(rng: np.random.Generator, size: tuple[int, int], indoors: bool) -> Backdrop:
    """A background of the final size (width, height) in pixels."""
    image = Image.new("RGB", (size[0] * ZOOM, size[1] * ZOOM), (200, 200, 200))
    drop = Backdrop(image, between(rng, 0.22, 0.6))
    painter = room if indoors else pick(rng, OUTDOORS)
    painter(rng, drop)
    return drop
