"""Images that are the same, byte by byte or to the eye."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

BITS = 5
"""Of 64 bits of the hash so many may differ."""
BANDS = 4
"""The hash is cut into so many, of which one must be the same: of two hashes that differ
in at most 3 bits one always is."""
ALIKE = 0.98
"""Least correlation of two thumbnails that are the same to the eye, however bright."""
_CROWD = 200
_NEIGHBOURS = 20
"""Of more images that share a band each is compared with so many only."""
_THUMBNAIL = 16


@dataclass(frozen=True)
class Fingerprint:
    """What an image is compared by.

    Attributes:
        digest: SHA-256 of the file.
        hash: 64 bits: whether each cell of 9 x 8 is brighter than its right neighbour
            (difference hash).
        thumbnail: ``[256]``, the grey levels of 16 x 16 cells with mean 0 and length 1;
            of a flat image all 0.
    """

    digest: str
    hash: int
    thumbnail: NDArray[np.float32]


def fingerprint(digest: str, image: Image.Image) -> Fingerprint:
    """Of an image in RGB."""
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
    """Groups of two or more of the same bytes, by number."""
    groups: dict[str, list[int]] = defaultdict(list)
    for number, each in enumerate(prints):
        groups[each.digest].append(number)
    return [tuple(group) for group in groups.values() if len(group) > 1]


def same_to_the_eye(prints: Sequence[Fingerprint]) -> list[tuple[int, int]]:
    """Pairs of different bytes whose hashes and thumbnails are nearly the same.

    Flat images (all white, say) have nothing to be known by: none is like another.
    """
    found = set()
    for one, other in _candidates(prints):
        first, second = prints[one], prints[other]
        if first.digest == second.digest or (first.hash ^ second.hash).bit_count() > BITS:
            continue
        if float(first.thumbnail @ second.thumbnail) >= ALIKE:
            found.add((one, other))
    return sorted(found)


def _candidates(prints: Sequence[Fingerprint]) -> Iterator[tuple[int, int]]:
    """Pairs that share a band of their hashes."""
    width = 64 // BANDS
    for band in range(BANDS):
        groups: dict[int, list[int]] = defaultdict(list)
        for number, each in enumerate(prints):
            groups[each.hash >> (width * band) & (2**width - 1)].append(number)
        for group in groups.values():
            if len(group) <= _CROWD:
                yield from combinations(group, 2)
                continue
            # By the whole hash: those nearest to each other.
            order = sorted(group, key=lambda number: (prints[number].hash, number))
            for place, number in enumerate(order):
                for other in order[place + 1 : place + _NEIGHBOURS]:
                    yield (min(number, other), max(number, other))
