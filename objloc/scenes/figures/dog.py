"""Dogs: a snout, floppy ears, a tongue, a wagging tail, often a collar."""

from dataclasses import dataclass

import numpy as np

from objloc.scenes.figures.polygons import Colour, Figure, ellipse, limb, smooth
from objloc.scenes.palette import BLACK, WHITE, between, chance, dark, light, mix, pick, varied

_COATS: tuple[Colour, ...] = (
    (168, 108, 58), (214, 164, 96), (122, 78, 50), (60, 54, 54), (236, 222, 196),
    (138, 132, 130), (190, 128, 70),
)  # fmt: skip
_COLLARS: tuple[Colour, ...] = ((206, 58, 58), (58, 110, 190), (70, 150, 90), (232, 170, 50))
_TONGUE: Colour = (236, 110, 120)


@dataclass(frozen=True)
class _Coat:
    base: Colour
    ear: Colour
    muzzle: Colour
    collar: Colour | None
    spots: bool
    leg: float
    """Length of the legs; short for a dachshund."""


def _coat(rng: np.random.Generator) -> _Coat:
    base = varied(rng, pick(rng, _COATS), 6)
    pattern = pick(rng, ("plain", "saddle", "spots", "muzzle"))
    ear = (
        dark(base, 0.5) if pattern in ("spots", "saddle") or chance(rng, 0.4) else dark(base, 0.18)
    )
    muzzle = WHITE if pattern in ("muzzle", "spots") else light(base, 0.3)
    collar = pick(rng, _COLLARS) if chance(rng, 0.6) else None
    return _Coat(base, ear, muzzle, collar, pattern == "spots", pick(rng, (0.2, 0.36, 0.4, 0.44)))


def _side_head(rng: np.random.Generator, coat: _Coat) -> Figure:
    """A head in profile, facing right; the origin is the middle of the skull."""
    figure = Figure()
    panting = chance(rng, 0.6)
    if panting:
        figure.add(limb([(0.5, 0.26), (0.52, 0.42), (0.5, 0.56)], [0.14, 0.16, 0.14]), _TONGUE)
        figure.add(limb([(0.2, 0.22), (0.62, 0.3)], [0.2, 0.12]), dark(coat.muzzle, 0.2))
    skull = figure.add(
        smooth([(-0.42, 0.1), (-0.36, -0.3), (0.0, -0.46), (0.3, -0.3), (0.42, -0.12),
                (0.78, -0.06), (0.9, 0.08), (0.8, 0.24), (0.4, 0.3), (0.0, 0.36)]),
        coat.base, shade=0.28,
    )  # fmt: skip
    figure.add(ellipse(0.66, 0.12, 0.34, 0.24), coat.muzzle, clip=skull)
    figure.add(ellipse(0.86, -0.01, 0.11, 0.09), BLACK)
    figure.add(ellipse(0.26, -0.12, 0.075, 0.085), BLACK)
    figure.add(ellipse(0.28, -0.15, 0.025, 0.025), WHITE)
    figure.line([(0.86, 0.16), (0.66, 0.22), (0.42, 0.16)], 0.03, dark(coat.muzzle, 0.6))
    flop = between(rng, 0.4, 0.62)
    figure.add(
        smooth([(-0.28, -0.38), (-0.02, -0.34), (-0.02, 0.1), (-0.14, flop), (-0.36, flop - 0.06),
                (-0.46, 0.05)]),
        coat.ear, shade=0.3,
    )  # fmt: skip
    return figure


def _front_head(rng: np.random.Generator, coat: _Coat) -> Figure:
    """A face seen from the front, centred on the origin, one unit tall."""
    figure = Figure()
    face = figure.add(
        smooth([(0, -0.5), (0.36, -0.42), (0.46, -0.05), (0.36, 0.32), (0, 0.46), (-0.36, 0.32),
                (-0.46, -0.05), (-0.36, -0.42)]),
        coat.base, shade=0.28,
    )  # fmt: skip
    figure.add(limb([(0, -0.5), (0, 0.1)], [0.12, 0.22]), coat.muzzle, clip=face)
    if chance(rng, 0.7):
        figure.add(limb([(0.02, 0.34), (0.03, 0.5), (0.02, 0.6)], [0.16, 0.17, 0.15]), _TONGUE)
    figure.add(ellipse(0, 0.2, 0.3, 0.24), coat.muzzle, shade=0.15)
    figure.add(ellipse(0, 0.08, 0.13, 0.09), BLACK)
    figure.line([(0, 0.15), (0, 0.28)], 0.03, BLACK)
    figure.line([(-0.18, 0.28), (-0.06, 0.34), (0, 0.28), (0.06, 0.34), (0.18, 0.28)], 0.035, BLACK)
    for side in (-1, 1):
        figure.add(ellipse(side * 0.2, -0.14, 0.075, 0.085), BLACK)
        figure.add(ellipse(side * 0.2 + 0.02, -0.17, 0.025, 0.025), WHITE)
        ear = [(side * 0.26, -0.44), (side * 0.52, -0.36), (side * 0.66, 0.06), (side * 0.58, 0.34),
               (side * 0.42, 0.24), (side * 0.38, -0.12)]  # fmt: skip
        figure.add(smooth(ear), coat.ear, shade=0.25)
    return figure


def _tail(figure: Figure, rng: np.random.Generator, coat: _Coat, x: float, y: float) -> None:
    lift = between(rng, 0.1, 0.34)
    knots = [(x, y), (x - 0.14, y - lift * 0.4), (x - 0.2, y - lift)]
    figure.add(limb(knots, [0.1, 0.08, 0.05]), coat.base, shade=0.2)


def _upright(rng: np.random.Generator, coat: _Coat) -> Figure:
    """A dog standing or walking, seen from the side."""
    figure = Figure()
    leg, stride = coat.leg, between(rng, 0.0, 0.15)
    back, belly = -leg - 0.27, -leg + 0.03
    _tail(figure, rng, coat, -0.46, back + 0.06)
    far = dark(coat.base, 0.25)
    for hip, foot in ((-0.34, -0.34 + stride), (0.28, 0.28 - stride)):
        figure.add(
            limb([(hip, belly - 0.08), (hip - 0.02, -leg / 2), (foot, -0.035)], [0.15, 0.1, 0.08]),
            far,
        )
    body = figure.add(
        smooth([(-0.5, back + 0.12), (-0.42, back), (-0.05, back + 0.02), (0.26, back - 0.03),
                (0.42, back + 0.1), (0.36, belly), (0.1, belly + 0.02), (-0.26, belly - 0.06),
                (-0.44, belly - 0.02)]),
        coat.base, shade=0.35,
    )  # fmt: skip
    if coat.spots:
        for x in (-0.36, -0.1, 0.16):
            spot = ellipse(x, back + between(rng, 0.0, 0.14), between(rng, 0.07, 0.14), 0.1)
            figure.add(spot, coat.ear, clip=body)
    for hip, foot in ((-0.35, -0.35 - stride), (0.29, 0.29 + stride)):
        knots = [(hip, belly - 0.1), ((hip + foot) / 2 - 0.03, -leg / 2), (foot, -0.04)]
        figure.add(limb(knots, [0.2, 0.11, 0.085]), coat.base, shade=0.2)
        figure.add(ellipse(foot + 0.025, -0.04, 0.07, 0.042), coat.muzzle)
    figure.add(limb([(0.3, back + 0.12), (0.46, back - 0.16)], [0.28, 0.22]), coat.base, shade=0.2)
    if coat.collar:
        figure.add(limb([(0.3, back - 0.05), (0.49, back + 0.03)], [0.06, 0.06]), coat.collar)
    figure.merge(_side_head(rng, coat), 0.5, back - 0.24, 0.36, between(rng, -14, 14))
    return figure


def _sitting(rng: np.random.Generator, coat: _Coat) -> Figure:
    """A dog sitting, the body at an angle; the face in profile or from the front."""
    figure = Figure()
    wag = between(rng, 0.05, 0.2)
    figure.add(
        limb([(-0.26, -0.06), (-0.44, -0.06 - wag / 2), (-0.54, -0.1 - wag)], [0.1, 0.08, 0.05]),
        coat.base,
    )
    body = figure.add(
        smooth([(-0.34, -0.03), (-0.36, -0.2), (-0.2, -0.48), (-0.06, -0.68), (0.16, -0.68),
                (0.24, -0.48), (0.2, -0.2), (0.1, -0.02)]),
        coat.base, shade=0.35,
    )  # fmt: skip
    figure.add(ellipse(0.14, -0.44, 0.1, 0.2, 8), coat.muzzle, clip=body)
    figure.add(ellipse(-0.18, -0.15, 0.18, 0.16), dark(coat.base, 0.07), shade=0.25)
    figure.add(ellipse(-0.06, -0.04, 0.12, 0.05), coat.muzzle)
    for x in (0.06, 0.17):
        figure.add(limb([(x, -0.44), (x + 0.01, -0.05)], [0.15, 0.09]), coat.base, shade=0.22)
        figure.add(ellipse(x + 0.03, -0.04, 0.08, 0.045), coat.muzzle)
    if coat.collar:
        figure.add(
            limb([(-0.08, -0.62), (0.06, -0.585), (0.2, -0.62)], [0.06, 0.06, 0.06]), coat.collar
        )
        figure.add(ellipse(0.08, -0.55, 0.03, 0.03), (240, 204, 90))
    if chance(rng, 0.5):
        figure.merge(_front_head(rng, coat), 0.06, -0.8, 0.42, between(rng, -10, 10))
    else:
        figure.merge(_side_head(rng, coat), 0.08, -0.8, 0.38, between(rng, -14, 6))
    return figure


def _lying(rng: np.random.Generator, coat: _Coat) -> Figure:
    figure = Figure()
    figure.add(limb([(-0.5, -0.1), (-0.68, -0.08), (-0.76, -0.16)], [0.1, 0.07, 0.05]), coat.base)
    body = figure.add(
        smooth([(-0.58, -0.03), (-0.58, -0.24), (-0.36, -0.36), (0.05, -0.36), (0.3, -0.46),
                (0.44, -0.3), (0.4, 0), (-0.1, 0.01)]),
        coat.base, shade=0.35,
    )  # fmt: skip
    if coat.spots:
        for x in (-0.4, -0.05):
            figure.add(ellipse(x, -0.28, 0.14, 0.1), coat.ear, clip=body)
    figure.add(ellipse(-0.36, -0.15, 0.2, 0.15), dark(coat.base, 0.07), shade=0.25)
    figure.add(limb([(-0.3, -0.04), (-0.1, -0.035)], [0.08, 0.07]), coat.muzzle)
    for drop in (0.03, 0.0):
        figure.add(
            limb([(0.28, -0.1 - drop), (0.66, -0.045 - drop)], [0.13, 0.085]),
            mix(coat.base, coat.muzzle, 0.3),
        )
    if coat.collar:
        figure.add(limb([(0.24, -0.4), (0.46, -0.34)], [0.06, 0.06]), coat.collar)
    head = _front_head(rng, coat) if chance(rng, 0.4) else _side_head(rng, coat)
    figure.merge(head, 0.4, -0.52, 0.38, between(rng, -8, 14))
    return figure


def _running(rng: np.random.Generator, coat: _Coat) -> Figure:
    """A dog running at full stretch, off the ground."""
    figure = Figure()
    _tail(figure, rng, coat, -0.5, -0.5)
    far = dark(coat.base, 0.25)
    figure.add(limb([(-0.36, -0.36), (-0.56, -0.24), (-0.68, -0.12)], [0.15, 0.09, 0.07]), far)
    figure.add(limb([(0.3, -0.36), (0.52, -0.32), (0.68, -0.22)], [0.15, 0.09, 0.07]), far)
    body = figure.add(
        smooth([(-0.54, -0.46), (-0.42, -0.58), (-0.05, -0.54), (0.26, -0.58), (0.44, -0.48),
                (0.38, -0.3), (0.1, -0.26), (-0.24, -0.32), (-0.46, -0.32)]),
        coat.base, shade=0.35,
    )  # fmt: skip
    if coat.spots:
        for x in (-0.34, -0.02):
            figure.add(ellipse(x, -0.5, 0.12, 0.1), coat.ear, clip=body)
    for knots in (
        [(-0.38, -0.4), (-0.46, -0.2), (-0.62, -0.04)],
        [(0.3, -0.38), (0.44, -0.2), (0.6, -0.1)],
    ):
        figure.add(limb(knots, [0.19, 0.1, 0.08]), coat.base, shade=0.2)
        figure.add(ellipse(knots[2][0] + 0.02, knots[2][1], 0.06, 0.04), coat.muzzle)
    figure.add(limb([(0.32, -0.46), (0.5, -0.62)], [0.26, 0.2]), coat.base, shade=0.2)
    if coat.collar:
        figure.add(limb([(0.34, -0.64), (0.52, -0.52)], [0.06, 0.06]), coat.collar)
    figure.merge(_side_head(rng, coat), 0.56, -0.68, 0.36, between(rng, -16, 4))
    return figure


def _facing(rng: np.random.Generator, coat: _Coat) -> Figure:
    """A dog sitting, seen from the front."""
    figure = Figure()
    side = pick(rng, (-1, 1))
    figure.add(
        limb([(side * 0.2, -0.08), (side * 0.36, -0.1), (side * 0.44, -0.24)], [0.1, 0.08, 0.05]),
        coat.base,
    )
    for x in (-0.2, 0.2):
        figure.add(ellipse(x, -0.13, 0.12, 0.14), dark(coat.base, 0.1), shade=0.25)
        figure.add(ellipse(x * 1.2, -0.035, 0.1, 0.045), coat.muzzle)
    body = figure.add(
        smooth([(-0.18, -0.06), (-0.2, -0.3), (-0.17, -0.58), (0, -0.64), (0.17, -0.58),
                (0.2, -0.3), (0.18, -0.06)]),
        coat.base, shade=0.3,
    )  # fmt: skip
    figure.add(ellipse(0, -0.42, 0.11, 0.2), coat.muzzle, clip=body)
    for x in (-0.085, 0.085):
        figure.add(limb([(x, -0.36), (x, -0.05)], [0.13, 0.1]), coat.base, shade=0.22)
        figure.add(ellipse(x, -0.035, 0.075, 0.045), coat.muzzle)
    if coat.collar:
        figure.add(
            limb([(-0.15, -0.58), (0, -0.55), (0.15, -0.58)], [0.06, 0.06, 0.06]), coat.collar
        )
    figure.merge(_front_head(rng, coat), 0.0, -0.74, 0.42, between(rng, -14, 14))
    return figure


def draw_dog(rng: np.random.Generator) -> Figure:
    """Draw a dog: standing, walking, running, sitting or lying."""
    pose = pick(rng, (_upright, _upright, _upright, _sitting, _sitting, _lying, _running, _facing))
    return pose(rng, _coat(rng))
