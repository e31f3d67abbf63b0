"""Small networks, and windows to ask them about."""

import torch
from torch import Tensor

from objloc.data.image_batch import Pixels
from objloc.network.valuer import Valuer
from objloc.network.windows import Windows

CATEGORIES = ("cat", "dog", "cow")
SMALL = {"image_size": 64, "widths": (4, 8), "neck_width": 4, "pool": 3, "cell_width": 5}
"""An encoder that is built in no time."""


def random_images(number: int, size: int, seed: int = 1) -> Pixels:
    """Images of noise."""
    generator = torch.Generator().manual_seed(seed)
    return Pixels(torch.randint(256, (number, 3, size, size), generator=generator).byte())


def random_windows(number: int, seed: int = 0) -> Tensor:
    """``[number, 4]`` float32, fractions of the image's sides, some a little beyond it."""
    generator = torch.Generator().manual_seed(seed)
    corners = torch.rand(number, 2, 2, generator=generator)
    return torch.cat([corners.amin(dim=1), corners.amax(dim=1) + 0.02], dim=1)


def windows_of(boxes: Tensor, image: Tensor | None = None, past: Tensor | None = None) -> Windows:
    """Windows ``[B, frames, 4]``, of the first image and without past actions unless given."""
    number = len(boxes)
    return Windows(
        torch.zeros(number, dtype=torch.int64) if image is None else image,
        boxes,
        torch.empty(number, 0, dtype=torch.int64) if past is None else past,
    )


def states(network: Valuer, size: int = 64) -> tuple[Tensor, Windows]:
    """Views of two images, and five windows with past actions."""
    generator = torch.Generator().manual_seed(2)
    past = torch.randint(-1, network.num_actions, (5, network.action_history), generator=generator)
    boxes = random_windows(5 * network.frames).view(5, network.frames, 4)
    windows = windows_of(boxes, torch.tensor([0, 1, 1, 0, 1]), past)
    return network.encode(random_images(2, size)), windows
