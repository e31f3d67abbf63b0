"""Detections and objects made by hand."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from objloc.data.sample import Coordinates
from objloc.evaluation.matching import Detections, Objects

A: Coordinates = (0, 0, 10, 10)
B: Coordinates = (50, 50, 60, 60)
NEAR_A: Coordinates = (0, 0, 10, 4)  # IoU .4 with A
OFF_A: Coordinates = (0, 0, 10, 8)  # IoU .8 with A
NOWHERE: Coordinates = (80, 80, 90, 90)


def claims(*rows: tuple[str, float, Coordinates]) -> Detections:
    return Detections(
        np.array([row[0] for row in rows], dtype=np.str_),
        np.array([row[2] for row in rows], dtype=np.float64).reshape(-1, 4),
        np.array([row[1] for row in rows], dtype=np.float64),
    )


def truth(*rows: tuple[str, Coordinates], difficult: Sequence[int] = ()) -> Objects:
    return Objects(
        np.array([row[0] for row in rows], dtype=np.str_),
        np.array([row[1] for row in rows], dtype=np.float64).reshape(-1, 4),
        np.isin(np.arange(len(rows)), difficult),
    )


@dataclass(frozen=True)
class Case:
    """Claims of one category, and the objects, difficult ones marked."""

    claims: Sequence[tuple[str, float, Coordinates]]
    truths: Sequence[tuple[str, Coordinates, bool]]

    @property
    def detections(self) -> Detections:
        return claims(*self.claims)

    @property
    def objects(self) -> Objects:
        hard = [index for index, row in enumerate(self.truths) if row[2]]
        return truth(*(row[:2] for row in self.truths), difficult=hard)
