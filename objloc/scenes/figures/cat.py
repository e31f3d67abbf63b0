"""Cats: pointed ears, whiskers, a curling tail."""

from dataclasses import dataclass

import numpy as np

from objloc.scenes.figures.polygons import Colour, Figure, Points, ellipse, limb, smooth
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

_COATS: tuple[Colour, ...] = (
    (226, 140, 62), (232, 168, 100), (120, 116, 118), (154, 150, 150), (58, 54, 60),
    (238, 226, 206), (148, 108, 78), (196, 150, 108),
)  # fmt: skip
_EYES: tuple[Colour, ...] = ((150, 190, 80), (236, 190, 60), (110, 180, 200), (190, 160, 60))


@dataclass(frozen=True)
class _Coat:
    base: Colour
    chest: Colour
    stripe: Colour
    tips: Colour
    eyes: Colour
    striped: bool


def _coat(rng: np.random.Generator) -> _Coat:
    base = varied(rng, pick(rng, _COATS), 6)
    pattern = pick(rng, ("tabby", "tabby", "tabby", "plain", "tuxedo", "points"))
    if pattern == "points":
        base = varied(rng, (232, 214, 188), 5)
    tips = (92, 66, 58) if pattern == "points" else base
    chest = WHITE if pattern == "tuxedo" else light(base, 0.35)
    return _Coat(base, chest, dark(base, 0.42), tips, pick(rng, _EYES), pattern == "tabby")


def _head(coat: _Coat, asleep: bool) -> Figure:
    """A face seen from the front, centred on the origin, one unit from chin to brow."""
    figure = Figure()
    for side in (-1, 1):
        ear = [(side * 0.52, -0.1), (side * 0.56, -0.86), (side * 0.1, -0.45)]
        figure.add(ear, coat.tips, shade=0.3)
        inner = [(side * 0.45, -0.25), (side * 0.5, -0.7), (side * 0.2, -0.42)]
        figure.add(inner, mix(PINK, coat.tips, 0.25))
    face = figure.add(
        smooth([(0, -0.52), (0.4, -0.4), (0.62, 0), (0.42, 0.36), (0, 0.46),
                (-0.42, 0.36), (-0.62, 0), (-0.4, -0.4)]),
        coat.base, shade=0.3,
    )  # fmt: skip
    if coat.striped:
        for x in (-0.2, 0.0, 0.2):
            figure.add(
                limb([(x * 1.1, -0.55), (x * 0.8, -0.25)], [0.1, 0.04]), coat.stripe, clip=face
            )
        for side in (-1, 1):
            for y in (0.0, 0.16):
                stroke = limb([(side * 0.66, y), (side * 0.42, y + 0.06)], [0.09, 0.03])
                figure.add(stroke, coat.stripe, clip=face)
    if coat.tips != coat.base:
        figure.add(ellipse(0, 0.12, 0.36, 0.34), coat.tips, alpha=0.75, clip=face)
    for side in (-1, 1):
        _half_face(figure, coat, side, asleep)
    figure.add([(-0.09, 0.1), (0.09, 0.1), (0, 0.2)], PINK)
    return figure


def _half_face(figure: Figure, coat: _Coat, side: int, asleep: bool) -> None:
    """Add cheek, eye, whiskers and half a smile; ``side`` is -1 (left) or 1 (right)."""
    figure.add(ellipse(side * 0.13, 0.22, 0.2, 0.15), light(coat.chest, 0.3))
    if asleep:
        curve = [(side * 0.38, -0.02), (side * 0.26, 0.05), (side * 0.14, -0.01)]
        figure.line(curve, 0.05, BLACK)
    else:
        figure.add(ellipse(side * 0.27, -0.06, 0.14, 0.13, side * 12), coat.eyes)
        figure.add(ellipse(side * 0.26, -0.06, 0.055, 0.125), BLACK)
        figure.add(ellipse(side * 0.26 - 0.04, -0.1, 0.03, 0.03), WHITE)
    for tilt in (-0.09, 0.02, 0.13):
        whisker = [(side * 0.2, 0.2), (side * 0.82, 0.16 + tilt)]
        figure.line(whisker, 0.022, WHITE, alpha=0.9)
    smile = [(0, 0.21), (side * 0.06, 0.3), (side * 0.15, 0.27)]
    figure.line(smile, 0.03, dark(PINK, 0.5))


def _stripes(
    figure: Figure, coat: _Coat, body: Points, xs: Points, span: tuple[float, float]
) -> None:
    """Add bands across the back at ``xs``, from top to bottom of the span, inside the body."""
    top, low = span
    if coat.striped:
        for x in xs:
            band = limb(
                [(x - 0.02, top), (x + 0.02, (top + low) / 2), (x, low)], [0.05, 0.04, 0.015]
            )
            figure.add(band, coat.stripe, alpha=0.85, clip=body)


def _tail(figure: Figure, coat: _Coat, knots: list[tuple[float, float]], width: float) -> None:
    widths = [width] * (len(knots) - 1) + [width * 0.8]
    tail = figure.add(limb(knots, widths), coat.base, shade=0.2)
    tip = knots[-1]
    colour = coat.stripe if coat.striped else coat.tips
    figure.add(ellipse(tip[0], tip[1], width, width), colour, clip=tail)


def _sitting(rng: np.random.Generator, coat: _Coat) -> Figure:
    figure = Figure()
    reach = between(rng, 0.34, 0.5)
    if chance(rng, 0.5):
        tail = [(-0.2, -0.06), (-reach, -0.08), (-reach - 0.06, -0.24), (-reach + 0.05, -0.36)]
    else:
        tail = [
            (-0.2, -0.08),
            (-reach, -0.04),
            (-reach - 0.1, -0.3),
            (-reach, -0.52),
            (-reach + 0.1, -0.5),
        ]
    _tail(figure, coat, tail, 0.075)
    body = figure.add(
        smooth([(-0.3, -0.02), (-0.33, -0.2), (-0.2, -0.45), (-0.13, -0.62), (0.13, -0.62),
                (0.2, -0.4), (0.28, -0.16), (0.24, 0)]),
        coat.base, shade=0.32,
    )  # fmt: skip
    for y in (-0.5, -0.4, -0.3):
        if coat.striped:
            for side, edge in ((-1, -0.35), (1, 0.33)):
                stroke = limb([(edge, y + 0.02), (edge - side * 0.16, y)], [0.05, 0.015])
                figure.add(stroke, coat.stripe, clip=body)
    figure.add(ellipse(0.02, -0.45, 0.11, 0.17), coat.chest, clip=body)
    figure.add(ellipse(-0.2, -0.13, 0.15, 0.14), dark(coat.base, 0.07), shade=0.25)
    for x in (-0.06, 0.1):
        figure.add(limb([(x, -0.36), (x, -0.05)], [0.13, 0.1]), coat.base, shade=0.25)
        figure.add(
            ellipse(x + 0.015, -0.035, 0.075, 0.045),
            coat.chest if coat.tips == coat.base else coat.tips,
        )
    figure.merge(_head(coat, False), 0.01, -0.72, 0.37, between(rng, -10, 10))
    return figure


def _walking(rng: np.random.Generator, coat: _Coat) -> Figure:
    figure = Figure()
    lift = between(rng, 0.0, 0.35)
    _tail(
        figure,
        coat,
        [(-0.38, -0.46), (-0.55, -0.5), (-0.6, -0.68 - lift / 2), (-0.5, -0.8 - lift)],
        0.07,
    )
    stride = between(rng, 0.02, 0.13)
    far = dark(coat.base, 0.22)
    for hip, foot in ((-0.3, -0.3 + stride), (0.24, 0.24 - stride)):
        figure.add(
            limb(
                [(hip, -0.38), ((hip + foot) / 2 - 0.02, -0.2), (foot, -0.03)], [0.15, 0.1, 0.075]
            ),
            far,
        )
    body = figure.add(
        smooth([(-0.42, -0.42), (-0.36, -0.57), (-0.1, -0.56), (0.2, -0.6), (0.36, -0.5),
                (0.32, -0.32), (0.05, -0.28), (-0.25, -0.3)]),
        coat.base, shade=0.35,
    )  # fmt: skip
    _stripes(figure, coat, body, np.linspace(-0.33, 0.2, 6), (-0.64, -0.36))
    for hip, foot in ((-0.3, -0.3 - stride), (0.25, 0.25 + stride)):
        knots = [(hip, -0.4), ((hip + foot) / 2 - 0.03, -0.2), (foot, -0.03)]
        figure.add(limb(knots, [0.19, 0.11, 0.08]), coat.base, shade=0.2)
        paw = coat.chest if coat.tips == coat.base else coat.tips
        figure.add(ellipse(foot + 0.02, -0.035, 0.065, 0.038), paw)
    figure.merge(
        _head(coat, False), 0.4, -0.66 + between(rng, -0.05, 0.1), 0.35, between(rng, -12, 12)
    )
    return figure


def _loaf(rng: np.random.Generator, coat: _Coat) -> Figure:
    figure = Figure()
    _tail(figure, coat, [(-0.5, -0.1), (-0.68, -0.06), (-0.74, -0.2), (-0.62, -0.3)], 0.08)
    body = figure.add(
        smooth([(-0.58, -0.04), (-0.6, -0.22), (-0.42, -0.42), (-0.05, -0.45), (0.32, -0.38),
                (0.46, -0.18), (0.42, 0.0), (-0.1, 0.02)]),
        coat.base, shade=0.35,
    )  # fmt: skip
    _stripes(figure, coat, body, np.linspace(-0.48, 0.12, 6), (-0.5, -0.18))
    figure.add(ellipse(-0.34, -0.15, 0.2, 0.16), dark(coat.base, 0.06), shade=0.25)
    for x in (0.34, 0.46):
        figure.add(
            limb([(x - 0.12, -0.06), (x + 0.06, -0.04)], [0.09, 0.08]), coat.chest, shade=0.2
        )
    asleep = chance(rng, 0.4)
    figure.merge(_head(coat, asleep), 0.34, -0.38, 0.42, between(rng, -8, 14))
    return figure


def _arched(rng: np.random.Generator, coat: _Coat) -> Figure:
    figure = Figure()
    _tail(figure, coat, [(-0.3, -0.42), (-0.42, -0.66), (-0.34, -0.9), (-0.42, -1.02)], 0.09)
    far = dark(coat.base, 0.22)
    for x in (-0.2, 0.2):
        figure.add(limb([(x, -0.4), (x + 0.02, -0.03)], [0.13, 0.075]), far)
    body = figure.add(
        smooth([(-0.36, -0.36), (-0.28, -0.6), (0.0, -0.74), (0.26, -0.62), (0.36, -0.42),
                (0.24, -0.32), (0.0, -0.42), (-0.2, -0.32)]),
        coat.base, shade=0.35,
    )  # fmt: skip
    _stripes(figure, coat, body, np.linspace(-0.28, 0.24, 6), (-0.76, -0.42))
    for x in (-0.29, 0.27):
        figure.add(
            limb([(x, -0.42), (x - 0.01, -0.2), (x, -0.03)], [0.16, 0.1, 0.08]),
            coat.base,
            shade=0.2,
        )
    figure.merge(_head(coat, False), 0.42, -0.5, 0.34, between(rng, -5, 15))
    return figure


def _curled(rng: np.random.Generator, coat: _Coat) -> Figure:
    """A cat asleep, rolled up, the tail round the paws."""
    figure = Figure()
    body = figure.add(
        smooth([(-0.5, -0.06), (-0.56, -0.26), (-0.36, -0.5), (0.02, -0.56), (0.36, -0.46),
                (0.52, -0.2), (0.42, 0), (0, 0.02), (-0.36, 0.01)]),
        coat.base, shade=0.35,
    )  # fmt: skip
    _stripes(figure, coat, body, np.linspace(-0.4, 0.2, 6), (-0.6, -0.24))
    figure.merge(_head(coat, True), 0.26, -0.24, 0.4, between(rng, 12, 34))
    _tail(figure, coat, [(-0.5, -0.12), (-0.4, -0.03), (-0.1, -0.02), (0.14, -0.06)], 0.1)
    return figure


def _stretching(rng: np.random.Generator, coat: _Coat) -> Figure:
    """A cat stretching: the front low, the rear high."""
    figure = Figure()
    _tail(figure, coat, [(-0.42, -0.56), (-0.52, -0.74), (-0.44, -0.9), (-0.52, -1.0)], 0.075)
    figure.add(
        limb([(-0.3, -0.46), (-0.34, -0.24), (-0.28, -0.03)], [0.16, 0.1, 0.075]),
        dark(coat.base, 0.22),
    )
    body = figure.add(
        smooth([(-0.5, -0.5), (-0.4, -0.66), (-0.16, -0.56), (0.14, -0.36), (0.36, -0.3),
                (0.38, -0.12), (0.1, -0.12), (-0.18, -0.3), (-0.4, -0.36)]),
        coat.base, shade=0.35,
    )  # fmt: skip
    _stripes(figure, coat, body, np.linspace(-0.42, 0.1, 6), (-0.66, -0.3))
    for drop in (0.03, 0.0):
        figure.add(
            limb([(0.24, -0.16 - drop), (0.66, -0.04 - drop)], [0.13, 0.085]), coat.base, shade=0.2
        )
    figure.add(ellipse(0.68, -0.04, 0.07, 0.04), coat.chest)
    figure.add(
        limb([(-0.38, -0.5), (-0.42, -0.24), (-0.38, -0.03)], [0.2, 0.11, 0.08]),
        coat.base,
        shade=0.2,
    )
    figure.merge(
        _head(coat, False), 0.36, -0.38 + between(rng, -0.03, 0.08), 0.34, between(rng, -6, 16)
    )
    return figure


def draw_cat(rng: np.random.Generator) -> Figure:
    """Draw a cat: sitting, walking, lying, asleep, stretching or with an arched back."""
    pose = pick(rng, (_sitting, _sitting, _walking, _walking, _loaf, _arched, _curled, _stretching))
    return pose(rng, _coat(rng))
