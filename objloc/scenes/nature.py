"""Plants, rocks and snow.

Each function draws one figure about one unit high that stands on y = 0.
"""

import numpy as np

from objloc.scenes.figures.polygons import Colour, Figure, ellipse, limb, smooth
from objloc.scenes.palette import WHITE, between, chance, dark, light, mix, pick, varied

_GREENS: tuple[Colour, ...] = ((92, 142, 78), (116, 160, 84), (70, 122, 88), (136, 156, 70))


_AUTUMN: tuple[Colour, ...] = ((214, 130, 58), (196, 92, 56), (224, 172, 76))


_TRUNK: Colour = (118, 84, 62)


_STONES: tuple[Colour, ...] = ((150, 148, 150), (170, 160, 150), (124, 126, 134))


def _leaves(rng: np.random.Generator) -> Colour:
    return varied(rng, pick(rng, _GREENS if chance(rng, 0.85) else _AUTUMN), 7)


def tree(rng: np.random.Generator) -> Figure:
    """A broad tree with a few clouds of leaves."""
    figure, green = Figure(), _leaves(rng)
    figure.add(limb([(0, 0), (0.02, -0.5)], [0.11, 0.07]), _TRUNK, shade=0.3)
    figure.add(limb([(0.01, -0.35), (0.16, -0.55)], [0.05, 0.03]), _TRUNK)
    for x, y, radius in (
        (-0.2, -0.58, 0.2),
        (0.22, -0.58, 0.19),
        (0.0, -0.78, 0.23),
        (0.0, -0.58, 0.22),
    ):
        sway, lift = between(rng, -0.04, 0.04), between(rng, -0.03, 0.03)
        figure.add(
            ellipse(x + sway, y + lift, radius, radius * 0.94),
            mix(green, dark(green), between(rng, 0, 0.3)),
            shade=0.3,
        )
    return figure


def pine(rng: np.random.Generator) -> Figure:
    """A pine of three tiers."""
    figure, green = (
        Figure(),
        varied(rng, pick(rng, ((60, 108, 84), (72, 120, 78), (50, 92, 84))), 6),
    )
    figure.add(limb([(0, 0), (0, -0.3)], [0.08, 0.07]), _TRUNK)
    for y, half in ((-0.15, 0.3), (-0.38, 0.24), (-0.6, 0.18)):
        tier = [
            (-half, y),
            (0, y + 0.05),
            (half, y),
            (half * 0.12, y - 0.4),
            (-half * 0.12, y - 0.4),
        ]
        figure.add(tier, green, shade=0.35)
    return figure


def snowy_pine(rng: np.random.Generator) -> Figure:
    """A pine with snow on its tiers."""
    figure = Figure()
    figure.add(limb([(0, 0), (0, -0.3)], [0.08, 0.07]), _TRUNK)
    green = varied(rng, (70, 108, 104), 6)
    for y, half in ((-0.15, 0.3), (-0.38, 0.24), (-0.6, 0.18)):
        tier = figure.add(
            [(-half, y), (0, y + 0.05), (half, y), (0.02, y - 0.4), (-0.02, y - 0.4)],
            green,
            shade=0.3,
        )
        snow = [
            (-half, y - 0.12),
            (-half * 0.3, y - 0.1),
            (0, y - 0.15),
            (half * 0.4, y - 0.08),
            (half, y - 0.16),
            (0, y - 0.5),
        ]
        figure.add(snow, WHITE, clip=tier)
    return figure


def bush(rng: np.random.Generator) -> Figure:
    """A woolly bush: broad, now and then with blossoms."""
    figure, green = Figure(), _leaves(rng)
    for x, y, radius in (
        (-0.5, -0.3, 0.32),
        (0.5, -0.3, 0.3),
        (-0.15, -0.55, 0.4),
        (0.25, -0.5, 0.38),
        (0, -0.3, 0.36),
    ):
        figure.add(
            ellipse(x + between(rng, -0.08, 0.08), y, radius, radius * 0.95), green, shade=0.28
        )
    figure.add(smooth([(-0.7, 0), (-0.6, -0.25), (0.6, -0.25), (0.7, 0)]), green)
    if chance(rng, 0.4):
        blossom = pick(rng, ((240, 160, 170), (250, 236, 200), (220, 80, 80), (236, 200, 90)))
        for _ in range(9):
            figure.add(
                ellipse(between(rng, -0.6, 0.6), between(rng, -0.75, -0.15), 0.045, 0.045), blossom
            )
    return figure


def pale_bush(rng: np.random.Generator) -> Figure:
    """A bush in white blossom: as woolly as a sheep, but without legs or face."""
    figure, green = Figure(), varied(rng, (132, 160, 110), 6)
    figure.add(smooth([(-0.72, 0), (-0.66, -0.4), (0, -0.6), (0.66, -0.4), (0.72, 0)]), green)
    cream = varied(rng, (232, 228, 212), 5)
    for x, y, radius in (
        (-0.48, -0.38, 0.26), (0.48, -0.38, 0.26), (-0.22, -0.62, 0.3), (0.24, -0.62, 0.3),
        (0.0, -0.44, 0.3),
    ):  # fmt: skip
        sway = between(rng, -0.05, 0.05)
        figure.add(ellipse(x + sway, y, radius, radius * 0.9), cream, shade=0.22)
    for _ in range(8):
        x, y = between(rng, -0.5, 0.5), between(rng, -0.75, -0.3)
        figure.add(ellipse(x, y, 0.035, 0.03), mix(cream, green, 0.5), solid=False)
    return figure


def rock(rng: np.random.Generator) -> Figure:
    """A boulder."""
    figure, stone = Figure(), varied(rng, pick(rng, _STONES), 6)
    left, right = -0.85 + between(rng, -0.1, 0.1), -1 + between(rng, 0, 0.2)
    outline = [(-0.7, 0), (-0.62, -0.4), (-0.3, left), (0.2, right), (0.6, -0.6), (0.75, 0)]
    body = figure.add(outline, stone, shade=0.35)
    figure.add([(-0.3, -0.85), (0.2, -1), (0.05, -0.6), (-0.35, -0.5)], light(stone), clip=body)
    return figure


def flowers(rng: np.random.Generator) -> Figure:
    """A tuft of tall flowers."""
    figure = Figure()
    petal = pick(
        rng, ((236, 110, 110), (246, 210, 100), (250, 244, 236), (170, 130, 210), (240, 150, 180))
    )
    for _ in range(9):
        x, tall = between(rng, -0.5, 0.5), between(rng, 0.5, 0.95)
        figure.add(
            limb([(x * 0.5, 0), (x * 0.8, -tall / 2), (x, -tall)], [0.045, 0.035, 0.03]),
            (98, 148, 80),
        )
        figure.add(ellipse(x, -tall, 0.1, 0.09), petal, shade=0.2)
        figure.add(ellipse(x, -tall, 0.035, 0.035), (250, 226, 120))
    return figure


def reeds(rng: np.random.Generator) -> Figure:
    """Tall grass."""
    figure, green = (
        Figure(),
        varied(rng, pick(rng, ((120, 158, 82), (158, 168, 96), (96, 142, 92))), 6),
    )
    for index in range(15):
        x, tall, sway = -0.6 + index * 0.085, between(rng, 0.5, 1.0), between(rng, -0.22, 0.22)
        figure.add(
            limb([(x, 0), (x + sway * 0.3, -tall / 2), (x + sway, -tall)], [0.07, 0.055, 0.01]),
            mix(green, dark(green), between(rng, 0, 0.5)),
        )
    return figure


def palm(rng: np.random.Generator) -> Figure:
    """A leaning palm."""
    figure, green = Figure(), varied(rng, (98, 154, 92), 8)
    figure.add(
        limb([(-0.1, 0), (-0.04, -0.4), (0.08, -0.78)], [0.075, 0.06, 0.05]),
        (164, 126, 88),
        shade=0.3,
    )
    for angle in (-170, -140, -100, -60, -25, 10, 40):
        turn = np.deg2rad(angle + between(rng, -10, 10))
        x, y = 0.08 + 0.34 * np.cos(turn), -0.8 + 0.2 * np.sin(turn)
        figure.add(
            limb(
                [(0.08, -0.78), ((0.08 + x) / 2, (y - 0.8) / 2 - 0.05), (x, y + 0.1)],
                [0.04, 0.1, 0.01],
            ),
            mix(green, dark(green), between(rng, 0, 0.5)),
        )
    return figure


def snow_heap(rng: np.random.Generator) -> Figure:
    """A heap of snow."""
    figure = Figure()
    figure.add(
        smooth(
            [(-0.9, 0), (-0.6, -0.5), (-0.1, -0.9 + between(rng, 0, 0.3)), (0.4, -0.6), (0.9, 0)]
        ),
        (238, 243, 250),
        shade=0.25,
    )
    return figure
