"""A searcher that sees the ground truth: the best windows that moves can reach.

It shows how much of a miss is the agent's fault. A beam search may overlook a way, so
its result is a lower bound on what is reachable, not the limit itself.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from objloc.box import iou
from objloc.data.store import SampleStore
from objloc.evaluation.baselines import WHOLE_IMAGE
from objloc.evaluation.matching import MATCH_IOU, Detections
from objloc.mdp.action import Moves
from objloc.params import Mdp

_BATCH = 256
"""Objects searched for side by side."""
_PER_PIXEL = 1e6
"""Windows nearer than a millionth of a pixel are the same one."""
_ODD = 6364136223846793005
"""Multiplies the corners of a window into one number by which it is known again."""


@dataclass(frozen=True)
class Reach:
    """The best IoU that the oracle reaches with each of M objects.

    Attributes:
        image: ``[M]`` int64, index into the store.
        column: ``[M]`` int64, the object's column in ``store.boxes``.
        category: ``[M]`` int64, index into the store's categories.
        iou: ``[M, T]`` float64, T the step limit: the best IoU with the object
            among the windows found within 0, 1, … T - 1 moves. The trigger takes
            the last step.
    """

    image: Tensor
    column: Tensor
    category: Tensor
    iou: Tensor

    @property
    def best(self) -> Tensor:
        """``[M]`` float64: within the step limit."""
        return self.iou[:, -1]

    def of_searches(self, images: int, categories: int) -> Tensor:
        """``[N, C]`` float64: the best IoU with any object of the category; 0 without one."""
        table = torch.zeros(images * categories, dtype=torch.float64)
        place = self.image * categories + self.category
        return table.scatter_reduce(0, place, self.best, "amax").view(images, categories)


def reach_of(
    store: SampleStore,
    mdp: Mdp,
    width: int,
    starts: Tensor | None = None,
) -> Reach:
    """Search for every object of the store's categories, difficult ones included.

    Args:
        store: the images; their pixels are not looked at.
        mdp: actions, step size, minimum side and step limit.
        width: windows kept after each move, those of the highest IoU.
        starts: ``[S, 4]`` float64, where searches may begin, in fractions of the
            image's sides; None: at the whole image.
    """
    if starts is None:
        starts = torch.tensor([WHOLE_IMAGE], dtype=torch.float64)
    moves = Moves(mdp)
    image, column = (store.object_category >= 0).nonzero(as_tuple=True)
    parts = [
        beam_search(store.boxes[i, c], store.sizes[i], moves, mdp.max_steps - 1, width, starts)
        for i, c in zip(torch.split(image, _BATCH), torch.split(column, _BATCH), strict=True)
    ]
    return Reach(image, column, store.object_category[image, column], torch.cat(parts))


def reached_detections(store: SampleStore, reach: Reach, *, one: bool) -> dict[str, Detections]:
    """Detections of a searcher that finds all that the oracle does, and nothing else.

    Args:
        store: the images.
        reach: what the oracle found.
        one: keep only the object of each image and category that it came nearest to,
            since a search triggers once; else all. Difficult ones are left out.
    """
    counted = (reach.best >= MATCH_IOU) & ~store.difficult[reach.image, reach.column]
    best: dict[tuple[int, int], tuple[float, int]] = {}
    for row in counted.nonzero().flatten().tolist():
        search = (int(reach.image[row]), int(reach.category[row]))
        best[search] = max(best.get(search, (0.0, -1)), (float(reach.best[row]), row))
    if one:
        counted = torch.zeros_like(counted)
        counted[[row for _, row in best.values()]] = True
    claimed = {}
    for category, name in enumerate(store.categories):
        rows = (counted & (reach.category == category)).nonzero().flatten()
        claimed[name] = Detections(
            np.array(store.image_ids)[reach.image[rows].numpy()],
            store.boxes[reach.image[rows], reach.column[rows]].numpy(),
            np.ones(len(rows)),
        )
    return claimed


def beam_search(
    objects: Tensor, sizes: Tensor, moves: Moves, depth: int, width: int, starts: Tensor
) -> Tensor:
    """The best IoU within 0, 1, … moves, of many objects side by side.

    After each move the windows of the highest IoU continue. A window that has continued
    before does not again: it would only be later. Rows do not affect each other.

    Args:
        objects: ``[B, 4]`` float64 pixels.
        sizes: ``[B, 2]`` float64, width and height of their images in pixels.
        moves: the actions; the trigger, their last, ends a search and moves nothing.
        depth: number of moves.
        width: windows that continue after each move.
        starts: ``[S, 4]`` float64 fractions of the image's sides.

    Returns:
        ``[B, depth + 1]`` float64.
    """
    limits = torch.cat([sizes, sizes], dim=1)
    boxes = starts * limits[:, None]
    alive = torch.ones(boxes.shape[:2], dtype=torch.bool)
    best = torch.zeros(len(objects), depth + 1, dtype=torch.float64)
    best[:, 0] = iou(boxes, objects[:, None]).amax(dim=1)
    seen = _keys(boxes).sort(dim=1).values
    for move in range(1, depth + 1):
        kept = boxes.shape[1]
        next_boxes = moves.every(boxes.flatten(0, 1), sizes.repeat_interleave(kept, dim=0))
        next_boxes = next_boxes[:, :-1].reshape(len(objects), -1, 4)
        keys = _keys(next_boxes)
        actions = next_boxes.shape[1] // kept
        new = alive.repeat_interleave(actions, dim=1) & ~_among(keys, seen)
        new &= _first_of_equals(keys.masked_fill(~new, torch.iinfo(torch.int64).max))
        value = iou(next_boxes, objects[:, None]).masked_fill(~new, -1.0)
        order = value.argsort(dim=1, descending=True, stable=True)[:, :width]
        boxes = next_boxes.gather(1, order[..., None].expand(-1, -1, 4))
        alive, value = new.gather(1, order), value.gather(1, order)
        best[:, move] = torch.maximum(best[:, move - 1], value[:, 0])
        seen = torch.cat([seen, keys.gather(1, order)], dim=1).sort(dim=1).values
        if not alive.any():
            best[:, move + 1 :] = best[:, move, None]
            break
    return best


def _keys(boxes: Tensor) -> Tensor:
    """``[..., 4]`` to ``[...]`` int64: one number for each window, wrapping round."""
    corners = (boxes * _PER_PIXEL).round().long()
    key = corners[..., 0]
    for axis in range(1, 4):
        key = key * _ODD + corners[..., axis]
    return key


def _among(keys: Tensor, seen: Tensor) -> Tensor:
    """``[B, N]`` bool: which keys are among the row's sorted ones ``[B, V]``."""
    place = torch.searchsorted(seen, keys).clamp(max=seen.shape[1] - 1)
    return seen.gather(1, place) == keys


def _first_of_equals(keys: Tensor) -> Tensor:
    """``[B, N]`` bool: False where an equal key stands before in the row."""
    ordered, order = keys.sort(dim=1, stable=True)
    first = torch.ones_like(ordered, dtype=torch.bool)
    first[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    return torch.zeros_like(first).scatter(1, order, first)
