"""Random crops of training images whose features are stored.

Features cannot be cropped: what a network says of a crop is not what it said there of the
whole image. So an agent that learns from a feature store has a few crops of each training
image drawn once, encoded beside it, and learned from as images of their own.
"""

import hashlib
from dataclasses import replace

import torch
from torch import Tensor

from objloc.agent.augmentation import jitter_colours, shift_into
from objloc.voc.sample import Coordinates, Sample, coordinates
from objloc.voc.store import SampleStore, squash

_TRIES = 20
"""Crops drawn until one holds an object; then the whole image is taken."""
_MARK = "#"
"""Between the name of an image and the number of its crop."""


def image_of(image_id: str) -> str:
    """The image that a crop is of; an image is its own."""
    return image_id.partition(_MARK)[0]


def draw_crop(sample: Sample, number: int, crop: float) -> Coordinates:
    """The ``number``-th crop of an image, as shares of its sides; the same every time.

    Args:
        sample: an image.
        number: from 0.
        crop: its sides are at least 1 - this of the whole's.
    """
    generator = _generator(sample, number, "crop")
    size = torch.tensor([[sample.width, sample.height]], dtype=torch.float64)
    boxes = torch.tensor([[each.box for each in sample.objects]], dtype=torch.float64)
    for _ in range(_TRIES if sample.objects else 1):
        side = 1 - crop * torch.rand(1, 2, generator=generator, dtype=torch.float64)
        corner = (1 - side) * torch.rand(1, 2, generator=generator, dtype=torch.float64)
        if not sample.objects or shift_into(boxes, corner * size, side * size)[1].any():
            return coordinates(torch.cat([corner, corner + side], dim=1)[0].tolist())
    return (0.0, 0.0, 1.0, 1.0)


def picture_of_crop(
    sample: Sample, number: int, place: Coordinates, jitter: float, size: int
) -> Tensor:
    """A crop as a square, its colours jittered: ``[3, S, S]`` uint8.

    Args:
        sample: the image.
        number: of the crop; its colours are the same every time.
        place: see ``draw_crop``.
        jitter: see ``jitter_colours``.
        size: S.
    """
    picture = squash(sample, size, place)
    generator = _generator(sample, number, "colours")
    return jitter_colours(picture[None], jitter, generator)[0].round().to(torch.uint8)


def with_crops(store: SampleStore, image: Tensor, places: Tensor) -> SampleStore:
    """A store with crops as further images, after all others.

    A crop holds the objects of which enough is in it, cut at its border. Its pictures are
    not made here: those of the store are left as they are.

    Args:
        store: N images.
        image: ``[P]`` int64, which of them each crop is of.
        places: ``[P, 4]`` float64, as shares of the image's sides.
    """
    sizes = store.sizes[image]
    offset, sides = places[:, :2] * sizes, (places[:, 2:] - places[:, :2]) * sizes
    boxes, seen = shift_into(store.boxes[image], offset, sides)
    category = torch.where(seen, store.object_category[image], -1)
    boxes = torch.where((category >= 0)[..., None], boxes, 0.0)
    names: dict[str, int] = {}
    ids = []
    for row in image.tolist():
        name = store.image_ids[row]
        names[name] = names.get(name, 0) + 1
        ids.append(f"{name}{_MARK}{names[name]}")
    return replace(
        store,
        image_ids=(*store.image_ids, *ids),
        sizes=torch.cat([store.sizes, sides]),
        boxes=torch.cat([store.boxes, boxes]),
        object_category=torch.cat([store.object_category, category]),
        difficult=torch.cat([store.difficult, store.difficult[image]]),
        jpegs=(*store.jpegs, *(b"" for _ in ids)),
    )


def _generator(sample: Sample, number: int, purpose: str) -> torch.Generator:
    digest = hashlib.sha256(f"{sample.image_id}/{number}/{purpose}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:7]))
