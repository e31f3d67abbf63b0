"""Windows to look at that no network chooses: a grid, random walks, an oracle's walks."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Self

import torch
from torch import Tensor

from objloc.box import best_iou, iou
from objloc.data.store import SampleStore
from objloc.mdp.action import Moves, start_windows
from objloc.params import Mdp

SIDES = (1.0, 0.65, 0.4, 0.25, 0.15, 0.1)
"""Sides of the grid's windows, as fractions of the image's: those of the agent's start windows,
and two smaller ones in the same proportion."""
_STRIDE = 0.25
"""Distance of two windows, as a fraction of their side."""
_COVERED = 0.5
_STEPS = 10
"""Moves of a random walk before the next begins."""


@dataclass(frozen=True)
class Grid:
    """Windows that are the same in every image, the best first.

    Attributes:
        windows: ``[G, 4]`` float64, fractions of the image's sides.
    """

    windows: Tensor

    @classmethod
    def fitted(cls, store: SampleStore, number: int, sides: tuple[float, ...] = SIDES) -> Self:
        """Sliding windows of all widths and heights, in the order of what they add.

        Each covers (IoU at least .5) most of the training objects that those before it do not.

        Args:
            store: training images; no pixels are needed.
            number: G.
            sides: widths and heights, fractions of the image's.
        """
        windows = sliding_windows(sides)
        mine = (store.object_category >= 0) & ~store.difficult
        limits = store.sizes.repeat(1, 2)[:, None].expand_as(store.boxes)
        objects = (store.boxes / limits)[mine]
        covers = torch.stack([iou(window, objects) >= _COVERED for window in windows])
        return cls(windows[torch.tensor(list(islice(_in_order(covers), number)))])


def sliding_windows(sides: tuple[float, ...]) -> Tensor:
    """Windows of all widths and heights at all places: ``[G, 4]`` float64 fractions."""
    spans = []
    for side in sides:
        number = int((1 - side) / (_STRIDE * side)) + 1
        ticks = torch.linspace(0, 1 - side, number, dtype=torch.float64).tolist()
        spans += [(tick, tick + side) for tick in ticks]
    windows = [(left, top, right, low) for top, low in spans for left, right in spans]
    return torch.tensor(windows, dtype=torch.float64)


def _in_order(covers: Tensor) -> Iterator[int]:
    """Rows of ``[G, K]`` bool by the columns that each adds; those that add none by their own."""
    total = covers.sum(dim=1)
    left, open_ = covers.clone(), torch.ones(len(covers), dtype=torch.bool)
    while open_.any():
        adds = torch.where(open_, left.sum(dim=1), -1)
        best = int(adds.argmax())
        if adds[best] <= 0:
            break
        yield best
        open_[best] = False
        left &= ~covers[best]
    rest = total.argsort(descending=True, stable=True)
    yield from rest[open_[rest]].tolist()


def random_walks(sizes: Tensor, mdp: Mdp, looks: int, generator: torch.Generator) -> Tensor:
    """Walks of ten random moves each, the first from the whole image.

    Args:
        sizes: ``[n, 2]`` float64 pixels, of the images.
        mdp: its moves and start windows.
        looks: W.
        generator: source of random draws.

    Returns:
        ``[n, W, 4]`` float64 pixels.
    """
    moves, starts = Moves(mdp), start_windows(mdp.starts)
    limit = sizes.repeat(1, 2)
    boxes = []
    for look in range(looks):
        if look % (_STEPS + 1) == 0:
            drawn = torch.randint(len(starts), (len(sizes),), generator=generator)
            box = starts[drawn if look else torch.zeros_like(drawn)] * limit
        else:
            action = torch.randint(len(moves.actions) - 1, (len(sizes),), generator=generator)
            box = moves.apply(box, sizes, action)
        boxes.append(box)
    return torch.stack(boxes, dim=1)


def oracle_walks(store: SampleStore, images: Tensor, mdp: Mdp, looks: int) -> tuple[Tensor, Tensor]:
    """Walks from the whole image uphill in IoU, towards one object after another.

    Returns:
        Windows ``[n, W, 4]`` float64 pixels, the last one repeated; ``[n]`` int64, how many of
        them are real: an image may run out of objects.
    """
    moves = Moves(mdp)
    boxes = torch.zeros(len(images), looks, 4, dtype=torch.float64)
    number = torch.zeros(len(images), dtype=torch.int64)
    for row, image in enumerate(images.tolist()):
        seen = _oracle_walk(store, image, moves, looks)
        number[row] = len(seen)
        boxes[row, : len(seen)] = torch.stack(seen)
        boxes[row, len(seen) :] = seen[-1]
    return boxes, number


def _oracle_walk(store: SampleStore, image: int, moves: Moves, looks: int) -> list[Tensor]:
    size = store.sizes[image : image + 1]
    whole = torch.cat([torch.zeros_like(size), size], dim=1)[0]
    mine = (store.object_category[image] >= 0) & ~store.difficult[image]
    seen = [whole]
    for target in store.boxes[image][mine]:
        box = whole
        there = torch.ones(1, dtype=torch.bool)
        while len(seen) < looks:
            ways = moves.every(box[None], size)[0]
            reached = best_iou(ways, target[None], there)
            if float(reached.max()) <= float(iou(box, target)):
                break
            box = ways[reached.argmax()]
            seen.append(box)
    return seen
