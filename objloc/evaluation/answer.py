"""The answer: a search that ends at its budget, on the best window it looked at.

A greedy episode answers where it first triggers, and not at all where it never does;
the rewards of 2015 and 2018 make silence free, but the success rate counts it as a
failure. Here the agent looks until its budget is spent, goes back to the window whose
trigger it values most, and triggers there. It decides by its own values, without the
truth.
"""

import torch
from torch import Tensor

from objloc.agent.network import QNetwork
from objloc.box import best_iou
from objloc.evaluation.search import Tasks, search
from objloc.evaluation.success import Outcomes
from objloc.params import Mdp, Search
from objloc.voc.store import SampleStore

_BATCH = 256
"""Searches in lock-step: with one category each, a round of many costs little more."""


def answers(
    store: SampleStore,
    network: QNetwork,
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
    for looks in search(store, network, mdp, params, max_windows, _BATCH, tasks):
        rows = torch.arange(len(looks.number))
        values = looks.values[rows, :, category[first : first + len(rows)]]
        best = torch.where(looks.real(), values, -torch.inf).argmax(dim=1)
        boxes.append(looks.boxes[rows, best])
        first += len(rows)
    quality = torch.zeros(1, *counted.shape, dtype=torch.float64)
    quality[0, image, category] = best_iou(torch.cat(boxes), *store.objects_of(image, category))
    return Outcomes(quality, counted)
