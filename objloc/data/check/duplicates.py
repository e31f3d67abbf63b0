"""Find images that are the same, byte by byte or visually."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

MAX_DISTANCE = 5
"""Maximum Hamming distance of the hashes (64 bits) of two similar images."""
BANDS = 4
"""Number of parts of the hash, one of which must be equal; two hashes that differ in at
most 3 bits always have an equal part."""
MIN_CORRELATION = 0.98
"""Minimum correlation of the thumbnails of two similar images, however bright."""
_CROWD = 200
_NEIGHBOURS = 20
"""Number of comparisons per image where more than ``_CROWD`` images have an equal part."""
_THUMBNAIL = 16


@dataclass(frozen=True)
class Fingerprint:
    """Features by which images are compared.

    Attributes:
        digest: SHA-256 of the file.
        hash: difference hash of 64 bits: whether each cell of a grid of 9 x 8 is brighter
            than its right neighbour.
        thumbnail: ``[256]``, the grey levels of 16 x 16 cells with mean 0 and length 1;
            all 0 for an image of one colour.
    """

    digest: str
    hash: int
    thumbnail: NDArray[np.float32]


def fingerprint(digest: str, image: Image.Image) -> Fingerprint:
    """Fingerprint of an RGB image whose file has the SHA-256 ``digest``."""
    grey = image.convert("L")
    cells = np.asarray(grey.resize((9, 8), Image.Resampling.BOX), dtype=np.int16)
    bits = (cells[:, 1:] > cells[:, :-1]).reshape(-1)
    small = grey.resize((_THUMBNAIL, _THUMBNAIL), Image.Resampling.BOX)
    thumbnail = np.asarray(small, dtype=np.float32).reshape(-1)
    thumbnail = thumbnail - thumbnail.mean()
    length = float(np.linalg.norm(thumbnail))
    flat = length < _THUMBNAIL
    return Fingerprint(
        digest,
        int.from_bytes(np.packbits(bits).tobytes(), "big"),
        np.zeros_like(thumbnail) if flat else thumbnail / length,
    )


def same_bytes(prints: Sequence[Fingerprint]) -> list[tuple[int, ...]]:
    """Groups of two or more images with the same bytes, by index."""
    groups: dict[str, list[int]] = defaultdict(list)
    for number, each in enumerate(prints):
        groups[each.digest].append(number)
    return [tuple(group) for group in groups.values() if len(group) > 1]


def same_to_the_eye(prints: Sequence[Fingerprint]) -> list[tuple[int, int]]:
    """Pairs of images with different bytes whose hashes and thumbnails are nearly the same.

    Images of one colour (all white, for example) have no features and match no other.
    """
    found = set()
    for one, other in _candidates(prints):
        first, second = prints[one], prints[other]
        if first.digest == second.digest or (first.hash ^ second.hash).bit_count() > MAX_DISTANCE:
            continue
        if float(first.thumbnail @ second.thumbnail) >= MIN_CORRELATION:
            found.add((one, other))
    return sorted(found)


def _candidates(prints: Sequence[Fingerprint]) -> Iterator[tuple[int, int]]:
    """Pairs of images whose hashes have an equal part."""
    width = 64 // BANDS
    for band in range(BANDS):
        groups: dict[int, list[int]] = defaultdict(list)
        for number, each in enumerate(prints):
            groups[each.hash >> (width * band) & (2**width - 1)].append(number)
        for group in groups.values():
            if len(group) <= _CROWD:
                yield from combinations(group, 2)
                continue
            # Compare only neighbours in the order of the whole hash.
            order = sorted(group, key=lambda number: (prints[number].hash, number))
            for place, number in enumerate(order):
                for other in order[place + 1 : place + _NEIGHBOURS]:
                    yield (min(number, other), max(number, other))
