"""The index of a folder of shards, ``index.json``: content and checksums."""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated

from pydantic import Field

from objloc.data.sample import VOC_CATEGORIES, Sample
from objloc.data.source import Checked, Sha256, parse_json, write_model
from objloc.errors import ObjlocError

INDEX_FILE = "index.json"

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
Count = Annotated[int, Field(ge=0)]


class Shard(Checked):
    """One tar file of samples."""

    name: Name
    samples: Count
    bytes: Count
    sha256: Sha256


class ImageSet(Checked):
    """The shards of an image set, in order; a union of sets refers to the shards of its parts."""

    samples: Count
    shards: tuple[Shard, ...]


class Counts(Checked):
    """Counts of an image set, or of a category in it.

    Attributes:
        images: images that hold an object; for a set, all images.
        objects: all objects.
        difficult, truncated: objects marked so.
    """

    images: Count = 0
    objects: Count = 0
    difficult: Count = 0
    truncated: Count = 0


class Statistics(Counts):
    """Counts of a set, and of each category."""

    categories: dict[str, Counts]


class ShardIndex(Checked):
    """Content of ``index.json``.

    Attributes:
        data: readable name of the data.
        data_hash: SHA-256 over the sets' names and the shards' names and hashes.
        categories: categories that occur, in Pascal VOC's order, then by name.
        image_sets: image sets by name.
        statistics: counts by image set.
    """

    data: str
    data_hash: Sha256
    categories: tuple[str, ...]
    image_sets: dict[Name, ImageSet]
    statistics: dict[Name, Statistics]

    def knows(self, name: str) -> bool:
        """Whether the image set exists; for ``a+b``, whether every part exists."""
        return all(part in self.image_sets for part in name.split("+"))

    def image_set(self, name: str) -> ImageSet:
        """An image set by name, or the union of those that ``a+b`` joins.

        A shard that several of them hold occurs once.

        Raises:
            KeyError: there is no such image set.
        """
        parts = [self.image_sets[part] for part in name.split("+")]
        shards = tuple({shard.name: shard for part in parts for shard in part.shards}.values())
        return ImageSet(samples=sum(shard.samples for shard in shards), shards=shards)


def read_index(folder: Path) -> ShardIndex:
    """Read a folder's ``index.json``.

    The shards themselves are verified when they are read.

    Raises:
        ObjlocError: the folder has no shards, or the index is damaged.
    """
    path = folder / INDEX_FILE
    if not path.is_file():
        raise ObjlocError(
            f"{path}: expected the index of a folder of shards; found no such file "
            f"(stages.shard writes it)"
        )
    index = parse_json(ShardIndex, path)
    if (found := data_hash(index.image_sets)) != index.data_hash:
        raise ObjlocError(f"{path}: expected data_hash {index.data_hash}; found {found}")
    for name, image_set in index.image_sets.items():
        if (found_samples := sum(shard.samples for shard in image_set.shards)) != image_set.samples:
            raise ObjlocError(
                f"{path}: image set '{name}': expected {image_set.samples} samples in its shards; "
                f"found {found_samples}"
            )
    return index


def write_index(
    folder: Path,
    data: str,
    image_sets: Mapping[str, ImageSet],
    statistics: Mapping[str, Statistics],
) -> ShardIndex:
    """Write a folder's ``index.json``; call it last, when all shards are written."""
    found = {category for counted in statistics.values() for category in counted.categories}
    index = ShardIndex(
        data=data,
        data_hash=data_hash(image_sets),
        categories=in_order(found),
        image_sets=dict(image_sets),
        statistics=dict(statistics),
    )
    write_model(folder / INDEX_FILE, index)
    return index


def in_order(categories: Iterable[str]) -> tuple[str, ...]:
    """Sort categories: Pascal VOC's in the devkit's order, then others by name."""
    found = set(categories)
    official = tuple(category for category in VOC_CATEGORIES if category in found)
    return (*official, *sorted(found.difference(official)))


def data_hash(image_sets: Mapping[str, ImageSet]) -> str:
    """SHA-256 over the sets' names and their shards' names and hashes, hexadecimal."""
    digest = hashlib.sha256()
    for name in sorted(image_sets):
        for shard in image_sets[name].shards:
            digest.update(f"{name} {shard.name} {shard.sha256}\n".encode())
    return digest.hexdigest()


def count(samples: Iterable[Sample]) -> Statistics:
    """Count images and objects of samples."""
    total = {"images": 0, "objects": 0, "difficult": 0, "truncated": 0}
    categories: dict[str, dict[str, int]] = {}
    for sample in samples:
        total["images"] += 1
        for category in {item.category for item in sample.objects}:
            empty = {"images": 0, "objects": 0, "difficult": 0, "truncated": 0}
            categories.setdefault(category, empty)["images"] += 1
        for item in sample.objects:
            for counts in (total, categories[item.category]):
                counts["objects"] += 1
                counts["difficult"] += item.difficult
                counts["truncated"] += item.truncated
    return Statistics(
        **total,
        categories={name: Counts(**categories[name]) for name in in_order(categories)},
    )


def add(parts: Iterable[Statistics]) -> Statistics:
    """Statistics of disjoint sets taken together."""
    parts = tuple(parts)
    names = in_order(name for part in parts for name in part.categories)
    return Statistics(
        **_sums(parts),
        categories={
            name: Counts(**_sums(part.categories.get(name, Counts()) for part in parts))
            for name in names
        },
    )


def _sums(counts: Iterable[Counts]) -> dict[str, int]:
    counts = tuple(counts)
    return {field: sum(getattr(each, field) for each in counts) for field in Counts.model_fields}
