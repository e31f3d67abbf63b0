"""Figures made of filled polygons, in units of their own.

A figure faces right, stands on ``y = 0`` near ``x = 0`` and is about one unit tall
(y grows downwards, so a body is at negative y). Since it consists of polygons, it
can be painted at any size, mirrored, or flattened into its own shadow.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageDraw

Points = NDArray[np.float64]
"""Points, ``[n, 2]``: x and y."""
Colour = tuple[int, int, int]
PointLike = Points | Sequence[tuple[float, float]]

_CIRCLE = np.linspace(0, 2 * np.pi, 36, endpoint=False)
_CAP = np.linspace(-np.pi / 2, np.pi / 2, 7)[1:-1]


def _spline_basis(samples: int) -> Points:
    """Weights of the four control points along a Catmull-Rom segment: ``[samples, 4]``."""
    t = np.linspace(0, 1, samples, endpoint=False)[:, None]
    powers = np.concatenate([np.ones_like(t), t, t**2, t**3], axis=1)
    matrix = 0.5 * np.array([[0, 2, 0, 0], [-1, 0, 1, 0], [2, -5, 4, -1], [-1, 3, -3, 1]])
    return np.asarray(powers @ matrix, dtype=np.float64)


_BASIS = _spline_basis(7)


def smooth(points: PointLike) -> Points:
    """A closed smooth outline through points (Catmull-Rom)."""
    knots = np.asarray(points, dtype=np.float64)
    return np.asarray((_BASIS @ knots[_around(len(knots))]).reshape(-1, 2))


@cache
def _around(count: int) -> NDArray[np.int64]:
    """Indices of the four knots around each segment of a closed line: ``[count, 4]``."""
    return (np.arange(count)[:, None] + np.arange(-1, 3)) % count


def _open_spline(knots: Points) -> Points:
    padded = np.concatenate([2 * knots[:1] - knots[1:2], knots, 2 * knots[-1:] - knots[-2:-1]])
    segments = padded[np.arange(len(knots) - 1)[:, None] + np.arange(4)]
    return np.concatenate([(_BASIS @ segments).reshape(-1, knots.shape[1]), knots[-1:]])


def ellipse(x: float, y: float, rx: float, ry: float, angle: float = 0.0) -> Points:
    """An ellipse; ``angle`` in degrees, clockwise on screen."""
    unit = np.stack([rx * np.cos(_CIRCLE), ry * np.sin(_CIRCLE)], axis=1)
    return np.asarray(rotated(unit, angle) + np.array([x, y]))


def rotated(points: PointLike, angle: float) -> Points:
    """Points turned about the origin by degrees, clockwise on screen."""
    turn = np.deg2rad(angle)
    matrix = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    return np.asarray(np.asarray(points, dtype=np.float64) @ matrix)


def limb(points: PointLike, widths: Sequence[float]) -> Points:
    """A stroke with round ends along a smooth line; its width changes on the way.

    Args:
        points: two or more points on the line.
        widths: width at each point.
    """
    knots = np.column_stack([np.asarray(points, dtype=np.float64), widths])
    line = _open_spline(knots)
    centre, half = line[:, :2], np.maximum(line[:, 2:], 0.002) / 2
    tangent = np.empty_like(centre)
    tangent[1:-1] = centre[2:] - centre[:-2]
    tangent[0], tangent[-1] = centre[1] - centre[0], centre[-1] - centre[-2]
    tangent /= np.maximum(np.hypot(tangent[:, :1], tangent[:, 1:]), 1e-9)
    normal = np.stack([-tangent[:, 1], tangent[:, 0]], axis=1)

    def cap(end: int, forward: float) -> Points:
        along, across = forward * tangent[end], forward * normal[end]
        offsets = np.cos(_CAP)[:, None] * along - np.sin(_CAP)[:, None] * across
        return np.asarray(centre[end] + half[end] * offsets)

    left, right = centre + normal * half, centre - normal * half
    return np.concatenate([left, cap(-1, 1.0), right[::-1], cap(0, -1.0)])


@dataclass(frozen=True)
class Shape:
    """One filled polygon of a figure.

    Attributes:
        points: its outline.
        colour: its fill.
        alpha: opacity, 0 to 1.
        shade: darkness of the side away from the light, 0 to 1.
        clip: outline outside of which the shape is not painted.
        solid: whether it belongs to the silhouette; whiskers and steam do not.
    """

    points: Points
    colour: Colour
    alpha: float = 1.0
    shade: float = 0.0
    clip: Points | None = None
    solid: bool = True


@dataclass
class Figure:
    """Shapes ordered from back to front."""

    shapes: list[Shape] = field(default_factory=list)

    def add(
        self,
        points: PointLike,
        colour: Colour,
        *,
        shade: float = 0.0,
        alpha: float = 1.0,
        clip: Points | None = None,
        solid: bool = True,
    ) -> Points:
        """Put a shape in front of the others and return its outline."""
        outline = np.asarray(points, dtype=np.float64)
        self.shapes.append(Shape(outline, colour, alpha, shade, clip, solid and clip is None))
        return outline

    def line(self, points: PointLike, width: float, colour: Colour, alpha: float = 1.0) -> None:
        """Draw a thin line (mouth, whiskers) that is not part of the silhouette."""
        count = len(points)
        self.add(limb(points, [width] * count), colour, alpha=alpha, solid=False)

    def merge(
        self,
        other: "Figure",
        x: float = 0.0,
        y: float = 0.0,
        scale: float = 1.0,
        angle: float = 0.0,
        *,
        mirror: bool = False,
    ) -> None:
        """Put another figure in front: mirrored, scaled, turned, then moved."""
        factors = np.array([-scale if mirror else scale, scale])

        def moved(points: Points) -> Points:
            return np.asarray(rotated(points * factors, angle) + np.array([x, y]))

        for shape in other.shapes:
            clip = None if shape.clip is None else moved(shape.clip)
            self.shapes.append(
                Shape(
                    moved(shape.points), shape.colour, shape.alpha, shape.shade, clip, shape.solid
                )
            )

    def bounds(self) -> tuple[float, float, float, float]:
        """Bounds of the silhouette (xmin, ymin, xmax, ymax), in the figure's units."""
        points = np.concatenate([shape.points for shape in self.shapes if shape.solid])
        (xmin, ymin), (xmax, ymax) = points.min(axis=0), points.max(axis=0)
        return float(xmin), float(ymin), float(xmax), float(ymax)


@dataclass(frozen=True)
class Placement:
    """Position of a figure in a picture: maps figure units to pixels.

    Attributes:
        x, y: pixel at which the figure's origin lies.
        scale: pixels per unit.
        mirror: whether the figure faces left.
    """

    x: float
    y: float
    scale: float
    mirror: bool = False

    def __call__(self, points: Points, zoom: float = 1.0) -> Points:
        """Convert points to pixels, multiplied by ``zoom``."""
        across = -self.scale if self.mirror else self.scale
        return np.asarray((points * (across, self.scale) + (self.x, self.y)) * zoom)


def outlines(
    figure: Figure, placement: Placement, zoom: float = 1.0, solid: bool = False
) -> list[Points]:
    """Outlines of a figure's shapes (or of the solid ones) in pixels times ``zoom``."""
    shapes = [shape.points for shape in figure.shapes if shape.solid or not solid]
    placed = placement(np.concatenate(shapes), zoom)
    ends = np.cumsum([len(points) for points in shapes]).tolist()
    return [placed[start:end] for start, end in zip([0, *ends[:-1]], ends, strict=True)]


def _flat(points: Points) -> list[float]:
    flat: list[float] = points.ravel().tolist()
    return flat


def _mask(points: Points, box: tuple[int, int, int, int], alpha: float = 1.0) -> Image.Image:
    """Mask of a polygon within a box of pixels, with opacity ``alpha``."""
    mask = Image.new("L", (box[2] - box[0], box[3] - box[1]))
    ImageDraw.Draw(mask).polygon(_flat(points - box[:2]), fill=round(255 * alpha))
    return mask


def _pixel_box(points: Points, size: tuple[int, int]) -> tuple[int, int, int, int] | None:
    """Box of the pixels within the image that a polygon may touch; None if there are none."""
    low, high = np.floor(points.min(axis=0)), np.ceil(points.max(axis=0)) + 1
    box = (
        max(int(low[0]), 0),
        max(int(low[1]), 0),
        min(int(high[0]), size[0]),
        min(int(high[1]), size[1]),
    )
    return box if box[0] < box[2] and box[1] < box[3] else None


def _darker(colour: Colour) -> Colour:
    """The colour in shadow: darker and a little cooler."""
    red, green, blue = colour
    return int(red * 0.62), int(green * 0.62), int(blue * 0.72)


def paint(
    image: Image.Image,
    figure: Figure,
    placement: Placement,
    zoom: float = 1.0,
    light: tuple[float, float] = (-0.6, -0.8),
) -> None:
    """Paint a figure onto an RGB image.

    Args:
        image: the picture, changed in place.
        figure: the figure to paint.
        placement: position, in pixels of an image ``zoom`` times smaller.
        zoom: size of ``image`` relative to the placement's pixels.
        light: direction from which the light comes, as seen on screen.
    """
    draw = ImageDraw.Draw(image)
    for shape, points in zip(figure.shapes, outlines(figure, placement, zoom), strict=True):
        box = _pixel_box(points, image.size)
        if box is None:
            continue
        if shape.clip is None and shape.alpha >= 1:
            draw.polygon(_flat(points), fill=shape.colour)
        else:
            mask = _mask(points, box, shape.alpha)
            if shape.clip is not None:
                mask = ImageChops.multiply(mask, _mask(placement(shape.clip, zoom), box))
            image.paste(shape.colour, box, mask)
        if shape.shade > 0:
            extent = (points.max(axis=0) - points.min(axis=0)).min()
            lit = _mask(points + np.array(light) * 0.22 * extent, box)
            dark = ImageChops.subtract(_mask(points, box, shape.shade), lit)
            if shape.clip is not None:
                dark = ImageChops.multiply(dark, _mask(placement(shape.clip, zoom), box))
            image.paste(_darker(shape.colour), box, dark)


def silhouette(
    figure: Figure, placement: Placement, size: tuple[int, int], zoom: int = 1
) -> Image.Image:
    """Mask (mode "L") of a figure's solid shapes on an image of ``size`` times ``zoom``."""
    mask = Image.new("L", (size[0] * zoom, size[1] * zoom))
    draw = ImageDraw.Draw(mask)
    for points in outlines(figure, placement, zoom, solid=True):
        draw.polygon(_flat(points), fill=255)
    return mask
