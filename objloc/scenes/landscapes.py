"""Backdrops in the country: meadow, farm, beach, snow."""

import numpy as np

from objloc.scenes import clutter, nature
from objloc.scenes.figures.polygons import Colour, Figure
from objloc.scenes.palette import WHITE, between, chance, dark, light, mix, pick, varied
from objloc.scenes.setting import Backdrop, ridge, sky, speckle


def _path(rng: np.random.Generator, drop: Backdrop, colour: Colour) -> None:
    """Paint a path that winds from the front to the horizon."""
    fraction = np.linspace(0, 1, 24)
    ys = 1.02 - fraction * (0.98 - drop.horizon)
    half = 0.09 * (1 - fraction) ** 1.6 + 0.004
    middle = between(rng, 0.15, 0.85) + between(rng, 0.05, 0.2) * np.sin(
        fraction * between(rng, 3, 6) + rng.random() * 6
    ) * (1.2 - fraction)
    left, right = np.stack([middle - half, ys], axis=1), np.stack([middle + half, ys], axis=1)
    drop.polygon(np.concatenate([left, right[::-1]]), colour)


def meadow(rng: np.random.Generator, drop: Backdrop) -> None:
    """Paint hills, grass and flowers, and now and then mountains."""
    if sky(rng, drop) == "night" and chance(rng, 0.7):
        drop.air = (255, 244, 140)
    grass = varied(
        rng, pick(rng, ((126, 172, 84), (150, 176, 90), (108, 156, 92), (178, 176, 96))), 6
    )
    haze = (170, 190, 196)
    if chance(rng, 0.4):
        xs = np.linspace(-0.05, 1.05, 8).tolist()
        peaks = [(x, drop.horizon - between(rng, 0.0, 0.16)) for x in xs]
        drop.polygon([(0.0, 1.0), *peaks, (1.0, 1.0)], mix(haze, (96, 110, 140), 0.5))
    for step, fraction in enumerate((0.55, 0.3)):
        level = drop.horizon - 0.05 + 0.035 * step
        drop.polygon(ridge(rng, level, 0.03), mix(grass, haze, fraction))
        for _ in range(int(rng.integers(0, 5))):
            drawer = pick(rng, (nature.tree, nature.pine, clutter.house))
            drop.put(drawer(rng), between(rng, 0, 1), level + 0.03, between(rng, 0.06, 0.13))
    drop.gradient(light(grass, 0.12), dark(grass, 0.16), drop.horizon + 0.02, 1)
    drop.polygon(ridge(rng, drop.horizon + between(rng, 0.08, 0.4), 0.03), dark(grass, 0.05))
    if chance(rng, 0.35):
        _path(rng, drop, mix((226, 200, 150), grass, 0.25))
    speckle(
        rng, drop, (dark(grass, 0.22), light(grass, 0.2), mix(grass, (220, 200, 90), 0.4)), 150, 2.2
    )
    if chance(rng, 0.5):
        blossoms: tuple[Colour, ...] = ((250, 244, 230), (240, 196, 90), (226, 120, 130))
        speckle(rng, drop, blossoms, 30, 0.8)
    drop.behind = [
        (nature.tree, 0.3, 0.75),
        (nature.bush, 0.08, 0.2),
        (nature.rock, 0.06, 0.15),
        (clutter.fence, 0.1, 0.18),
        (clutter.hay_bale, 0.12, 0.24),
        (nature.pale_bush, 0.1, 0.22),
        (nature.pine, 0.3, 0.7),
        (nature.flowers, 0.06, 0.14),
    ]
    drop.before = [nature.bush, nature.flowers, nature.reeds, nature.rock, clutter.fence]


def farm(rng: np.random.Generator, drop: Backdrop) -> None:
    """Paint a yard between barn and fields."""
    sky(rng, drop)
    field_green = varied(rng, (138, 168, 88), 8)
    drop.polygon(ridge(rng, drop.horizon - 0.02, 0.015), mix(field_green, (190, 200, 180), 0.35))
    earth = varied(rng, pick(rng, ((196, 164, 120), (178, 150, 116), (160, 168, 102))), 6)
    drop.gradient(light(earth, 0.15), dark(earth, 0.12), drop.horizon + 0.03, 1)
    for x in sorted(rng.random(int(rng.integers(1, 3))).tolist()):
        drop.put(
            pick(rng, (clutter.barn, clutter.barn, clutter.house))(rng),
            x,
            drop.horizon + 0.06,
            between(rng, 0.25, 0.42),
        )
    speckle(rng, drop, (dark(earth, 0.15), light(earth, 0.2), (214, 184, 110)), 120, 0.5)
    drop.behind = [
        (clutter.hay_bale, 0.14, 0.28),
        (clutter.fence, 0.1, 0.2),
        (clutter.barrel, 0.1, 0.2),
        (nature.tree, 0.35, 0.75),
        (clutter.box, 0.08, 0.18),
        (nature.bush, 0.08, 0.18),
    ]
    drop.before = [clutter.fence, clutter.hay_bale, clutter.barrel, nature.reeds, clutter.box]


def beach(rng: np.random.Generator, drop: Backdrop) -> None:
    """Paint sea, surf and sand."""
    sky(rng, drop)
    sea = varied(rng, pick(rng, ((78, 158, 178), (84, 140, 180), (110, 180, 180))), 6)
    shore = min(drop.horizon + between(rng, 0.05, 0.16), 0.9)
    drop.gradient(dark(sea, 0.12), light(sea, 0.25), drop.horizon - 0.08, shore + 0.03)
    if chance(rng, 0.5):
        sail = Figure()
        sail.add([(-0.5, 0), (0.5, 0), (0.35, 0.2), (-0.35, 0.2)], (120, 84, 66))
        sail.add([(0, -0.05), (0, -1), (0.5, -0.1)], WHITE)
        drop.put(sail, between(rng, 0.1, 0.9), drop.horizon - 0.06, between(rng, 0.05, 0.1))
    sand = varied(rng, (236, 212, 164), 6)
    drop.polygon(ridge(rng, shore - 0.012, 0.012), WHITE)
    drop.polygon(ridge(rng, shore + 0.006, 0.012), dark(sand, 0.12))
    drop.polygon(ridge(rng, shore + 0.05, 0.012), sand)
    drop.horizon = shore
    speckle(rng, drop, (dark(sand, 0.12), light(sand, 0.4), (226, 160, 140)), 90, 0.5)
    drop.behind = [
        (clutter.parasol, 0.3, 0.6),
        (nature.palm, 0.45, 0.95),
        (nature.rock, 0.06, 0.18),
        (clutter.ball, 0.05, 0.1),
        (clutter.box, 0.07, 0.14),
    ]
    drop.before = [nature.rock, nature.reeds, clutter.ball, clutter.box]


def snow(rng: np.random.Generator, drop: Backdrop) -> None:
    """Paint snowy hills and pines."""
    sky(rng, drop)
    drop.air = (255, 255, 255) if chance(rng, 0.5) else None
    white = varied(rng, (236, 241, 248), 4)
    for step in range(2):
        level = drop.horizon - 0.04 + 0.03 * step
        drop.polygon(ridge(rng, level, 0.03), mix(white, (150, 170, 200), 0.45 - 0.2 * step))
        for _ in range(int(rng.integers(1, 7))):
            drop.put(
                nature.snowy_pine(rng), between(rng, 0, 1), level + 0.03, between(rng, 0.08, 0.18)
            )
    drop.gradient(white, mix(white, (176, 192, 220), 0.3), drop.horizon + 0.02, 1)
    drop.polygon(
        ridge(rng, drop.horizon + between(rng, 0.1, 0.4), 0.04), mix(white, (206, 216, 234), 0.5)
    )
    speckle(rng, drop, (mix(white, (170, 188, 216), 0.4), (255, 255, 255)), 80, 0.4)
    drop.behind = [
        (nature.snowy_pine, 0.3, 0.8),
        (clutter.snowman, 0.2, 0.45),
        (nature.snow_heap, 0.06, 0.16),
        (clutter.fence, 0.1, 0.18),
        (nature.rock, 0.06, 0.14),
        (clutter.house, 0.2, 0.35),
    ]
    drop.before = [nature.snow_heap, clutter.fence, nature.rock, nature.snow_heap]
