"""The windows that learned steps and zooms led to: what a search will look at."""

import torch
from torch import Tensor

_SLOTS = 32
"""Windows remembered of an image."""
_AT_ONCE = 8
"""And added to them by one update, at most."""


class Landings:
    """Some windows of each image to which the agent's learned moves led lately.

    A network that has only seen windows that others moved to cannot value those that it
    moves to by itself: these are taught too. Geometry alone is kept.

    Source: Ross, Gordon & Bagnell (2011), DAgger: learn where one's own policy leads;
    Cai & Vasconcelos (2018) do so with regressed boxes.

    Args:
        images: how many there are.
    """

    def __init__(self, images: int) -> None:
        self._boxes = torch.zeros(images, _SLOTS, 4, dtype=torch.float64)
        self._added = torch.zeros(images, dtype=torch.int64)

    def add(self, image: Tensor, boxes: Tensor, generator: torch.Generator) -> None:
        """Remember windows; of many in one image some, drawn at random.

        Args:
            image: ``[P]`` int64.
            boxes: ``[P, 4]`` float64, in pixels of the image as it is.
            generator: of the draw.
        """
        order = torch.randperm(len(image), generator=generator)
        order = order[torch.argsort(image[order], stable=True)]
        image, boxes = image[order], boxes[order]
        _, group, counts = torch.unique_consecutive(image, return_inverse=True, return_counts=True)
        rank = torch.arange(len(image)) - (counts.cumsum(0) - counts)[group]
        kept = rank < _AT_ONCE
        image, boxes, rank = image[kept], boxes[kept], rank[kept]
        self._boxes[image, (self._added[image] + rank) % _SLOTS] = boxes
        self._added += torch.bincount(image, minlength=len(self._added))

    def draw(self, images: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """A random one for each of ``[B]`` images: ``[B, 4]``, and whether there is any."""
        known = self._added[images].clamp(max=_SLOTS)
        chance = torch.rand(len(images), generator=generator, dtype=torch.float64)
        return self._boxes[images, (chance * known).long()], known > 0

    def state_dict(self) -> dict[str, Tensor]:
        """All that is remembered."""
        return {"boxes": self._boxes, "added": self._added}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on from a state."""
        self._boxes, self._added = state["boxes"], state["added"]
