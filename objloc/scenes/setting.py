"""Parts of all backdrops: sky, weather, ridges, speckled ground."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from PIL import Image, ImageDraw

from objloc.scenes.figures.polygons import Colour, Figure, Placement, PointLike, ellipse, paint
from objloc.scenes.palette import WHITE, between, chance, pick, varied

ZOOM = 3
"""Factor by which the scene is painted too large; reducing it gives soft edges."""


Drawer = Callable[[np.random.Generator], Figure]


@dataclass
class Backdrop:
    """A painted background, its light and the clutter that suits it.

    Attributes:
        image: RGB, ``ZOOM`` times the final size.
        horizon: level above which nothing stands, as a fraction of the height from the top.
        behind: clutter that stands among the objects, with its range of heights as
            fractions of the image's height.
        before: low clutter that hides parts of objects.
        sun: direction from which the light comes, as seen on screen.
        tint: factors of red, green and blue for the whole picture.
        shadow: strength of shadows.
    """

    image: Image.Image
    horizon: float
    behind: list[tuple[Drawer, float, float]] = field(default_factory=list)
    before: list[Drawer] = field(default_factory=list)
    sun: tuple[float, float] = (-0.6, -0.8)
    tint: tuple[float, float, float] = (1.0, 1.0, 1.0)
    shadow: float = 0.3
    air: Colour | None = None
    """Colour of snowflakes or fireflies in front of everything; None if there are none."""

    @property
    def width(self) -> int:
        """Final width in pixels."""
        return self.image.width // ZOOM

    @property
    def height(self) -> int:
        """Final height in pixels."""
        return self.image.height // ZOOM

    def polygon(self, points: PointLike, colour: Colour) -> None:
        """Fill a polygon given in fractions of the image's sides."""
        scaled = np.asarray(points, dtype=np.float64) * self.image.size
        ImageDraw.Draw(self.image).polygon(scaled.ravel().tolist(), fill=colour)

    def rectangle(self, x: float, y: float, wide: float, high: float, colour: Colour) -> None:
        """Fill a rectangle given in fractions of the image's sides."""
        self.polygon([(x, y), (x + wide, y), (x + wide, y + high), (x, y + high)], colour)

    def gradient(self, top: Colour, bottom: Colour, low: float, high: float) -> None:
        """Fill from ``low`` to ``high`` (fractions of the height), top colour to bottom colour."""
        start, end = int(low * self.image.height), int(np.ceil(high * self.image.height))
        if end <= start:
            return
        fraction = np.linspace(0, 1, end - start)[:, None, None]
        column = np.array(top) * (1 - fraction) + np.array(bottom) * fraction
        strip = Image.fromarray(column.astype(np.uint8), "RGB")
        self.image.paste(
            strip.resize((self.image.width, end - start), Image.Resampling.NEAREST), (0, start)
        )

    def put(self, figure: Figure, x: float, y: float, height: float) -> None:
        """Paint a figure; its position and unit are given in fractions of the image's sides."""
        placement = Placement(x * self.width, y * self.height, height * self.height)
        paint(self.image, figure, placement, ZOOM, self.sun)

    def finish(self, rng: np.random.Generator) -> None:
        """Paint snowflakes or fireflies in front of everything else."""
        if self.air is not None:
            draw, (width, height) = ImageDraw.Draw(self.image), self.image.size
            for across, down, depth in rng.random((int(rng.integers(25, 70)), 3)).tolist():
                size = (0.002 + 0.004 * depth**2) * height
                x, y = across * width, down * height
                draw.ellipse((x - size, y - size, x + size, y + size), fill=self.air)


def ridge(rng: np.random.Generator, level: float, swell: float) -> list[tuple[float, float]]:
    """A wavy line from left to right, closed along the bottom."""
    xs = np.linspace(0, 1, 40)
    ys = np.full_like(xs, level)
    for waves in (1.0, 2.3, 4.1):
        ys += (
            swell / waves * np.sin(2 * np.pi * (waves * xs * between(rng, 0.6, 1.1) + rng.random()))
        )
    return [*zip(xs.tolist(), ys.tolist(), strict=True), (1.0, 1.01), (0.0, 1.01)]


def _clouds(rng: np.random.Generator, drop: Backdrop, colour: Colour, count: int) -> None:
    for _ in range(count):
        cloud, size = Figure(), between(rng, 0.05, 0.12)
        for x, y, radius in ((-0.8, 0, 0.5), (-0.2, -0.3, 0.7), (0.5, -0.1, 0.6), (1.1, 0.1, 0.4)):
            cloud.add(ellipse(x, y, radius * 1.2, radius * 0.7), colour, shade=0.06)
        drop.put(
            cloud, between(rng, 0, 1), between(rng, 0.05, max(drop.horizon - 0.08, 0.06)), size
        )


_SKIES: dict[str, tuple[Colour, Colour, Colour, tuple[float, float, float]]] = {
    "noon": ((120, 184, 224), (214, 234, 236), WHITE, (1.0, 1.0, 1.0)),
    "morning": ((150, 190, 214), (252, 226, 190), (255, 244, 230), (1.05, 1.0, 0.93)),
    "overcast": ((170, 180, 188), (212, 216, 214), (232, 234, 236), (0.95, 0.97, 1.0)),
    "sunset": ((112, 108, 160), (250, 172, 120), (250, 196, 170), (1.06, 0.88, 0.8)),
    "dusk": ((58, 66, 120), (206, 140, 152), (120, 108, 150), (0.84, 0.79, 0.94)),
    "night": ((24, 32, 66), (62, 82, 124), (70, 84, 120), (0.64, 0.7, 0.94)),
}
"""Colours of the top and bottom of the sky and of clouds, and the tint, by time of day."""


def sky(rng: np.random.Generator, drop: Backdrop) -> str:
    """Paint sky, sun or moon, and clouds; set light and tint; return the time of day."""
    hour = pick(
        rng, ("noon", "noon", "noon", "morning", "morning", "overcast", "sunset", "dusk", "night")
    )
    top, bottom, cloud, tint = _SKIES[hour]
    # The whole scene is tinted later. Undo that for the sky, whose colours are final.
    undo = np.array(tint)
    top, bottom, cloud = (_clipped(np.array(colour) / undo) for colour in (top, bottom, cloud))
    drop.gradient(varied(rng, top, 5), varied(rng, bottom, 5), 0, min(drop.horizon + 0.12, 1))
    side = pick(rng, (-1, 1))
    drop.sun = (side * between(rng, 0.4, 0.8), -0.75)
    drop.tint = tint
    drop.shadow = {"overcast": 0.16, "night": 0.25}.get(hour, 0.32)
    x = 0.5 + side * between(rng, 0.15, 0.4)
    if hour == "night":
        for _ in range(40):
            size = between(rng, 0.001, 0.0035)
            drop.put(
                _disc((255, 250, 226)), between(rng, 0, 1), between(rng, 0, drop.horizon), size
            )
    if hour in ("noon", "morning", "sunset", "night") and drop.horizon > 0.2:
        y = drop.horizon * (0.8 if hour == "sunset" else between(rng, 0.2, 0.5))
        disc = (246, 240, 214) if hour == "night" else (255, 238, 170)
        drop.put(_disc(disc), x, y, between(rng, 0.03, 0.06))
    if chance(rng, 0.75):
        _clouds(rng, drop, cloud, int(rng.integers(1, 5)))
    if hour != "night" and chance(rng, 0.25):
        _birds(rng, drop)
    return hour


def _birds(rng: np.random.Generator, drop: Backdrop) -> None:
    """Paint a few birds far away."""
    x, y = between(rng, 0.1, 0.8), between(rng, 0.05, max(drop.horizon - 0.12, 0.06))
    for _ in range(int(rng.integers(2, 6))):
        bird = Figure()
        bird.line([(-1, -0.4), (-0.5, -0.7), (0, 0), (0.5, -0.7), (1, -0.4)], 0.22, (70, 74, 92))
        drop.put(
            bird,
            x + between(rng, -0.09, 0.09),
            y + between(rng, -0.04, 0.04),
            between(rng, 0.009, 0.016),
        )


def _clipped(colour: np.ndarray) -> Colour:
    red, green, blue = (int(value) for value in np.clip(colour, 0, 255))
    return red, green, blue


def _disc(colour: Colour) -> Figure:
    figure = Figure()
    figure.add(ellipse(0, 0, 1.7, 1.7), colour, alpha=0.25)
    figure.add(ellipse(0, 0, 1, 1), colour)
    return figure


def speckle(
    rng: np.random.Generator, drop: Backdrop, colours: tuple[Colour, ...], count: int, tall: float
) -> None:
    """Strew tufts, pebbles or tracks over the ground, larger in front."""
    draw, (width, height) = ImageDraw.Draw(drop.image), drop.image.size
    depth = rng.random(count) ** 1.3
    xs, ys = (
        rng.random(count) * width,
        (drop.horizon + 0.03 + (0.97 - drop.horizon) * depth) * height,
    )
    sizes = height * (0.004 + 0.012 * depth) * rng.uniform(0.6, 1.3, count)
    which = rng.integers(len(colours), size=count)
    lean = rng.uniform(-0.6, 0.6, count) * sizes
    for x, y, size, index, tilt in zip(
        xs.tolist(), ys.tolist(), sizes.tolist(), which.tolist(), lean.tolist(), strict=True
    ):
        if tall > 1:
            draw.polygon(
                (x - size * 0.35, y, x + size * 0.35, y, x + tilt, y - size * tall),
                fill=colours[index],
            )
        else:
            draw.ellipse(
                (x - size, y - size * tall, x + size, y + size * tall), fill=colours[index]
            )
