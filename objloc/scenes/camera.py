"""Effects of a camera on a scene: light, lens, sensor."""

import numpy as np
from PIL import Image, ImageFilter

from objloc.scenes.palette import between, chance


def photograph(
    rng: np.random.Generator, image: Image.Image, tint: tuple[float, float, float]
) -> Image.Image:
    """Apply tint, exposure, contrast, vignette, a little blur and noise.

    Args:
        rng: the image's generator.
        image: RGB, at its final size.
        tint: factors of red, green and blue.
    """
    if chance(rng, 0.3):
        image = image.filter(ImageFilter.GaussianBlur(between(rng, 0.3, 0.8)))
    pixels = np.asarray(image, dtype=np.float32)
    height, width = pixels.shape[:2]
    balance = np.array(tint) * rng.normal(1, 0.02, 3) * between(rng, 0.93, 1.06)
    down, across = np.linspace(-1, 1, height)[:, None], np.linspace(-1, 1, width)[None, :]
    fall = 1 - between(rng, 0, 0.16) * (down**2 + across**2) / 2
    slope = 1 + between(rng, -0.06, 0.06) * across + between(rng, -0.04, 0.06) * -down
    contrast = between(rng, 0.92, 1.06)
    grain = rng.standard_normal((height, width, 1), dtype=np.float32) * np.float32(
        between(rng, 0.8, 3.8)
    )
    light = (fall * slope)[:, :, None].astype(np.float32)
    # ((pixels * balance - 128) * contrast + 128) * light + grain, sorted for speed.
    pixels = pixels * (light * (contrast * balance).astype(np.float32))
    pixels += light * np.float32(128 - 128 * contrast) + grain
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8), "RGB")
