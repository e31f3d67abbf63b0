"""Images changed at random for learning, and their boxes with them."""

import torch
import torch.nn.functional as F
from torch import Tensor

from objloc.box import area
from objloc.network.pooling import sampling_grid

_LEAST_SEEN = 0.4
"""Share of a box's area that must lie in a part of the image to count there."""


def crop_randomly(
    images: Tensor, sizes: Tensor, index: Tensor, amount: float, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Cut each image to a random part and stretch that over the square again.

    Args:
        images: ``[M, 3, S, S]``.
        sizes: ``[M, 2]`` float64 pixels.
        index: ``[B]`` int64, image of each window.
        amount: sides of the part are drawn between 1 - amount and 1 of the whole's.
        generator: of the draw.

    Returns:
        Parts ``[M, 3, S, S]`` float32, and for each window the part's offset and
        its size in pixels, ``[B, 2]`` float64 each.
    """
    number = len(images)
    share = 1 - amount * torch.rand(number, 2, generator=generator, dtype=torch.float64)
    start = (1 - share) * torch.rand(number, 2, generator=generator, dtype=torch.float64)
    grid = sampling_grid(torch.cat([start, start + share], dim=1).float(), images.shape[-1])
    parts = F.grid_sample(images.float(), grid, padding_mode="border", align_corners=False)
    return parts, (start * sizes)[index], (share * sizes)[index]


def shift_into(boxes: Tensor, offset: Tensor, sizes: Tensor) -> tuple[Tensor, Tensor]:
    """Boxes in a part of the image, cut at its border.

    Args:
        boxes: ``[B, ..., 4]`` float64 pixels.
        offset: ``[B, 2]`` float64, the part's upper left corner.
        sizes: ``[B, 2]`` float64, its width and height.

    Returns:
        Boxes ``[B, ..., 4]``, and ``[B, ...]`` bool, True where enough of a box is
        in the part. The others become the whole part: a window must be somewhere.
    """
    middle = (1,) * (boxes.dim() - 2)
    moved = boxes - torch.cat([offset, offset], dim=1).view(-1, *middle, 4)
    limit = sizes.view(-1, *middle, 2)
    low, high = moved[..., :2].clamp(min=0), torch.minimum(moved[..., 2:], limit)
    cut = torch.cat([low, high], dim=-1)
    seen = area(cut) >= _LEAST_SEEN * area(boxes)
    part = torch.cat([torch.zeros_like(limit), limit], dim=-1).expand_as(cut)
    return torch.where(seen[..., None], cut, part), seen


def jitter_colours(images: Tensor, amount: float, generator: torch.Generator) -> Tensor:
    """Scale brightness, contrast and saturation of each image by 1 +- amount.

    Shapes: ``[M, 3, S, S]`` uint8 to the same in float32, 0 to 255.
    """
    factors = 1 + amount * (2 * torch.rand(3, len(images), 1, 1, 1, generator=generator) - 1)
    brightness, contrast, saturation = factors
    values = images.float() * brightness
    mean = values.mean(dim=(1, 2, 3), keepdim=True)
    values = (values - mean) * contrast + mean
    grey = values.mean(dim=1, keepdim=True)
    coloured: Tensor = (values - grey) * saturation + grey
    return coloured.clamp(0, 255)
