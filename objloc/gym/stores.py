"""The images that an environment searches: from a folder of shards, or drawn in memory."""

import io
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Literal

from objloc.data.sample import Sample, VocObject, resolve_categories
from objloc.data.shard_index import read_index
from objloc.data.store import SampleStore
from objloc.errors import ObjlocError
from objloc.scenes.compose import DRAWERS
from objloc.scenes.write import scene

_QUALITY = 85
"""JPEG quality of drawn scenes."""
_KEPT = 4
"""Image sets kept in memory, so that environments made one after another share them."""


def open_store(
    shards: str | Path | None,
    image_set: str,
    categories: Literal["all"] | str | Sequence[str],
    image_size: int,
    scenes: int,
) -> SampleStore:
    """Load or draw the images of one set.

    Args:
        shards: folder that the ``shard`` stage wrote; None: scenes are drawn.
        image_set: image set of the shards; for scenes, part of their seed.
        categories: ``all``, one, or several.
        image_size: side in pixels that images are squashed to.
        scenes: number of scenes drawn.

    Raises:
        ObjlocError: missing shards, an unknown image set or category.
    """
    asked: Literal["all"] | tuple[str, ...]
    if categories == "all":
        asked = "all"
    else:
        asked = (categories,) if isinstance(categories, str) else tuple(categories)
    if not asked:
        raise ObjlocError("categories: expected all, or at least one; found none")
    if shards is None:
        if scenes < 1:
            raise ObjlocError(f"scenes: expected at least one image; found {scenes}")
        chosen = resolve_categories(asked, DRAWERS, "categories")
        return _drawn(image_set, chosen, image_size, scenes)
    folder = Path(shards).expanduser().resolve()
    index = read_index(folder)
    chosen = resolve_categories(asked, index.categories, "categories")
    return _packed(folder, index.data_hash, image_set, chosen, image_size)


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
