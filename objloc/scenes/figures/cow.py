"""Cows: patches, horns, a broad pink muzzle, an udder, a tufted tail."""

from dataclasses import dataclass

import numpy as np

from objloc.scenes.figures.polygons import Colour, Figure, Points, ellipse, limb, smooth
from objloc.scenes.palette import BLACK, PINK, WHITE, between, chance, dark, mix, pick, varied

_HORN: Colour = (226, 208, 168)
_HOOF: Colour = (70, 58, 54)
_COATS: tuple[tuple[Colour, Colour | None], ...] = (
    (WHITE, BLACK), (WHITE, BLACK), ((244, 236, 222), (150, 82, 48)), ((160, 92, 54), WHITE),
    ((52, 48, 52), WHITE), ((206, 160, 108), None), ((146, 88, 58), None),
)  # fmt: skip


@dataclass(frozen=True)
class _Coat:
    base: Colour
    patch: Colour | None
    horns: bool
    bell: bool


def _coat(rng: np.random.Generator) -> _Coat:
    base, patch = pick(rng, _COATS)
    return _Coat(varied(rng, base, 3), patch, chance(rng, 0.75), chance(rng, 0.35))


def _head(rng: np.random.Generator, coat: _Coat) -> Figure:
    """A face half turned to the viewer, centred on the origin, one unit tall."""
    figure = Figure()
    if coat.horns:
        for side in (-1, 1):
            horn = [(side * 0.2, -0.4), (side * 0.44, -0.56), (side * 0.46, -0.8)]
            figure.add(limb(horn, [0.15, 0.12, 0.03]), _HORN, shade=0.2)
    ear = coat.patch or dark(coat.base, 0.15)
    for side in (-1, 1):
        figure.add(ellipse(side * 0.5, -0.26, 0.24, 0.12, side * 16), ear, shade=0.2)
        figure.add(ellipse(side * 0.5, -0.25, 0.14, 0.06, side * 16), mix(PINK, ear, 0.3))
    face = figure.add(
        smooth([(0, -0.52), (0.3, -0.42), (0.34, -0.1), (0.26, 0.24), (0.2, 0.48), (-0.2, 0.48),
                (-0.26, 0.24), (-0.34, -0.1), (-0.3, -0.42)]),
        coat.base, shade=0.25,
    )  # fmt: skip
    if coat.patch:
        if chance(rng, 0.6):
            figure.add(ellipse(-0.26, -0.2, 0.24, 0.36), coat.patch, clip=face)
        if chance(rng, 0.6):
            figure.add(ellipse(0.28, -0.2, 0.22, 0.36), coat.patch, clip=face)
    figure.add(ellipse(0, 0.36, 0.33, 0.22), mix(PINK, (255, 235, 220), 0.3), shade=0.2)
    for side in (-1, 1):
        figure.add(ellipse(side * 0.14, 0.34, 0.05, 0.07, side * 20), dark(PINK, 0.55))
        figure.add(ellipse(side * 0.2, -0.12, 0.075, 0.09), WHITE)
        figure.add(ellipse(side * 0.19, -0.11, 0.055, 0.075), BLACK)
    figure.line([(-0.14, 0.48), (0, 0.51), (0.14, 0.48)], 0.03, dark(PINK, 0.5))
    return figure


def _patches(figure: Figure, rng: np.random.Generator, coat: _Coat, body: Points) -> None:
    if coat.patch is None:
        return
    low, high = body.min(axis=0), body.max(axis=0)
    for fraction in (0.12, 0.45, 0.78):
        x = low[0] + (fraction + between(rng, -0.1, 0.1)) * (high[0] - low[0])
        y = low[1] + between(rng, 0.05, 0.6) * (high[1] - low[1])
        angles = np.linspace(0, 2 * np.pi, 7, endpoint=False)
        radii = rng.uniform(0.07, 0.18, 7)
        blot = np.stack([x + 1.2 * radii * np.cos(angles), y + radii * np.sin(angles)], axis=1)
        figure.add(smooth(blot), coat.patch, clip=body)


def _tail(figure: Figure, rng: np.random.Generator, coat: _Coat, x: float, y: float) -> None:
    swing = between(rng, -0.02, 0.16)
    knots = [
        (x, y),
        (x - 0.08, y + 0.08),
        (x - 0.06 - swing / 2, y + 0.26),
        (x - 0.06 - swing, y + 0.36),
    ]
    figure.add(limb(knots, [0.05, 0.04, 0.035, 0.03]), dark(coat.base, 0.12))
    figure.add(
        limb([knots[2], knots[3], (knots[3][0], y + 0.46)], [0.03, 0.08, 0.03]), coat.patch or _HOOF
    )


def _leg(figure: Figure, hip: tuple[float, float], foot: float, colour: Colour) -> None:
    knee = ((hip[0] + foot) / 2 - 0.01, hip[1] * 0.5)
    figure.add(limb([hip, knee, (foot, -0.05)], [0.17, 0.095, 0.085]), colour, shade=0.2)
    hoof = [(foot - 0.045, -0.075), (foot + 0.045, -0.075), (foot + 0.06, 0), (foot - 0.05, 0)]
    figure.add(hoof, _HOOF)


def _upright(rng: np.random.Generator, coat: _Coat) -> Figure:
    """A cow standing or walking, the head up or grazing."""
    figure = Figure()
    stride = between(rng, 0.0, 0.12)
    _tail(figure, rng, coat, -0.58, -0.78)
    far = dark(coat.base, 0.25)
    _leg(figure, (-0.42, -0.36), -0.4 + stride, far)
    _leg(figure, (0.3, -0.36), 0.3 - stride, far)
    figure.add(ellipse(-0.2, -0.3, 0.14, 0.1), PINK, shade=0.2)
    for x in (-0.25, -0.16):
        figure.add(limb([(x, -0.24), (x, -0.18)], [0.04, 0.03]), PINK)
    body = figure.add(
        smooth([(-0.6, -0.7), (-0.52, -0.82), (-0.2, -0.8), (0.2, -0.82), (0.44, -0.84),
                (0.52, -0.6), (0.44, -0.36), (0.1, -0.29), (-0.28, -0.32), (-0.56, -0.44)]),
        coat.base, shade=0.35,
    )  # fmt: skip
    _patches(figure, rng, coat, body)
    _leg(figure, (-0.46, -0.42), -0.47 - stride, coat.base)
    _leg(figure, (0.34, -0.4), 0.34 + stride, coat.base)
    grazing = chance(rng, 0.35)
    x, y = (0.76, -0.2) if grazing else (0.68, -0.86 + between(rng, -0.08, 0.08))
    neck = [(0.34, -0.66), (0.56, -0.62 if grazing else -0.74), (x - 0.03, y)]
    figure.add(
        limb(neck, [0.36, 0.28, 0.2]),
        coat.patch if coat.patch and chance(rng, 0.5) else coat.base,
        shade=0.2,
    )
    if coat.bell and not grazing:
        figure.add(limb([(0.47, -0.84), (0.58, -0.58)], [0.05, 0.05]), (176, 60, 50))
        figure.add(limb([(0.59, -0.56), (0.6, -0.48)], [0.05, 0.1]), (232, 190, 80))
    figure.merge(_head(rng, coat), x, y, 0.42, between(rng, -12, 6) + (-12 if grazing else -6))
    return figure


def _lying(rng: np.random.Generator, coat: _Coat) -> Figure:
    figure = Figure()
    _tail(figure, rng, coat, -0.62, -0.4)
    body = figure.add(
        smooth([(-0.66, -0.05), (-0.66, -0.3), (-0.4, -0.48), (0.0, -0.47), (0.36, -0.5),
                (0.54, -0.28), (0.46, 0), (-0.1, 0.01)]),
        coat.base, shade=0.35,
    )  # fmt: skip
    _patches(figure, rng, coat, body)
    figure.add(
        limb([(-0.42, -0.06), (-0.12, -0.05)], [0.14, 0.08]), dark(coat.base, 0.1), shade=0.2
    )
    figure.add(limb([(0.36, -0.1), (0.62, -0.07)], [0.13, 0.1]), dark(coat.base, 0.06), shade=0.2)
    figure.add(limb([(0.6, -0.05), (0.46, -0.03)], [0.08, 0.07]), _HOOF)
    y = -0.66 + between(rng, -0.08, 0.08)
    figure.add(
        limb([(0.36, -0.34), (0.5, -0.45), (0.6, y)], [0.34, 0.28, 0.2]), coat.base, shade=0.2
    )
    figure.merge(_head(rng, coat), 0.62, y, 0.42, between(rng, -14, 6))
    return figure


def _frontal(rng: np.random.Generator, coat: _Coat) -> Figure:
    """A cow coming towards the viewer."""
    figure = Figure()
    _tail(figure, rng, coat, -0.24, -0.66)
    for x in (-0.2, 0.2):
        _leg(figure, (x, -0.36), x * 1.1, dark(coat.base, 0.25))
    figure.add(ellipse(0, -0.28, 0.12, 0.1), PINK, shade=0.2)
    body = figure.add(ellipse(0, -0.56, 0.34, 0.3), coat.base, shade=0.3)
    _patches(figure, rng, coat, body)
    for x in (-0.13, 0.13):
        _leg(figure, (x, -0.4), x, coat.base)
    figure.merge(_head(rng, coat), between(rng, -0.06, 0.06), -0.74, 0.5, between(rng, -10, 10))
    return figure


def draw_cow(rng: np.random.Generator) -> Figure:
    """Draw a cow: standing, walking, grazing, lying or coming towards the viewer."""
    pose = pick(rng, (_upright, _upright, _upright, _upright, _lying, _frontal))
    return pose(rng, _coat(rng))
