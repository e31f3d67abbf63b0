"""Colours, and random choices."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from objloc.scenes.figures.polygons import Colour

T = TypeVar("T")

WHITE: Colour = (250, 248, 242)
BLACK: Colour = (38, 36, 42)
PINK: Colour = (233, 150, 150)


def pick(rng: np.random.Generator, choices: Sequence[T]) -> T:
    """One of several choices, all equally likely."""
    return choices[int(rng.integers(len(choices)))]


def chance(rng: np.random.Generator, probability: float) -> bool:
    """True with the given probability."""
    return bool(rng.random() < probability)


def between(rng: np.random.Generator, low: float, high: float) -> float:
    """A number between ``low`` and ``high``, uniformly distributed."""
    return float(rng.uniform(low, high))


def mix(one: Colour, other: Colour, fraction: float) -> Colour:
    """A colour between two; ``fraction`` (0 to 1) is the weight of the other."""
    red, green, blue = (round(a + (b - a) * fraction) for a, b in zip(one, other, strict=True))
    return red, green, blue


def dark(colour: Colour, fraction: float = 0.2) -> Colour:
    """The colour in shade."""
    return mix(colour, (40, 34, 58), fraction)


def light(colour: Colour, fraction: float = 0.25) -> Colour:
    """The colour in light."""
    return mix(colour, (255, 250, 236), fraction)


def varied(rng: np.random.Generator, colour: Colour, spread: float = 9.0) -> Colour:
    """The colour, made a little lighter or darker, redder or bluer by chance."""
    shift = rng.normal(0, spread, 3) * 0.5 + rng.normal(0, spread)
    red, green, blue = (int(np.clip(a + b, 0, 255)) for a, b in zip(colour, shift, strict=True))
    return red, green, blue
