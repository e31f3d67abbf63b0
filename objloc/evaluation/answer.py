"""The answer: a search that ends at its budget, on a window it visited.

A greedy episode answers where it first triggers, and not at all where it never does;
the rewards of 2015 and 2018 make silence free, but the success rate counts it as a
failure. Here the agent visits windows until its budget is spent, also beyond those on
which an episode would end, returns to the window on which the visited ones agree most,
and triggers there. It decides by its own values, without the ground truth.
"""

import torch
from torch import Tensor

from objloc.box import best_iou
from objloc.data.store import SampleStore
from objloc.evaluation.success_rate import Outcomes
from objloc.search.budgeted import Searcher, run_budgeted_search
from objloc.search.trace import SearchTasks

_BATCH = 256
"""Searches in lock-step: with one category each, a round of many costs little more."""


def answers(store: SampleStore, searcher: Searcher, budget: int, counted: Tensor) -> Outcomes:
    """Search each counted image for one category at a time, and answer.

    Args:
        store: the images.
        searcher: the agent.
        budget: maximum number of windows visited for an image and a category.
        counted: ``[N, C]`` bool, the images searched for each category.
    """
    image, category = counted.nonzero(as_tuple=True)
    searched = torch.zeros(len(image), counted.shape[1], dtype=torch.bool)
    searched[torch.arange(len(image)), category] = True
    boxes = []
    first = 0
    tasks = SearchTasks(image, searched)
    for trace in run_budgeted_search(store, searcher, budget, tasks, _BATCH, triggering=False):
        rows = torch.arange(len(trace.num_windows))
        values = trace.trigger_values[rows, :, category[first : first + len(rows)]]
        chances = searcher.trigger_range.fraction(values)
        best = trace.consensus(chances)
        boxes.append(trace.boxes[rows, best])
        first += len(rows)
    quality = torch.zeros(1, *counted.shape, dtype=torch.float64)
    quality[0, image, category] = best_iou(torch.cat(boxes), *store.objects_of(image, category))
    return Outcomes(quality, counted)
