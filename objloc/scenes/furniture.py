"""Furniture of the living room.

Each function draws one figure about one unit high that stands on y = 0.
"""

import numpy as np

from objloc.scenes.figures.polygons import Colour, Figure, limb, smooth
from objloc.scenes.palette import WHITE, between, dark, light, mix, pick, varied

_CLOTHS: tuple[Colour, ...] = (
    (196, 96, 82), (86, 128, 146), (206, 168, 96), (120, 146, 112), (152, 118, 98), (188, 180, 170),
)  # fmt: skip
_WOODS: tuple[Colour, ...] = ((160, 112, 74), (118, 82, 62), (196, 156, 112))


def sofa(rng: np.random.Generator) -> Figure:
    """A sofa with cushions."""
    figure, cloth = Figure(), varied(rng, pick(rng, _CLOTHS), 6)
    for x in (-1.0, 1.0):
        figure.add(limb([(x, -0.12), (x, -0.02)], [0.08, 0.06]), _WOODS[1])
    figure.add(
        smooth([(-1.1, -0.2), (-1.05, -0.9), (0, -1.0), (1.05, -0.9), (1.1, -0.2)]),
        dark(cloth, 0.1),
        shade=0.2,
    )
    figure.add(
        smooth([(-1.15, -0.12), (-1.15, -0.42), (0, -0.5), (1.15, -0.42), (1.15, -0.12)]),
        cloth,
        shade=0.25,
    )
    for x in (-1.15, 1.15):
        figure.add(
            smooth([(x - 0.16, -0.1), (x - 0.16, -0.6), (x + 0.16, -0.6), (x + 0.16, -0.1)]),
            light(cloth, 0.1),
            shade=0.3,
        )
    pillow = pick(rng, _CLOTHS)
    x = between(rng, -0.7, 0.7)
    figure.add(
        smooth([(x - 0.24, -0.46), (x - 0.22, -0.84), (x + 0.2, -0.82), (x + 0.24, -0.46)]),
        pillow,
        shade=0.3,
    )
    return figure


def armchair(rng: np.random.Generator) -> Figure:
    """An armchair."""
    figure, cloth = Figure(), varied(rng, pick(rng, _CLOTHS), 6)
    for x in (-0.4, 0.4):
        figure.add(limb([(x, -0.12), (x, -0.02)], [0.08, 0.05]), _WOODS[1])
    figure.add(
        smooth([(-0.46, -0.2), (-0.48, -0.9), (0, -1.0), (0.48, -0.9), (0.46, -0.2)]),
        dark(cloth, 0.1),
        shade=0.25,
    )
    figure.add(
        smooth([(-0.46, -0.1), (-0.46, -0.44), (0.46, -0.44), (0.46, -0.1)]), cloth, shade=0.2
    )
    for x in (-0.48, 0.48):
        figure.add(
            smooth([(x - 0.12, -0.08), (x - 0.12, -0.6), (x + 0.12, -0.6), (x + 0.12, -0.08)]),
            light(cloth, 0.1),
            shade=0.3,
        )
    return figure


def pot_plant(rng: np.random.Generator) -> Figure:
    """A leafy plant in a pot."""
    figure, green = Figure(), varied(rng, (94, 146, 96), 10)
    for angle in np.linspace(-165, -15, 8):
        turn = np.deg2rad(angle + between(rng, -8, 8))
        reach = between(rng, 0.42, 0.6)
        x, y = reach * 0.75 * np.cos(turn), -0.38 + reach * np.sin(turn)
        figure.add(
            limb([(0, -0.34), (x * 0.6, (y - 0.36) / 2), (x, y)], [0.03, 0.14, 0.02]),
            mix(green, dark(green), between(rng, 0, 0.6)),
        )
    pot = pick(rng, ((196, 110, 78), (222, 214, 200), (100, 120, 140)))
    figure.add([(-0.2, -0.36), (0.2, -0.36), (0.14, 0), (-0.14, 0)], pot, shade=0.3)
    figure.add([(-0.22, -0.38), (0.22, -0.38), (0.22, -0.31), (-0.22, -0.31)], light(pot, 0.15))
    return figure


def table(rng: np.random.Generator) -> Figure:
    """A low table with a cup."""
    figure, wood = Figure(), varied(rng, pick(rng, _WOODS), 6)
    for x in (-0.8, 0.8):
        figure.add(limb([(x, 0), (x, -0.7)], [0.07, 0.1]), dark(wood, 0.2))
    figure.add([(-1.0, -0.8), (1.0, -0.8), (1.0, -0.66), (-1.0, -0.66)], wood, shade=0.2)
    figure.add([(0.2, -1.0), (0.42, -1.0), (0.38, -0.8), (0.24, -0.8)], pick(rng, _CLOTHS))
    return figure


def bookcase(rng: np.random.Generator) -> Figure:
    """Shelves of books."""
    figure, wood = Figure(), varied(rng, pick(rng, _WOODS), 6)
    figure.add([(-0.36, 0), (-0.36, -1), (0.36, -1), (0.36, 0)], wood)
    for shelf in range(4):
        low = -0.04 - shelf * 0.24
        figure.add(
            [(-0.32, low), (-0.32, low - 0.2), (0.32, low - 0.2), (0.32, low)], dark(wood, 0.45)
        )
        x = -0.31
        while x < 0.26:
            wide, tall = between(rng, 0.04, 0.08), between(rng, 0.12, 0.19)
            figure.add(
                [(x, low), (x, low - tall), (x + wide, low - tall), (x + wide, low)],
                varied(rng, pick(rng, _CLOTHS)),
            )
            x += wide + 0.006
    return figure


def floor_lamp(rng: np.random.Generator) -> Figure:
    """A standing lamp."""
    figure = Figure()
    figure.add(limb([(-0.1, -0.015), (0.1, -0.015)], [0.03, 0.03]), (80, 74, 72))
    figure.add(limb([(0, 0), (0, -0.8)], [0.02, 0.02]), (80, 74, 72))
    figure.add(
        [(-0.17, -0.7), (-0.1, -1), (0.1, -1), (0.17, -0.7)],
        varied(rng, (250, 226, 168), 6),
        shade=0.15,
    )
    return figure


def cushion(rng: np.random.Generator) -> Figure:
    """A cushion on the floor: soft and cat-sized."""
    figure, cloth = Figure(), varied(rng, pick(rng, (*_CLOTHS, (232, 160, 90), (130, 124, 122))), 8)
    body = figure.add(
        smooth(
            [
                (-0.8, -0.1),
                (-0.86, -0.7),
                (-0.4, -0.86),
                (0.4, -0.9),
                (0.86, -0.7),
                (0.8, -0.08),
                (0, 0),
            ]
        ),
        cloth,
        shade=0.3,
    )
    for x in (-0.4, 0.0, 0.4):
        figure.add(limb([(x, 0.1), (x + 0.05, -1)], [0.1, 0.1]), mix(cloth, WHITE, 0.5), clip=body)
    return figure
