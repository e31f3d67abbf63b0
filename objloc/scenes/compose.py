"""Compose one scene: place the figures, compute which pixels are visible, paint the picture.

Boxes follow Pascal VOC's guidelines: the bounding box of an object's visible
pixels, clipped to the image.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from objloc.scenes.backdrops import paint_backdrop
from objloc.scenes.camera import photograph
from objloc.scenes.figures.cat import draw_cat
from objloc.scenes.figures.cow import draw_cow
from objloc.scenes.figures.dog import draw_dog
from objloc.scenes.figures.horse import draw_horse
from objloc.scenes.figures.person import draw_person
from objloc.scenes.figures.polygons import Figure, Placement, ellipse, outlines, paint, silhouette
from objloc.scenes.figures.sheep import draw_sheep
from objloc.scenes.palette import between, chance, pick
from objloc.scenes.setting import ZOOM, Backdrop

DRAWERS: dict[str, Callable[[np.random.Generator], Figure]] = {
    "cat": draw_cat,
    "cow": draw_cow,
    "dog": draw_dog,
    "horse": draw_horse,
    "person": draw_person,
    "sheep": draw_sheep,
}
"""Function that draws each category, in the devkit's order."""
_STATURES = {"cat": 0.75, "cow": 1.15, "dog": 0.82, "horse": 1.2, "person": 0.95, "sheep": 0.92}
"""Relative sizes of the categories: less different than in life, so that cats can be seen."""
_LIVESTOCK = {"cow", "horse", "sheep"}
_SIZES = ((256, 192), (256, 192), (192, 256), (256, 171), (224, 224))
_MAX_OBJECTS = 4
_ATTEMPTS = 12
_MIN_VISIBLE = 0.22
"""Minimum visible fraction of an object; below it the scene is laid out again."""
_DIFFICULT_VISIBLE = 0.35
"""Visible fraction below which an object is difficult."""
_DIFFICULT_SIZE = 0.17
"""Square root of box area to image area below which an object is difficult."""
_COVERAGE = 64
"""Minimum coverage (0 to 255) at which a pixel belongs to an object: a quarter of the pixel."""
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Item:
    """A figure in a scene; ``category`` is None for clutter."""

    figure: Figure
    placement: Placement
    category: str | None = None

    @cached_property
    def box(self) -> tuple[float, float, float, float]:
        """The silhouette's bounds in pixels, not clipped."""
        xmin, ymin, xmax, ymax = self.figure.bounds()
        corners = self.placement(np.array([[xmin, ymin], [xmax, ymax]]))
        (left, top), (right, bottom) = corners.min(axis=0), corners.max(axis=0)
        return float(left), float(top), float(right), float(bottom)


@dataclass(frozen=True)
class SceneObject:
    """One annotated object.

    Attributes:
        category: its name.
        box: bounds of its visible pixels: zero-based, half-open, whole pixels.
        pose: the direction it faces, the devkit's ``Left`` or ``Right``.
        truncated: whether it reaches beyond the image.
        occluded: whether something hides a part of it.
        difficult: whether it is tiny or hardly visible.
    """

    category: str
    box: tuple[int, int, int, int]
    pose: str
    truncated: bool
    occluded: bool
    difficult: bool


@dataclass(frozen=True)
class Scene:
    """A picture and its objects; ``visible`` holds their masks, each ``[height, width]``."""

    image: Image.Image
    objects: tuple[SceneObject, ...]
    visible: tuple[Mask, ...]


def _mask(item: Item, size: tuple[int, int]) -> Mask:
    if item.category is None:
        # Clutter only hides objects, so its edge may be coarse.
        return np.asarray(silhouette(item.figure, item.placement, size)) > 0
    mask = silhouette(item.figure, item.placement, size, ZOOM).reduce(ZOOM)
    return np.asarray(mask) >= _COVERAGE


def _full_area(item: Item, mask: Mask) -> int:
    """Number of pixels of the whole silhouette, including those hidden or cut off."""
    left, top, right, bottom = item.box
    if min(left, top) >= 0 and right <= mask.shape[1] and bottom <= mask.shape[0]:
        return int(mask.sum())
    place = item.placement
    moved = Placement(place.x - left, place.y - top, place.scale, place.mirror)
    size = (int(right - left) + 2, int(bottom - top) + 2)
    whole = silhouette(item.figure, moved, size, ZOOM).reduce(ZOOM)
    return int((np.asarray(whole) >= _COVERAGE).sum())


def _overlap(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    """Area of the intersection as a fraction of the area of ``one``."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    area = (one[2] - one[0]) * (one[3] - one[1])
    return max(width, 0) * max(height, 0) / max(area, 1e-9)


def _sizes(rng: np.random.Generator, categories: list[str]) -> list[float]:
    """Size of each object: the square root of its fraction of the image's area.

    A single object may have any size. Several objects have a common scale, so that
    a cat is smaller than a horse beside it. Now and then one is tiny.
    """
    sizes = []
    common = float(np.exp(between(rng, np.log(0.3), np.log(0.56))))
    for category in categories:
        if chance(rng, 0.04):
            size = between(rng, 0.11, 0.16)
        elif len(categories) == 1:
            size = float(np.exp(between(rng, np.log(0.27), np.log(0.68))))
        else:
            size = common * _STATURES[category] * between(rng, 0.85, 1.15)
            size = min(max(size * (1.0, 0.95, 0.85)[len(categories) - 2], 0.2), 0.6)
        sizes.append(size)
    return sizes


def _place_object(
    rng: np.random.Generator, category: str, size: float, drop: Backdrop, taken: list[Item]
) -> Item:
    """Draw an object of a given size and find a place for it among the others."""
    figure = DRAWERS[category](rng)
    width, height = drop.width, drop.height
    unit = figure.bounds()
    scale = size * np.sqrt(width * height / ((unit[2] - unit[0]) * (unit[3] - unit[1])))
    scale = min(scale, 0.82 * height / (unit[3] - unit[1]), 0.92 * width / (unit[2] - unit[0]))
    xmin, ymin, xmax, ymax = (side * scale for side in unit)
    wide, tall = xmax - xmin, ymax - ymin
    mirror, cut = chance(rng, 0.5), chance(rng, 0.14)
    patience = 0.4 if chance(rng, 0.2) else 0.1
    best: Item | None = None
    best_clash = np.inf
    for _ in range(24):
        low = min(max((drop.horizon + 0.05) * height, tall + 1), height - 1.0)
        # Larger objects tend to be nearer, and therefore lower, but not always.
        depth = 0.3 * tall / height + 0.7 * rng.random() if chance(rng, 0.6) else rng.random()
        bottom = low + (height - 1 - low) * min(depth, 1.0)
        left = between(rng, 0, max(width - wide, 1))
        if cut:
            beyond = between(rng, 0.12, 0.45)
            side = pick(rng, ("left", "right", "bottom"))
            if side == "bottom":
                bottom = height + tall * beyond
            else:
                left = -wide * beyond if side == "left" else width - wide * (1 - beyond)
        x = left + xmax if mirror else left - xmin
        item = Item(figure, Placement(x, bottom - ymax, scale, mirror), category)
        clashes = [max(_overlap(item.box, one.box), _overlap(one.box, item.box)) for one in taken]
        clash = max(clashes, default=0.0)
        if clash < best_clash:
            best, best_clash = item, clash
        if clash <= patience:
            break
    # Not None: the clash of the first attempt is below infinity.
    return cast(Item, best)


def _clutter(rng: np.random.Generator, drop: Backdrop, objects: list[Item]) -> list[Item]:
    """Clutter among the objects; a piece in front of an object may hide little of it."""
    items: list[Item] = []
    for _ in range(int(rng.integers(2, 7))):
        drawer, low, high = pick(rng, drop.behind)
        depth = rng.random() ** 1.5
        ground = (drop.horizon + 0.03 + (1.0 - drop.horizon) * depth) * drop.height
        height = (low + (high - low) * (0.25 + 0.75 * depth) * between(rng, 0.8, 1.2)) * drop.height
        place = Placement(between(rng, -0.05, 1.05) * drop.width, ground, height, chance(rng, 0.5))
        item = Item(drawer(rng), place)
        box = item.box
        hides = max(
            (_overlap(one.box, box) for one in objects if one.placement.y <= ground), default=0.0
        )
        if hides < 0.3:
            items.append(item)
    return items


def _screens(rng: np.random.Generator, drop: Backdrop, objects: list[Item]) -> list[Item]:
    """Low clutter directly in front of some of the objects."""
    items = []
    for one in objects:
        if not chance(rng, 0.3):
            continue
        left, top, right, bottom = one.box
        height = (bottom - top) * between(rng, 0.25, 0.5)
        x = left + (right - left) * pick(rng, (0.0, 0.15, 0.4, 0.85, 1.0))
        ground = bottom + 0.03 * drop.height
        items.append(
            Item(pick(rng, drop.before)(rng), Placement(x, ground, height, chance(rng, 0.5)))
        )
    return items


def _visibility(items: list[Item], size: tuple[int, int]) -> list[tuple[Mask, float, float]]:
    """Visible pixels of each item, back to front.

    Returns:
        For each item its visible mask, the visible fraction of its silhouette, and the
        fraction that lies within the image.
    """
    cover: Mask = np.zeros((size[1], size[0]), dtype=np.bool_)
    seen = []
    for item in reversed(items):
        mask = _mask(item, size)
        if item.category is not None:
            visible = mask & ~cover
            full = max(_full_area(item, mask), 1)
            seen.append((visible, visible.sum() / full, mask.sum() / full))
        else:
            seen.append((mask, 1.0, 1.0))
        cover |= mask
    return seen[::-1]


def _annotate(item: Item, visible: Mask, fraction: float, uncut: float) -> SceneObject:
    columns, rows = np.flatnonzero(visible.any(axis=0)), np.flatnonzero(visible.any(axis=1))
    box = (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
    size = np.sqrt((box[2] - box[0]) * (box[3] - box[1]) / visible.size)
    return SceneObject(
        category=str(item.category),
        box=box,
        pose="Left" if item.placement.mirror else "Right",
        truncated=bool(uncut < 0.985),
        occluded=bool(fraction < 0.95 * uncut),
        difficult=bool(fraction < _DIFFICULT_VISIBLE or size < _DIFFICULT_SIZE),
    )


def _shadows(drop: Backdrop, items: list[Item]) -> None:
    """Paint soft shadows: every silhouette laid flat on the ground, away from the light."""
    mask = Image.new("L", (drop.width, drop.height))
    draw = ImageDraw.Draw(mask)
    across = -drop.sun[0]
    for item in items:
        left, _, right, _ = item.box
        foot = item.placement.y
        contact = ellipse(
            (left + right) / 2, foot, (right - left) * 0.42, (right - left) * 0.05 + 1
        )
        draw.polygon(contact.ravel().tolist(), fill=round(255 * drop.shadow))
        for points in outlines(item.figure, item.placement, solid=True):
            rise = foot - points[:, 1]
            flat = np.stack([points[:, 0] + across * rise * 0.8, foot - 0.2 * rise], axis=1)
            draw.polygon(flat.ravel().tolist(), fill=round(190 * drop.shadow))
    soft = mask.filter(ImageFilter.GaussianBlur(1.6))
    drop.image.paste((28, 26, 60), (0, 0), soft.resize(drop.image.size, Image.Resampling.BILINEAR))


def draw_scene(rng: np.random.Generator, kinds: Sequence[str]) -> Scene:
    """Draw one scene that holds an object of each category of ``kinds``, or more of the first."""
    extra = int(rng.choice([0, 1, 2], p=[0.88, 0.1, 0.02]))
    categories = [*kinds, *[kinds[0]] * extra][:_MAX_OBJECTS]
    longer = between(rng, 0.94, 1.05)
    size = tuple(round(side * longer) for side in pick(rng, _SIZES))
    indoors = not _LIVESTOCK.intersection(categories) and chance(rng, 0.45)
    drop = paint_backdrop(rng, (size[0], size[1]), indoors)
    for attempt in range(_ATTEMPTS):
        objects: list[Item] = []
        for category, extent in zip(categories, _sizes(rng, categories), strict=True):
            objects.append(_place_object(rng, category, extent, drop, objects))
        others = (
            []
            if attempt == _ATTEMPTS - 1
            else _clutter(rng, drop, objects) + _screens(rng, drop, objects)
        )
        items = sorted(objects + others, key=lambda item: item.placement.y)
        seen = _visibility(items, (size[0], size[1]))
        if all(fraction >= _MIN_VISIBLE for _, fraction, _ in seen):
            break
    _shadows(drop, items)
    for item in items:
        paint(drop.image, item.figure, item.placement, ZOOM, drop.sun)
    drop.finish(rng)
    shown = [
        (item, *view)
        for item, view in zip(items, seen, strict=True)
        if item.category and view[0].any()
    ]
    return Scene(
        image=photograph(rng, drop.image.reduce(ZOOM), drop.tint),
        objects=tuple(_annotate(*one) for one in shown),
        visible=tuple(one[1] for one in shown),
    )
