"""Compare boxes with known ones, and name the convention of numbers."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from benchmarks.annotation_tools.scripts.known import Box, Picture

EXACT = 0.01
"""Maximum difference of a number, in pixels, of a box that is right."""
_CONVENTIONS: dict[tuple[float, ...], str] = {
    (0, 0, 0, 0): "from 0, far end exclusive",
    (1, 1, 0, 0): "from 1, far end inclusive",
    (0, 0, -1, -1): "from 0, far end inclusive",
    (1, 1, 1, 1): "from 1, far end exclusive",
}


def plain(name: str) -> str:
    """Reduce a file's name to the letters and digits of its stem."""
    return re.sub(r"[^a-z0-9]", "", PurePosixPath(name.replace("\\", "/")).stem.lower())


def is_of(name: str, picture: Picture) -> bool:
    """Whether a file is of a picture: tools add to its name, or change other characters."""
    return plain(picture.file) in plain(name)


def differences(known: Box, found: Box) -> Box:
    """Differences of four numbers, rounded to a thousandth."""
    a, b, c, d = (round(two - one, 3) + 0.0 for one, two in zip(known, found, strict=True))
    return a, b, c, d


def matched(known: Sequence[tuple[str, Box]], found: Sequence[tuple[str, Box]]) -> list[Box | None]:
    """Find for each known box the nearest of its category, each taken once.

    Args:
        known: categories and boxes.
        found: categories and boxes.

    Returns:
        The found boxes, in the order of the known; None where there is none.
    """
    pairs = sorted(
        (max(map(abs, differences(one, other))), i, j)
        for i, (category, one) in enumerate(known)
        for j, (name, other) in enumerate(found)
        if plain(f"{category}.x") == plain(f"{name}.x")
    )
    taken: dict[int, int] = {}
    for _, i, j in pairs:
        if i not in taken and j not in taken.values():
            taken[i] = j
    return [found[taken[i]][1] if i in taken else None for i in range(len(known))]


def most_frequent(shifts: Iterable[Box]) -> Box | None:
    """Most frequent of several differences; None of none."""
    counted = Counter(shifts).most_common(1)
    return counted[0][0] if counted else None


def convention_of(shifts: Sequence[Box]) -> tuple[str, int]:
    """Name the convention of numbers from their differences to half-open boxes.

    Returns:
        The name, and the number of boxes that follow another convention.
    """
    shift = most_frequent(shifts)
    if shift is None:
        return "none found", 0
    others = sum(
        any(abs(a - b) > EXACT for a, b in zip(each, shift, strict=True)) for each in shifts
    )
    nearest = tuple(float(round(each)) for each in shift)
    close = all(abs(a - b) <= EXACT for a, b in zip(shift, nearest, strict=True))
    return _CONVENTIONS.get(nearest if close else shift, "another"), others
