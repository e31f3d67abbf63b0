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


def answer_tasks(counted: Tensor) -> list[SearchTasks]:
    """Batches of searches, each of an image that counts for one category.

    Args:
        counted: ``[N, C]`` bool, the images searched for each category.
    """
    image, category = counted.nonzero(as_tuple=True)
    searched = torch.zeros(len(image), counted.shape[1], dtype=torch.bool)
    searched[torch.arange(len(image)), category] = True
    return list(SearchTasks(image, searched).split(_BATCH))


def answer(store: SampleStore, searcher: Searcher, budget: int, tasks: SearchTasks) -> Tensor:
    """Search each image for one category, and answer: ``[n, 4]`` float64 pixels.

    Args:
        store: the images.
        searcher: the agent.
        budget: maximum number of windows visited for an image and a category.
        tasks: n searches, one of ``answer_tasks``.
    """
    (trace,) = run_budgeted_search(store, searcher, budget, tasks, _BATCH, triggering=False)
    rows = torch.arange(len(trace.num_windows))
    values = trace.trigger_values[rows, :, tasks.searched.nonzero()[:, 1]]
    chances = searcher.trigger_range.fraction(values)
    return trace.boxes[rows, trace.consensus(chances)]


def answer_outcomes(store: SampleStore, counted: Tensor, boxes: Tensor) -> Outcomes:
    """Outcomes of the answers to all batches of ``answer_tasks(counted)``: ``[n, 4]`` pixels."""
    image, category = counted.nonzero(as_tuple=True)
    quality = torch.zeros(1, *counted.shape, dtype=torch.float64)
    quality[0, image, category] = best_iou(boxes, *store.objects_of(image, category))
    return Outcomes(quality, counted)
