"""The answer: a search that ends at its budget, on a window it looked at.

A greedy episode answers where it first triggers, and not at all where it never does;
the rewards of 2015 and 2018 make silence free, but the success rate counts it as a
failure. Here the agent looks until its budget is spent, also beyond windows on which an
episode would end, goes back to the window on which those it looked at agree most, and
triggers there. It decides by its own values, without the truth.
"""

import torch
from torch import Tensor

from objloc.box import best_iou, iou
from objloc.data.store import SampleStore
from objloc.evaluation.success import Outcomes
from objloc.network.value_range import TriggerRange
from objloc.network.valuer import Valuer
from objloc.params import Mdp, Search
from objloc.search.budgeted import search
from objloc.search.trace import Tasks

_BATCH = 256
"""Searches in lock-step: with one category each, a round of many costs little more."""


def answers(
    store: SampleStore,
    network: Valuer,
    mdp: Mdp,
    params: Search,
    max_windows: int,
    counted: Tensor,
) -> Outcomes:
    """Search each counted image for one category at a time, and answer.

    Args:
        store: the images.
        network: in evaluation mode.
        mdp: the decision process it was trained in.
        params: how the searches go on.
        max_windows: looks for each image and category.
        counted: ``[N, C]`` bool, what is searched for.
    """
    image, category = counted.nonzero(as_tuple=True)
    searched = torch.zeros(len(image), counted.shape[1], dtype=torch.bool)
    searched[torch.arange(len(image)), category] = True
    boxes = []
    first = 0
    tasks = Tasks(image, searched)
    chances = TriggerRange.of(network.bounds, mdp)
    for looks in search(store, network, mdp, params, max_windows, _BATCH, tasks, triggering=False):
        rows = torch.arange(len(looks.number))
        values = looks.values[rows, :, category[first : first + len(rows)]]
        best = consensus(looks.boxes, chances.fraction(values), looks.real())
        boxes.append(looks.boxes[rows, best])
        first += len(rows)
    quality = torch.zeros(1, *counted.shape, dtype=torch.float64)
    quality[0, image, category] = best_iou(torch.cat(boxes), *store.objects_of(image, category))
    return Outcomes(quality, counted)


def consensus(boxes: Tensor, chances: Tensor, real: Tensor) -> Tensor:
    """The window that overlaps most with all windows, each by the chance that it is right.

    The value of one window errs; where many windows close to each other are valued, the
    object is. Were the chances shares of where it lies, this would be the window of the
    highest IoU to be expected.

    Args:
        boxes: ``[N, W, 4]`` float64.
        chances: ``[N, W]``, cut to 0 to 1.
        real: ``[N, W]`` bool; the others are no windows.

    Returns:
        ``[N]`` int64.
    """
    weights = torch.where(real, chances.clamp(0, 1), 0.0).double()
    agreed = (iou(boxes[:, :, None], boxes[:, None]) @ weights[..., None])[..., 0]
    return torch.where(real, agreed, -torch.inf).argmax(dim=1)
