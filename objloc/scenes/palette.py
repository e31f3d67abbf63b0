"""Colours, and choices from them."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from objloc.scenes.figure import Colour

T = TypeVar("T")

WHITE: Colour = (250, 248, 242)
BLACK: Colour = (38, 36, 42)
PINK: Colour = (233, 150, 150)


def pick(rng: np.random.Generator, choices: Sequence[T]) -> T:
    """One of several, all alike likely."""
    return choices[int(rng.integers(len(choices)))]


def chance(rng: np.random.Generator, probability: float) -> bool:
    """True so often."""
    return bool(rng.random() < probability)


def between(rng: np.random.Generator, low: float, high: float) -> float:
    """A number, all alike likely."""
    return float(rng.uniform(low, high))


def mix(one: Colour, other: Colour, share: float) -> Colour:
    """A colour between two; ``share`` of the other, 0 to 1."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def dark(colour: Colour, share: float = 0.2) -> Colour:
    """The colour in shade."""
    return mix(colour, (40, 34, 58), share)


def light(colour: Colour, share: float = 0.25) -> Colour:
    """The colour in light."""
    return mix(colour, (255, 250, 236), share)


def varied(rng: np.random.Generator, colour: Colour, spread: float = 9.0) -> Colour:
    """The colour, a little lighter or darker, redder or bluer."""
    shift = rng.normal(0, spread, 3) * 0.5 + rng.normal(0, spread)
    red, green, blue = (int(np.clip(a + b, 0, 255)) for a, b in zip(colour, shift, strict=True))
    return red, green, blue
