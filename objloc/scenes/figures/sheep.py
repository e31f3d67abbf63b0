"""Sheep: a cloud of wool on thin legs, mostly with a dark face."""

from dataclasses import dataclass

import numpy as np

from objloc.scenes.figures.polygons import Colour, Figure, ellipse, limb, smooth
from objloc.scenes.palette import (
    BLACK,
    PINK,
    WHITE,
    between,
    chance,
    dark,
    light,
    mix,
    pick,
    varied,
)

_WOOLS: tuple[Colour, ...] = (
    (244, 238, 226), (244, 238, 226), (232, 220, 198), (214, 206, 196), (150, 132, 118),
)  # fmt: skip
_FACES: tuple[Colour, ...] = ((58, 52, 56), (58, 52, 56), (84, 68, 62), (226, 204, 178))
_HORN: Colour = (206, 182, 138)


@dataclass(frozen=True)
class _Coat:
    wool: Colour
    face: Colour
    horns: bool
    mark: Colour | None
    """Colour of a farmer's mark on the back; None if there is none."""


def _coat(rng: np.random.Generator) -> _Coat:
    mark = pick(rng, ((222, 90, 90), (90, 140, 210))) if chance(rng, 0.18) else None
    return _Coat(varied(rng, pick(rng, _WOOLS), 4), pick(rng, _FACES), chance(rng, 0.22), mark)


def _wool(
    figure: Figure,
    rng: np.random.Generator,
    coat: _Coat,
    middle: tuple[float, float],
    radii: tuple[float, float],
) -> None:
    """Add a woolly mass: curls round an ellipse, with curls drawn on it."""
    (x, y), (rx, ry) = middle, radii
    count = max(int(9 * (rx + ry) / 0.6), 9)
    turn = between(rng, 0, 1)
    for index in range(count):
        angle = 2 * np.pi * (index + turn) / count
        radius = 0.23 * min(rx, ry) * 2 * between(rng, 0.85, 1.15) / 1.6 + 0.03
        curl = ellipse(x + rx * 0.86 * np.cos(angle), y + ry * 0.84 * np.sin(angle), radius, radius)
        low = max(float(np.sin(angle)), 0.0)
        figure.add(curl, mix(coat.wool, dark(coat.wool, 0.3), low * 0.7), shade=0.12)
    mass = figure.add(ellipse(x, y, rx * 0.94, ry * 0.92), coat.wool, shade=0.22)
    if coat.mark:
        figure.add(
            ellipse(x - rx * 0.45, y - ry * 0.4, rx * 0.3, ry * 0.35),
            coat.mark,
            alpha=0.7,
            clip=mass,
        )
    for _ in range(int(12 * rx / 0.4)):
        cx, cy = x + rx * between(rng, -0.8, 0.8), y + ry * between(rng, -0.75, 0.75)
        size = between(rng, 0.025, 0.045)
        arc = [(cx - size, cy), (cx, cy + size * 0.9), (cx + size, cy)]
        figure.line(arc, 0.014, dark(coat.wool, 0.22))


def _head(rng: np.random.Generator, coat: _Coat) -> Figure:
    """A face seen from the front with a woolly cap, centred on the origin, one unit tall."""
    figure = Figure()
    for side in (-1, 1):
        figure.add(ellipse(side * 0.42, -0.16, 0.24, 0.11, side * 22), coat.face, shade=0.2)
        figure.add(ellipse(side * 0.42, -0.15, 0.13, 0.05, side * 22), mix(PINK, coat.face, 0.45))
    figure.add(
        smooth([(0, -0.42), (0.28, -0.34), (0.28, 0.0), (0.18, 0.38), (0, 0.48), (-0.18, 0.38),
                (-0.28, 0.0), (-0.28, -0.34)]),
        coat.face, shade=0.25,
    )  # fmt: skip
    for side in (-1, 1):
        figure.add(ellipse(side * 0.14, -0.06, 0.08, 0.085), WHITE)
        figure.add(ellipse(side * 0.13, -0.05, 0.045, 0.05), BLACK)
        figure.add(ellipse(side * 0.06, 0.3, 0.025, 0.035, side * 30), dark(coat.face, 0.5))
    nose = light(coat.face, 0.25)
    figure.line([(-0.1, 0.36), (0, 0.4), (0.1, 0.36)], 0.025, nose)
    if coat.horns:
        for side in (-1, 1):
            horn = [
                (side * 0.2, -0.34),
                (side * 0.5, -0.42),
                (side * 0.6, -0.12),
                (side * 0.42, 0.04),
            ]
            figure.add(limb(horn, [0.18, 0.17, 0.12, 0.05]), _HORN, shade=0.25)
    for x, y, radius in (
        (-0.2, -0.4, 0.14),
        (0.2, -0.4, 0.14),
        (0.0, -0.46, 0.18),
        (0.0, -0.34, 0.12),
    ):
        jitter = between(rng, 0.9, 1.1)
        figure.add(ellipse(x, y, radius * jitter, radius * jitter), coat.wool, shade=0.12)
    return figure


def _leg(figure: Figure, x: float, foot: float, colour: Colour) -> None:
    figure.add(
        limb([(x, -0.34), ((x + foot) / 2, -0.18), (foot, -0.04)], [0.09, 0.075, 0.07]), colour
    )
    figure.add(limb([(foot, -0.025), (foot + 0.02, -0.02)], [0.06, 0.05]), dark(colour, 0.5))


def _upright(rng: np.random.Generator, coat: _Coat) -> Figure:
    """A sheep standing or grazing, seen from the side."""
    figure = Figure()
    stride = between(rng, 0.0, 0.09)
    far = dark(coat.face, 0.3)
    _leg(figure, -0.26, -0.26 + stride, far)
    _leg(figure, 0.2, 0.2 - stride, far)
    figure.add(ellipse(-0.5, -0.52, 0.08, 0.11, 20), dark(coat.wool, 0.1), shade=0.15)
    _leg(figure, -0.32, -0.33 - stride, coat.face)
    _leg(figure, 0.26, 0.26 + stride, coat.face)
    radii = between(rng, 0.44, 0.5), between(rng, 0.27, 0.32)
    _wool(figure, rng, coat, (-0.03, -0.54), radii)
    if chance(rng, 0.4):
        figure.add(limb([(0.34, -0.5), (0.5, -0.34)], [0.26, 0.2]), coat.wool, shade=0.15)
        figure.merge(_head(rng, coat), 0.54, -0.22, 0.42, between(rng, -24, -6))
    else:
        figure.merge(
            _head(rng, coat), 0.44, -0.68 + between(rng, -0.06, 0.04), 0.44, between(rng, -16, 6)
        )
    return figure


def _lying(rng: np.random.Generator, coat: _Coat) -> Figure:
    figure = Figure()
    _wool(figure, rng, coat, (-0.05, -0.3), (0.52, 0.28))
    for x in (0.22, 0.34):
        figure.add(limb([(x - 0.1, -0.06), (x + 0.1, -0.035)], [0.09, 0.07]), coat.face)
    figure.merge(_head(rng, coat), 0.4, -0.48, 0.46, between(rng, -14, 8))
    return figure


def _frontal(rng: np.random.Generator, coat: _Coat) -> Figure:
    """A sheep coming towards the viewer."""
    figure = Figure()
    for x in (-0.17, 0.17):
        _leg(figure, x * 1.1, x * 1.1, dark(coat.face, 0.3))
    for x in (-0.1, 0.1):
        _leg(figure, x, x, coat.face)
    _wool(figure, rng, coat, (0.0, -0.52), (0.34, 0.33))
    figure.merge(_head(rng, coat), 0.0, -0.66, 0.46, between(rng, -8, 8))
    return figure


def draw_sheep(rng: np.random.Generator) -> Figure:
    """Draw a sheep: standing, grazing, lying or coming towards the viewer."""
    pose = pick(rng, (_upright, _upright, _upright, _lying, _frontal))
    return pose(rng, _coat(rng))
