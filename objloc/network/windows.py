"""Arguments of networks, windows and pairs, and the features that heads take.

N views, B windows, P pairs of a window and a category, C categories, F frames, H past actions.
"""

from typing import NamedTuple

import torch
from torch import Tensor


class Windows(NamedTuple):
    """B windows of images.

    The views that they are seen in are not among them: each network has its own.

    Attributes:
        image: ``[B]`` int64, the view of each window among the N.
        boxes: ``[B, F, 4]`` float32, the windows of the last F steps as fractions of the image's
            sides, newest last.
        action_history: ``[B, H]`` int64, newest last, -1 for none.
    """

    image: Tensor
    boxes: Tensor
    action_history: Tensor

    def to(self, device: torch.device) -> "Windows":
        """The same on a device."""
        return Windows(*(each.to(device) for each in self))


class Pairs(NamedTuple):
    """P pairs of a window and a category.

    Attributes:
        window: ``[P]`` int64, which of B windows.
        category: ``[P]`` int64, which of C categories.
    """

    window: Tensor
    category: Tensor

    def to(self, device: torch.device) -> "Pairs":
        """The same on a device."""
        return Pairs(*(each.to(device) for each in self))


class Features(NamedTuple):
    """Feature vectors of windows: ``shared`` before ``own``, joined late.

    Much of a vector is the same for all categories; kept apart, it is computed once.

    Attributes:
        shared: ``[B, shared]``, the part that categories share; None where there is none.
        own: ``[B, C, own]``, a row for each category, ``[B, 1, own]``, one for all, or
            ``[P, own]``, one for each pair.
    """

    shared: Tensor | None
    own: Tensor
