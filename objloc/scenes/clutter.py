"""Man-made clutter, and things that look like animals but are not.

Each function draws one figure about one unit high that stands on y = 0.
"""

import numpy as np

from objloc.scenes.figures.polygons import Colour, Figure, ellipse, limb, smooth
from objloc.scenes.palette import WHITE, chance, dark, light, mix, pick, varied

_TRUNK: Colour = (118, 84, 62)
_WOODS: tuple[Colour, ...] = ((160, 112, 74), (132, 92, 66), (188, 146, 104))


_PAINTS: tuple[Colour, ...] = (
    (204, 78, 66), (74, 128, 176), (232, 184, 84), (108, 158, 120), (226, 216, 198),
    (150, 110, 150),
)  # fmt: skip


def fence(rng: np.random.Generator) -> Figure:
    """A wooden fence, several times as wide as tall."""
    figure, wood = Figure(), varied(rng, WHITE if chance(rng, 0.3) else pick(rng, _WOODS), 6)
    for y in (-0.72, -0.36):
        figure.add([(-2.0, y), (2.0, y + 0.02), (2.0, y + 0.13), (-2.0, y + 0.11)], wood, shade=0.2)
    for x in np.linspace(-1.8, 1.8, 5):
        post = [(x - 0.09, 0), (x - 0.09, -0.92), (x, -1.0), (x + 0.09, -0.92), (x + 0.09, 0)]
        figure.add(post, light(wood, 0.12), shade=0.3)
    return figure


def hay_bale(rng: np.random.Generator) -> Figure:
    """A round bale of straw, as brown as a cow lying down."""
    figure, straw = Figure(), varied(rng, (222, 184, 104), 7)
    figure.add(
        smooth([(-0.5, 0), (-0.6, -0.5), (-0.45, -0.96), (0.6, -0.98), (0.85, -0.5), (0.7, 0)]),
        dark(straw, 0.12),
        shade=0.3,
    )
    figure.add(ellipse(-0.3, -0.49, 0.42, 0.49), straw)
    for radius in (0.36, 0.24, 0.12):
        ring = [
            (-0.3 + radius * 0.86 * np.cos(a), -0.49 + radius * np.sin(a))
            for a in np.linspace(0, 6.0, 14)
        ]
        figure.line(ring, 0.03, dark(straw, 0.3))
    return figure


def barrel(rng: np.random.Generator) -> Figure:
    """A barrel with two hoops."""
    figure, wood = Figure(), varied(rng, pick(rng, _WOODS), 6)
    body = figure.add(
        smooth([(-0.3, 0), (-0.4, -0.5), (-0.3, -1), (0.3, -1), (0.4, -0.5), (0.3, 0)]),
        wood,
        shade=0.35,
    )
    for y in (-0.8, -0.22):
        figure.add(limb([(-0.5, y), (0, y + 0.05), (0.5, y)], [0.09] * 3), (96, 96, 104), clip=body)
    figure.add(ellipse(0, -1, 0.28, 0.07), dark(wood, 0.3))
    return figure


def box(rng: np.random.Generator) -> Figure:
    """A cardboard box or crate."""
    figure, card = Figure(), varied(rng, pick(rng, ((204, 162, 112), (180, 136, 92), *_PAINTS)), 6)
    figure.add([(-0.6, 0), (-0.6, -0.8), (0.3, -0.8), (0.3, 0)], card)
    figure.add([(0.3, 0), (0.3, -0.8), (0.6, -0.95), (0.6, -0.12)], dark(card, 0.25))
    figure.add([(-0.6, -0.8), (-0.3, -0.95), (0.6, -0.95), (0.3, -0.8)], light(card))
    figure.add([(-0.2, 0), (-0.2, -0.8), (-0.08, -0.8), (-0.08, 0)], mix(card, WHITE, 0.4))
    return figure


def ball(rng: np.random.Generator) -> Figure:
    """A striped ball."""
    figure, paint = Figure(), pick(rng, _PAINTS)
    body = figure.add(ellipse(0, -0.5, 0.5, 0.5), paint, shade=0.3)
    figure.add(ellipse(0.1, -0.5, 0.2, 0.6, 20), WHITE, clip=body)
    figure.add(ellipse(-0.18, -0.72, 0.1, 0.07, -30), WHITE, alpha=0.6)
    return figure


def snowman(rng: np.random.Generator) -> Figure:
    """A snowman: a distractor that resembles a person."""
    figure, snow = Figure(), (240, 244, 250)
    for y, radius in ((-0.26, 0.28), (-0.6, 0.2), (-0.84, 0.14)):
        figure.add(ellipse(0, y, radius, radius * 0.95), snow, shade=0.25)
    for side in (-1, 1):
        figure.add(limb([(side * 0.17, -0.62), (side * 0.42, -0.78)], [0.03, 0.02]), _TRUNK)
    figure.add([(0.0, -0.86), (0.2, -0.81), (0.0, -0.8)], (236, 140, 60))
    for x in (-0.05, 0.06):
        figure.add(ellipse(x, -0.9, 0.018, 0.022), (50, 48, 54))
    figure.add(limb([(-0.13, -0.72), (0.0, -0.69), (0.13, -0.72)], [0.07] * 3), pick(rng, _PAINTS))
    return figure


def house(rng: np.random.Generator) -> Figure:
    """A small house with a roof, a door and two windows."""
    figure, wall = Figure(), varied(rng, pick(rng, _PAINTS), 6)
    roof = pick(rng, ((150, 74, 62), (96, 88, 96), (170, 110, 74)))
    figure.add([(0.26, -0.7), (0.26, -1.0), (0.38, -1.0), (0.38, -0.6)], dark(wall))
    figure.add([(-0.55, 0), (-0.55, -0.58), (0.55, -0.58), (0.55, 0)], wall, shade=0.2)
    figure.add([(-0.66, -0.55), (-0.36, -0.95), (0.36, -0.95), (0.66, -0.55)], roof, shade=0.25)
    figure.add([(-0.09, 0), (-0.09, -0.36), (0.11, -0.36), (0.11, 0)], dark(roof, 0.15))
    for x in (-0.42, 0.24):
        figure.add([(x, -0.2), (x, -0.42), (x + 0.2, -0.42), (x + 0.2, -0.2)], WHITE)
        figure.add(
            [(x + 0.02, -0.22), (x + 0.02, -0.4), (x + 0.18, -0.4), (x + 0.18, -0.22)],
            (150, 190, 206),
        )
    return figure


def barn(rng: np.random.Generator) -> Figure:
    """A barn with a white-framed gate."""
    figure, wall = (
        Figure(),
        varied(rng, pick(rng, ((176, 66, 56), (150, 104, 78), (120, 120, 122))), 6),
    )
    figure.add(
        [
            (-0.75, 0),
            (-0.75, -0.55),
            (-0.5, -0.85),
            (0, -1),
            (0.5, -0.85),
            (0.75, -0.55),
            (0.75, 0),
        ],
        wall,
    )
    for x in np.linspace(-0.65, 0.65, 8):
        figure.line([(x, 0), (x, -0.6)], 0.012, dark(wall, 0.25))
    figure.add(
        limb([(-0.8, -0.52), (-0.5, -0.86), (0, -1.0), (0.5, -0.86), (0.8, -0.52)], [0.07] * 5),
        dark(wall, 0.45),
    )
    figure.add([(-0.26, 0), (-0.26, -0.45), (0.26, -0.45), (0.26, 0)], dark(wall, 0.3))
    low_left, low_right, left, right = (-0.26, 0), (0.26, 0), (-0.26, -0.45), (0.26, -0.45)
    for start, end in (
        (low_left, left), (low_right, right), (left, right), (low_left, right), (low_right, left),
    ):  # fmt: skip
        figure.line([start, end], 0.03, WHITE)
    return figure


def car(rng: np.random.Generator) -> Figure:
    """A parked car."""
    figure, paint = Figure(), varied(rng, pick(rng, _PAINTS), 6)
    figure.add(
        smooth([(-0.55, -0.5), (-0.42, -0.95), (0.3, -0.98), (0.62, -0.55)]), paint, shade=0.2
    )
    figure.add(
        smooth([(-0.42, -0.55), (-0.34, -0.86), (0.0, -0.88), (0.0, -0.55)]), (176, 208, 220)
    )
    figure.add(
        smooth([(0.06, -0.55), (0.06, -0.88), (0.28, -0.86), (0.48, -0.55)]), (176, 208, 220)
    )
    figure.add(
        smooth([(-1.05, -0.2), (-1.0, -0.55), (0, -0.6), (1.0, -0.52), (1.1, -0.2), (0, -0.14)]),
        paint,
        shade=0.3,
    )
    for x in (-0.6, 0.6):
        figure.add(ellipse(x, -0.19, 0.2, 0.2), (52, 50, 56))
        figure.add(ellipse(x, -0.19, 0.09, 0.09), (190, 190, 194))
    figure.add(ellipse(1.0, -0.42, 0.06, 0.06), (252, 236, 170))
    return figure


def lamp_post(rng: np.random.Generator) -> Figure:
    """A street lamp."""
    figure, iron = Figure(), pick(rng, ((62, 66, 74), (76, 92, 88)))
    figure.add(limb([(0, 0), (0, -0.9)], [0.035, 0.025]), iron)
    figure.add(limb([(-0.05, -0.01), (0.05, -0.01)], [0.05, 0.05]), iron)
    figure.add([(-0.05, -0.86), (-0.07, -0.97), (0.07, -0.97), (0.05, -0.86)], (252, 232, 160))
    figure.add([(-0.09, -0.96), (0, -1.02), (0.09, -0.96)], iron)
    return figure


def lit_lamp_post(rng: np.random.Generator) -> Figure:
    """A street lamp that shines."""
    figure = Figure()
    for radius, alpha in ((0.34, 0.12), (0.22, 0.16), (0.13, 0.3)):
        figure.add(ellipse(0, -0.92, radius, radius), (255, 232, 150), alpha=alpha, solid=False)
    figure.merge(lamp_post(rng))
    return figure


def pigeon(rng: np.random.Generator) -> Figure:
    """A pigeon on the ground."""
    figure, grey = Figure(), varied(rng, (132, 138, 156), 8)
    for x in (-0.05, 0.1):
        figure.line([(x, -0.2), (x + 0.03, 0)], 0.05, (214, 120, 100))
    figure.add(
        smooth(
            [(-0.8, -0.35), (-0.2, -0.6), (0.3, -0.66), (0.4, -0.4), (0.1, -0.16), (-0.3, -0.22)]
        ),
        grey,
        shade=0.3,
    )
    figure.add(ellipse(0.42, -0.8, 0.16, 0.15), dark(grey, 0.3))
    figure.add([(0.55, -0.84), (0.7, -0.76), (0.54, -0.74)], (90, 84, 80))
    return figure


def bench(rng: np.random.Generator) -> Figure:
    """A park bench."""
    figure, wood = Figure(), varied(rng, pick(rng, _WOODS), 6)
    for x in (-0.8, 0.8):
        figure.add(limb([(x, 0), (x, -0.9)], [0.07, 0.06]), (72, 72, 78))
    for y in (-0.88, -0.68, -0.42):
        figure.add([(-1, y), (1, y), (1, y + 0.13), (-1, y + 0.13)], wood, shade=0.25)
    return figure


def parasol(rng: np.random.Generator) -> Figure:
    """A striped beach parasol."""
    figure, cloth = Figure(), pick(rng, _PAINTS)
    figure.add(limb([(0, 0), (0.05, -0.9)], [0.03, 0.03]), (220, 214, 204))
    dome = figure.add(
        smooth(
            [
                (-0.5, -0.66),
                (-0.36, -0.9),
                (0.05, -1.0),
                (0.46, -0.86),
                (0.56, -0.62),
                (0.05, -0.72),
            ]
        ),
        cloth,
        shade=0.25,
    )
    for x in (-0.25, 0.2):
        figure.add(
            limb([(0.05, -1.02), (x, -0.8), (x * 1.5, -0.6)], [0.02, 0.12, 0.16]), WHITE, clip=dome
        )
    return figure
