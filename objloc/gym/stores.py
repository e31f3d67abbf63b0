"""The images that an environment searches: from a folder of shards, or drawn in memory."""

import io
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from torch import Tensor

from objloc.data.sample import Sample, VocObject, resolve_categories
from objloc.data.shard_index import read_index
from objloc.data.store import SampleStore
from objloc.errors import ObjlocError
from objloc.gym.settings import Settings
from objloc.scenes.compose import DRAWERS
from objloc.scenes.write import scene

_QUALITY = 85
"""JPEG quality of drawn scenes."""
_KEPT = 4
"""Image sets kept in memory, so that environments made one after another share them."""


def open_store(settings: Settings) -> tuple[SampleStore, Tensor]:
    """Load or draw the images of one set.

    Returns:
        The images and ``[M, 2]`` int64 (image, category) of each category in each image.

    Raises:
        ObjlocError: missing shards, an unknown image set or category, or a category that no
            image holds.
    """
    image_set, asked = settings.image_set, settings.categories
    if settings.shards is None:
        chosen = resolve_categories(asked, DRAWERS, "categories")
        store = _drawn(image_set, chosen, settings.image_size, settings.scenes)
        remedy = "draw more `scenes`, or name fewer `categories`"
    else:
        folder = Path(settings.shards).expanduser().resolve()
        index = read_index(folder)
        chosen = resolve_categories(asked, index.categories, "categories")
        store = _packed(folder, index.data_hash, image_set, chosen, settings.image_size)
        remedy = "leave it out of `categories`"
    try:
        return store, store.tasks()
    except ObjlocError as error:
        raise ObjlocError(f"{error} ({remedy})") from None


@lru_cache(_KEPT)
def _packed(
    folder: Path,
    data_hash: str,  # noqa: ARG001 - changed shards are read again
    image_set: str,
    categories: tuple[str, ...],
    image_size: int,
) -> SampleStore:
    return SampleStore.load(folder, image_set, categories, image_size)


@lru_cache(_KEPT)
def _drawn(
    image_set: str, categories: tuple[str, ...], image_size: int, number: int
) -> SampleStore:
    return SampleStore.from_samples(
        _samples(image_set, categories, number),
        categories,
        image_size,
        data="scenes",
        image_set=image_set,
    )


def _samples(image_set: str, categories: tuple[str, ...], number: int) -> Iterator[Sample]:
    """Draw the first scenes of a set that hold one of the categories."""
    index = found = 0
    while found < number:
        drawn = scene(0, image_set, index)
        index += 1
        if not any(each.category in categories for each in drawn.objects):
            continue
        found += 1
        stream = io.BytesIO()
        drawn.image.save(stream, "JPEG", quality=_QUALITY)
        objects = tuple(
            VocObject(
                each.category,
                (float(each.box[0]), float(each.box[1]), float(each.box[2]), float(each.box[3])),
                difficult=each.difficult,
                truncated=each.truncated,
                occluded=each.occluded,
                pose=each.pose,
            )
            for each in drawn.objects
        )
        yield Sample(f"{image_set}_{index:05d}", stream.getvalue(), *drawn.image.size, objects)
