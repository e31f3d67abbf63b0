"""The picture of an episode's state that ``render`` returns."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from objloc.data.images import open_image
from objloc.data.sample import Coordinates
from objloc.data.store import SampleStore
from objloc.view.canvas import AGENT, TRUTH, outline

HEIGHT = 360
"""Height of every picture in pixels; the width follows from the photograph's shape."""


def picture_of(store: SampleStore, image: int, category: int, box: Tensor) -> NDArray[np.uint8]:
    """Draw the ground truth (dashed) and the window on a photograph.

    Args:
        store: the images.
        image: index of the image.
        category: index of the category whose objects are drawn.
        box: the window, ``[4]`` in the image's pixels.

    Returns:
        ``[360, W, 3]``.
    """
    photograph = open_image(store.jpegs[image], store.image_ids[image], upright=False)
    width, height = store.sizes[image].tolist()
    scale = HEIGHT / height
    picture = photograph.resize((max(1, round(width * scale)), HEIGHT), Image.Resampling.BILINEAR)
    for row in (store.object_category[image] == category).nonzero()[:, 0].tolist():
        outline(picture, _scaled(store.boxes[image, row], scale), TRUTH, 2, dashed=True)
    outline(picture, _scaled(box, scale), AGENT, 3)
    return np.asarray(picture).copy()


def _scaled(box: Tensor, scale: float) -> Coordinates:
    xmin, ymin, xmax, ymax = (box * scale).tolist()
    return (xmin, ymin, xmax, ymax)
