"""Detections and objects as plain numbers, for packages that know nothing of this program."""

import importlib
import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

Row = tuple[int, int, tuple[float, float, float, float], float]
"""Image, category, half-open box; 1 if difficult, or the score."""

Variant = tuple[str, Callable[["Case"], float]]
"""Description of a way to use a package, and the mean average precision (IoU .5) by it."""


@dataclass(frozen=True)
class Case:
    """Detections and objects; images and categories are numbers from 0.

    Attributes:
        images, categories: how many there are.
        objects: the last number is 1 for difficult ones.
        scores: detections with their own scores, best first.
        probabilities: the same with the scores of ``objloc results``.
    """

    images: int
    categories: int
    objects: list[Row]
    scores: list[Row]
    probabilities: list[Row]

    def of_category(self, category: int) -> "Case":
        """One category alone, as the only one."""

        def only(rows: list[Row]) -> list[Row]:
            return [(image, 0, box, last) for image, mine, box, last in rows if mine == category]

        return Case(self.images, 1, only(self.objects), only(self.scores), only(self.probabilities))


def as_in_file(rows: list[Row]) -> list[Row]:
    """Corners as the devkit's files have them: one-based and inclusive."""
    return [
        (image, category, (box[0] + 1, box[1] + 1, box[2], box[3]), last)
        for image, category, box, last in rows
    ]


def one_by_one(measure: Callable[[Case], float]) -> Callable[[Case], float]:
    """The mean over categories that are measured apart, as a file each."""
    return lambda case: statistics.mean(
        measure(case.of_category(each)) for each in range(case.categories)
    )


def arrays(rows: list[Row]) -> tuple[Any, Any, Any]:
    """Boxes, categories and last numbers of some rows."""
    np = importlib.import_module("numpy")
    return (
        np.array([box for _, _, box, _ in rows], dtype=np.float64).reshape(-1, 4),
        np.array([category for _, category, _, _ in rows], dtype=np.int64),
        np.array([last for *_, last in rows], dtype=np.float64),
    )


def by_image(case: Case, objects: list[Row], claims: list[Row]) -> Iterator[tuple[Any, Any]]:
    """``arrays`` of objects and of detections of each image in turn."""
    for image in range(case.images):
        yield (
            arrays([row for row in objects if row[0] == image]),
            arrays([row for row in claims if row[0] == image]),
        )


def ordinary(objects: list[Row]) -> list[Row]:
    """Objects without the difficult ones."""
    return [row for row in objects if not row[3]]


def as_case(content: dict[str, Any]) -> Case:
    """A case from its JSON."""

    def rows(key: str) -> list[Row]:
        return [(image, category, tuple(box), last) for image, category, box, last in content[key]]

    return Case(
        content["images"],
        content["categories"],
        rows("objects"),
        rows("scores"),
        rows("probabilities"),
    )
