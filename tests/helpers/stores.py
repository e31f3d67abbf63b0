"""Small stores of drawn images, for tests that need no files."""

import io
import random
from dataclasses import replace

import torch
from PIL import Image, ImageDraw

from objloc.data.sample import Sample, VocObject
from objloc.data.store import SampleStore

COLOURS = {"cat": (220, 30, 30), "dog": (30, 30, 220), "cow": (30, 160, 30)}


def make_samples(
    number: int, categories: tuple[str, ...] = ("cat", "dog"), seed: int = 0
) -> list[Sample]:
    """Images of 120 x 90 pixels with one rectangle each, coloured by category."""
    draw_random = random.Random(seed)
    samples = []
    for index in range(number):
        category = categories[index % len(categories)]
        image = Image.new("RGB", (120, 90), (200, 200, 200))
        width, height = draw_random.randint(25, 60), draw_random.randint(25, 60)
        x, y = draw_random.randint(0, 120 - width), draw_random.randint(0, 90 - height)
        box = (float(x), float(y), float(x + width), float(y + height))
        ImageDraw.Draw(image).rectangle(
            [x, y, x + width - 1, y + height - 1], fill=COLOURS[category]
        )
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=90)
        samples.append(
            Sample(f"{index:06d}", buffer.getvalue(), 120, 90, (VocObject(category, box),))
        )
    return samples


def make_store(
    number: int = 12,
    categories: tuple[str, ...] = ("cat", "dog"),
    image_size: int = 64,
    seed: int = 0,
) -> SampleStore:
    """A store of ``make_samples``."""
    return SampleStore.from_samples(
        make_samples(number, categories, seed),
        categories,
        image_size,
        data="rectangles",
        data_hash="0" * 64,
        image_set="train",
    )


def crowded(store: SampleStore, seed: int = 0) -> SampleStore:
    """A store of images of 120 x 90 pixels with more objects.

    Some images hold several categories, some one several times.
    """
    generator = torch.Generator().manual_seed(seed)
    number, objects = len(store), 5
    low = torch.rand(number, objects, 2, generator=generator, dtype=torch.float64) * 60
    side = 8 + 50 * torch.rand(number, objects, 2, generator=generator, dtype=torch.float64)
    labels = torch.randint(len(store.categories), (number, objects), generator=generator)
    real = torch.arange(objects) < torch.randint(1, objects, (number, 1), generator=generator)
    return replace(
        store,
        boxes=torch.where(real[..., None], torch.cat([low, low + side], dim=2), 0.0),
        object_category=torch.where(real, labels, -1),
        difficult=torch.zeros(number, objects, dtype=torch.bool),
    )
