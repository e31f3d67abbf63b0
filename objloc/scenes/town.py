"""Backdrops in town: a street, a living room."""

import numpy as np

from objloc.scenes import clutter, furniture, nature
from objloc.scenes.figures.horse import horse_statue
from objloc.scenes.figures.polygons import Colour, Figure, ellipse
from objloc.scenes.palette import WHITE, between, chance, dark, light, mix, pick, varied
from objloc.scenes.setting import Backdrop, sky


def _bronze_horse(rng: np.random.Generator) -> Figure:
    """A green statue of a horse: a distractor."""
    return horse_statue(varied(rng, (118, 160, 146), 6))


_WALLS: tuple[Colour, ...] = (
    (206, 150, 116), (226, 206, 170), (176, 110, 92), (150, 160, 166), (222, 184, 130),
)  # fmt: skip


def _house_fronts(rng: np.random.Generator, drop: Backdrop, foot: float, *, lit: bool) -> None:
    """Paint a row of houses that stand on ``foot``; with ``lit`` some windows are bright."""
    x = -0.05
    while x < 1.05:
        wide, tall = between(rng, 0.16, 0.34), between(rng, 0.35, 1.1) * max(drop.horizon, 0.3)
        wall = varied(rng, pick(rng, _WALLS), 8)
        drop.rectangle(x, foot - tall, wide, tall, wall)
        drop.rectangle(x - 0.01, foot - tall - 0.02, wide + 0.02, 0.02, dark(wall, 0.4))
        for y in np.arange(foot - tall + 0.05, foot - 0.1, 0.11):
            for left in np.arange(x + 0.03, x + wide - 0.05, 0.075):
                pane = (255, 222, 130) if lit and chance(rng, 0.5) else (110, 140, 158)
                drop.rectangle(left, y, 0.04, 0.065, pane)
        drop.rectangle(x + wide * 0.4, foot - 0.1, wide * 0.2, 0.1, dark(wall, 0.5))
        x += wide


def street(rng: np.random.Generator, drop: Backdrop) -> None:
    """Paint house fronts, a pavement and a road."""
    lit = sky(rng, drop) in ("dusk", "night", "sunset")
    foot = drop.horizon + 0.02
    _house_fronts(rng, drop, foot, lit=lit)
    stone = varied(rng, (188, 182, 176), 6)
    drop.gradient(stone, dark(stone, 0.08), foot, 1)
    kerb = foot + (1 - foot) * between(rng, 0.35, 0.7)
    drop.gradient((112, 112, 122), (88, 88, 98), kerb, 1)
    drop.rectangle(0, kerb, 1, 0.014, light(stone, 0.3))
    y = kerb + (1 - kerb) * 0.55
    for x in np.arange(between(rng, -0.2, 0), 1, 0.24):
        dash = [(x, y), (x + 0.12, y), (x + 0.13, y + 0.014), (x + 0.01, y + 0.014)]
        drop.polygon(dash, (230, 226, 210))
    for x in np.linspace(-0.3, 1.3, 14):
        near = 0.5 + (x - 0.5) * 1.4
        seam = [(x, foot), (x + 0.003, foot), (near + 0.004, kerb), (near, kerb)]
        drop.polygon(seam, dark(stone, 0.14))
    drop.behind = [
        (clutter.lit_lamp_post if lit else clutter.lamp_post, 0.5, 0.85),
        (clutter.car, 0.14, 0.26),
        (clutter.bench, 0.12, 0.2),
        (nature.tree, 0.4, 0.75),
        (clutter.box, 0.07, 0.14),
        (nature.bush, 0.08, 0.14),
        (clutter.pigeon, 0.04, 0.07),
        (_bronze_horse, 0.4, 0.6),
    ]
    drop.before = [clutter.box, clutter.bench, nature.bush, clutter.barrel]


def _picture(rng: np.random.Generator, drop: Backdrop, x: float, y: float) -> None:
    """Paint a framed landscape on the wall."""
    wide, high = pick(rng, ((0.12, 0.12), (0.09, 0.15), (0.16, 0.13)))
    drop.rectangle(x, y, wide, high, pick(rng, ((110, 80, 60), (236, 228, 212), (60, 60, 66))))
    x, y, wide, high = x + 0.01, y + 0.013, wide - 0.02, high - 0.026
    tone = varied(rng, pick(rng, ((250, 206, 150), (160, 196, 210), (226, 160, 150))), 10)
    drop.rectangle(x, y, wide, high, tone)
    drop.polygon(
        [
            (x, y + high),
            (x, y + high * 0.7),
            (x + wide * 0.4, y + high * 0.45),
            (x + wide, y + high * 0.8),
            (x + wide, y + high),
        ],
        dark(tone, 0.45),
    )


_PAPERS: tuple[Colour, ...] = (
    (222, 206, 180), (176, 196, 190), (206, 170, 154), (154, 170, 190), (226, 218, 206),
)  # fmt: skip


def _window(
    drop: Backdrop, corner: tuple[float, float], high: float, glass: Colour, cloth: Colour
) -> None:
    """Paint a window with two panes, hills behind it, and curtains."""
    x, y = corner
    drop.rectangle(x - 0.015, y - 0.02, 0.33, high + 0.04, WHITE)
    low = y + high
    for left in (x, x + 0.16):
        right = left + 0.14
        drop.rectangle(left, y, 0.14, high, glass)
        hill = [(left, low), (left + 0.05, y + high * 0.6), (right, y + high * 0.75), (right, low)]
        drop.polygon(hill, mix(glass, (90, 140, 96), 0.6))
    for left in (x - 0.05, x + 0.3):
        drop.rectangle(left, y - 0.03, 0.05, high + 0.09, cloth)


def _rug(rng: np.random.Generator, drop: Backdrop) -> None:
    """Paint a round rug on the floor."""
    rug = Figure()
    tone = varied(rng, pick(rng, ((178, 84, 74), (90, 120, 146), (206, 176, 126))), 8)
    for size, colour in ((1.0, tone), (0.82, light(tone, 0.3)), (0.66, tone)):
        rug.add(ellipse(0, 0, 2.2 * size, 0.62 * size), colour)
    y = drop.horizon + (1 - drop.horizon) * 0.6
    drop.put(rug, between(rng, 0.3, 0.7), y, between(rng, 0.12, 0.22))


def room(rng: np.random.Generator, drop: Backdrop) -> None:
    """Paint a living room: wall, floor, window, pictures, rug."""
    wall = varied(rng, pick(rng, _PAPERS), 6)
    drop.gradient(light(wall, 0.1), dark(wall, 0.06), 0, 1)
    if chance(rng, 0.4):
        for x in np.arange(0, 1, 0.08):
            drop.rectangle(x, 0, 0.035, 1, mix(wall, WHITE, 0.18))
    x, y = between(rng, 0.05, 0.6), max(drop.horizon - between(rng, 0.4, 0.55), 0.02)
    high = min(0.34, drop.horizon - y - 0.05)
    if high > 0.08:
        glass: Colour = pick(rng, ((158, 204, 226), (244, 206, 160), (84, 96, 140)))
        _window(drop, (x, y), high, glass, mix(wall, (170, 90, 90), 0.5))
    for _ in range(int(rng.integers(0, 3))):
        left = (x + between(rng, 0.42, 0.6)) % 0.88
        _picture(rng, drop, left, between(rng, 0.04, max(drop.horizon - 0.3, 0.05)))
    wood = varied(rng, pick(rng, ((176, 130, 88), (140, 100, 74), (200, 164, 122))), 6)
    drop.gradient(light(wood, 0.08), dark(wood, 0.15), drop.horizon, 1)
    for row, level in enumerate(drop.horizon + (1 - drop.horizon) * np.linspace(0.05, 1, 7) ** 1.4):
        drop.rectangle(0, level, 1, 0.003 + 0.001 * row, dark(wood, 0.13))
    drop.rectangle(0, drop.horizon - 0.03, 1, 0.03, light(wall, 0.5))
    if chance(rng, 0.65):
        _rug(rng, drop)
    drop.sun = (pick(rng, (-0.6, 0.6)), -0.75)
    drop.tint = pick(
        rng, ((1.0, 1.0, 1.0), (1.05, 0.98, 0.88), (0.95, 0.99, 1.04), (0.86, 0.76, 0.66))
    )
    drop.shadow = 0.26
    drop.behind = [
        (furniture.sofa, 0.26, 0.42),
        (furniture.armchair, 0.3, 0.45),
        (furniture.pot_plant, 0.25, 0.5),
        (furniture.bookcase, 0.5, 0.8),
        (furniture.floor_lamp, 0.5, 0.8),
        (furniture.table, 0.16, 0.26),
        (furniture.cushion, 0.08, 0.16),
        (clutter.box, 0.08, 0.2),
        (clutter.ball, 0.05, 0.09),
    ]
    drop.before = [furniture.cushion, clutter.box, furniture.pot_plant, furniture.table]
