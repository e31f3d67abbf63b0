"""Horses: a long neck with a mane, long legs, a flowing tail."""

from dataclasses import dataclass

import numpy as np

from objloc.scenes.figures.polygons import Colour, Figure, ellipse, limb, smooth
from objloc.scenes.palette import BLACK, WHITE, between, chance, dark, light, pick, varied

_COATS: tuple[tuple[Colour, Colour], ...] = (
    ((150, 84, 48), (48, 36, 36)), ((178, 104, 52), (196, 128, 70)), ((66, 56, 58), (40, 36, 42)),
    ((196, 196, 198), (120, 120, 130)), ((222, 174, 104), (246, 232, 204)),
    ((104, 66, 46), (44, 34, 36)), ((236, 230, 220), (214, 202, 184)),
)  # fmt: skip
_HOOF: Colour = (64, 54, 52)
_CLOTHS: tuple[Colour, ...] = ((178, 52, 56), (52, 92, 150), (60, 120, 80))
Knots = list[tuple[float, float]]


@dataclass(frozen=True)
class _Coat:
    base: Colour
    mane: Colour
    socks: bool
    blaze: bool
    saddle: Colour | None


def _coat(rng: np.random.Generator) -> _Coat:
    base, mane = pick(rng, _COATS)
    saddle = pick(rng, _CLOTHS) if chance(rng, 0.25) else None
    return _Coat(varied(rng, base, 5), mane, chance(rng, 0.4), chance(rng, 0.5), saddle)


def _head(coat: _Coat) -> Figure:
    """A head in profile; the origin is the poll, the muzzle points down to the right."""
    figure = Figure()
    for x in (-0.02, 0.12):
        figure.add(
            [(x - 0.06, 0.0), (x + 0.02, -0.26), (x + 0.1, 0.02)],
            dark(coat.base, 0.12 if x > 0 else 0.25),
        )
    head = figure.add(
        smooth([(-0.1, 0.02), (0.08, -0.06), (0.3, 0.08), (0.58, 0.4), (0.68, 0.56), (0.6, 0.7),
                (0.46, 0.68), (0.3, 0.52), (0.08, 0.48), (-0.12, 0.3)]),
        coat.base, shade=0.28,
    )  # fmt: skip
    if coat.blaze:
        figure.add(
            limb([(0.16, -0.04), (0.42, 0.16), (0.64, 0.44)], [0.1, 0.1, 0.14]), WHITE, clip=head
        )
    figure.add(ellipse(0.6, 0.6, 0.16, 0.14), dark(coat.base, 0.3), alpha=0.7, clip=head)
    figure.add(ellipse(0.6, 0.54, 0.035, 0.03), BLACK)
    figure.add(ellipse(0.24, 0.18, 0.05, 0.055), BLACK)
    figure.add(ellipse(0.26, 0.165, 0.016, 0.016), WHITE)
    figure.line([(0.6, 0.65), (0.5, 0.61), (0.44, 0.56)], 0.02, dark(coat.base, 0.6))
    figure.add(limb([(0.0, -0.08), (0.12, 0.02), (0.16, 0.14)], [0.1, 0.1, 0.03]), coat.mane)
    return figure


def _leg(figure: Figure, coat: _Coat, knots: Knots, colour: Colour) -> None:
    """Add a leg through hip, knee, fetlock and hoof."""
    figure.add(limb(knots, [0.17, 0.085, 0.06, 0.055]), colour, shade=0.2)
    (x, y), (end_x, end_y) = knots[2], knots[3]
    if coat.socks:
        figure.add(limb([(x, y), (end_x, end_y)], [0.062, 0.06]), WHITE)
    figure.add(limb([(end_x, end_y), (end_x + 0.015, end_y + 0.012)], [0.07, 0.075]), _HOOF)


def _legs(rng: np.random.Generator, gait: str) -> tuple[list[Knots], list[Knots]]:
    """Knots of the far and near legs, hind and fore."""
    if gait == "gallop":
        far: list[Knots] = [
            [(-0.3, -0.5), (-0.44, -0.36), (-0.62, -0.26), (-0.7, -0.17)],
            [(0.26, -0.48), (0.5, -0.44), (0.66, -0.3), (0.74, -0.26)],
        ]
        near: list[Knots] = [
            [(-0.34, -0.5), (-0.38, -0.28), (-0.56, -0.12), (-0.62, -0.04)],
            [(0.3, -0.46), (0.48, -0.34), (0.44, -0.16), (0.5, -0.1)],
        ]
        return far, near
    stride = between(rng, 0.0, 0.12) if gait == "walk" else 0.01
    far = [
        [
            (-0.3, -0.5),
            (-0.32 + stride, -0.28),
            (-0.34 + stride * 1.4, -0.12),
            (-0.32 + stride * 1.5, -0.03),
        ],
        [
            (0.26, -0.48),
            (0.28 - stride, -0.26),
            (0.27 - stride * 1.3, -0.12),
            (0.28 - stride * 1.5, -0.03),
        ],
    ]
    lift = between(rng, 0.0, 0.14) if gait == "walk" else 0.0
    near = [
        [(-0.35, -0.5), (-0.36 - stride, -0.28), (-0.42 - stride, -0.12), (-0.4 - stride, -0.03)],
        [
            (0.3, -0.48),
            (0.32 + stride, -0.27 - lift / 2),
            (0.31 + stride, -0.12 - lift),
            (0.32 + stride, -0.03 - lift),
        ],
    ]
    return far, near


def _tail(figure: Figure, coat: _Coat, flying: bool) -> None:
    if flying:
        knots = [(-0.46, -0.66), (-0.64, -0.72), (-0.82, -0.6), (-0.94, -0.62)]
    else:
        knots = [(-0.46, -0.66), (-0.58, -0.6), (-0.6, -0.36), (-0.64, -0.16)]
    figure.add(limb(knots, [0.06, 0.11, 0.13, 0.03]), coat.mane, shade=0.25)


def _mane(figure: Figure, coat: _Coat, neck: Knots, flying: bool) -> None:
    """Add locks of hair along the back of the neck."""
    line = np.asarray(neck)
    for fraction in np.linspace(0, 1, 7):
        x = float(np.interp(fraction, (0, 0.5, 1), line[:, 0])) - 0.1
        y = float(np.interp(fraction, (0, 0.5, 1), line[:, 1])) - 0.02
        drop = (-0.12, 0.0) if flying else (-0.05, 0.1)
        figure.add(
            limb([(x + 0.05, y - 0.03), (x, y), (x + drop[0], y + drop[1])], [0.09, 0.09, 0.03]),
            coat.mane,
        )


def _upright(rng: np.random.Generator, coat: _Coat) -> Figure:
    """A horse standing, walking or galloping, the head up or grazing."""
    gait = pick(rng, ("stand", "walk", "walk", "gallop"))
    grazing = gait == "stand" and chance(rng, 0.6)
    figure = Figure()
    _tail(figure, coat, gait == "gallop")
    far, near = _legs(rng, gait)
    for knots in far:
        _leg(figure, coat, knots, dark(coat.base, 0.28))
    if grazing:
        neck: Knots = [(0.3, -0.6), (0.5, -0.46), (0.6, -0.3)]
    elif gait == "gallop":
        neck = [(0.3, -0.62), (0.5, -0.78), (0.68, -0.86)]
    else:
        neck = [(0.28, -0.62), (0.42, -0.84), (0.5 + between(rng, -0.06, 0.06), -1.0)]
    body = figure.add(
        smooth([(-0.5, -0.58), (-0.42, -0.72), (-0.16, -0.69), (0.1, -0.68), (0.32, -0.76),
                (0.46, -0.6), (0.36, -0.42), (0.06, -0.39), (-0.2, -0.43), (-0.44, -0.42)]),
        coat.base, shade=0.35,
    )  # fmt: skip
    figure.add(limb(neck, [0.34, 0.23, 0.17]), coat.base, shade=0.25)
    if coat.saddle and not grazing:
        figure.add(
            smooth([(-0.16, -0.72), (0.12, -0.72), (0.14, -0.5), (-0.14, -0.5)]),
            coat.saddle,
            clip=body,
        )
        figure.add(
            limb([(-0.14, -0.74), (0.0, -0.7), (0.12, -0.76)], [0.06, 0.08, 0.06]), (96, 58, 38)
        )
    for knots in near:
        _leg(figure, coat, knots, coat.base)
    _mane(figure, coat, neck, gait == "gallop")
    x, y = neck[-1]
    angle = {True: 22.0, False: -2.0}[grazing] - (16 if gait == "gallop" else 0)
    figure.merge(_head(coat), x - 0.03, y - 0.07, 0.48, angle + between(rng, -8, 8))
    return figure


def _rearing(rng: np.random.Generator, coat: _Coat) -> Figure:
    """A horse on its hind legs."""
    figure = Figure()
    figure.add(
        limb(
            [(-0.36, -0.42), (-0.5, -0.36), (-0.52, -0.16), (-0.56, -0.02)],
            [0.06, 0.11, 0.12, 0.03],
        ),
        coat.mane,
    )
    _leg(
        figure,
        coat,
        [(-0.22, -0.44), (-0.1, -0.28), (-0.18, -0.12), (-0.16, -0.03)],
        dark(coat.base, 0.28),
    )
    _leg(
        figure,
        coat,
        [(0.1, -0.86), (0.32, -0.92), (0.36, -0.76), (0.4, -0.7)],
        dark(coat.base, 0.28),
    )
    figure.add(
        smooth([(-0.38, -0.44), (-0.36, -0.6), (-0.16, -0.74), (0.0, -1.0), (0.18, -1.04),
                (0.24, -0.86), (0.12, -0.62), (-0.02, -0.42), (-0.2, -0.32)]),
        coat.base, shade=0.35,
    )  # fmt: skip
    neck: Knots = [(0.08, -0.92), (0.16, -1.14), (0.26, -1.28)]
    figure.add(limb(neck, [0.3, 0.22, 0.16]), coat.base, shade=0.25)
    _leg(figure, coat, [(-0.24, -0.44), (-0.26, -0.26), (-0.36, -0.12), (-0.34, -0.03)], coat.base)
    _leg(figure, coat, [(0.14, -0.82), (0.34, -0.74), (0.3, -0.58), (0.34, -0.52)], coat.base)
    _mane(figure, coat, neck, True)
    figure.merge(_head(coat), 0.24, -1.34, 0.46, between(rng, -20, 0))
    return figure


def _lying(rng: np.random.Generator, coat: _Coat) -> Figure:
    """A horse resting, the legs folded, the head up."""
    figure = Figure()
    figure.add(
        limb([(-0.5, -0.26), (-0.64, -0.2), (-0.74, -0.04)], [0.06, 0.12, 0.04]),
        coat.mane,
        shade=0.25,
    )
    figure.add(
        smooth([(-0.56, -0.04), (-0.54, -0.28), (-0.3, -0.4), (0.06, -0.36), (0.34, -0.44),
                (0.48, -0.26), (0.4, 0), (-0.1, 0.01)]),
        coat.base, shade=0.35,
    )  # fmt: skip
    figure.add(
        limb([(-0.38, -0.1), (-0.08, -0.05)], [0.14, 0.07]), dark(coat.base, 0.14), shade=0.2
    )
    figure.add(
        limb([(0.34, -0.09), (0.64, -0.06)], [0.12, 0.075]), dark(coat.base, 0.08), shade=0.2
    )
    figure.add(limb([(0.62, -0.035), (0.44, -0.03)], [0.06, 0.06]), _HOOF)
    neck: Knots = [(0.3, -0.3), (0.42, -0.54), (0.48, -0.7)]
    figure.add(limb(neck, [0.32, 0.22, 0.17]), coat.base, shade=0.25)
    _mane(figure, coat, neck, False)
    figure.merge(_head(coat), 0.45, -0.77, 0.46, between(rng, -10, 8))
    return figure


def draw_horse(rng: np.random.Generator) -> Figure:
    """Draw a horse: standing, grazing, walking, galloping, rearing or lying."""
    pose = pick(rng, (_rearing, _lying, *(_upright,) * 8))
    return pose(rng, _coat(rng))


def horse_statue(stone: Colour) -> Figure:
    """A stone statue of a rearing horse on a plinth: a distractor, all of one colour."""
    coat = _Coat(stone, light(stone, 0.1), False, False, None)
    figure = Figure()
    figure.add(
        [(-0.42, 0), (0.42, 0), (0.38, -0.1), (0.34, -0.45), (-0.34, -0.45), (-0.38, -0.1)],
        dark(stone, 0.12),
        shade=0.3,
    )
    figure.add([(-0.4, -0.45), (0.4, -0.45), (0.4, -0.52), (-0.4, -0.52)], stone)
    figure.merge(_rearing(np.random.default_rng(0), coat), 0.0, -0.5, 0.8)
    return figure
