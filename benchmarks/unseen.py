"""Measure whether agents find a category that they never saw."""

from dataclasses import replace
from pathlib import Path

import torch

from benchmarks.published import Unseen
from objloc.data.store import SampleStore
from objloc.evaluation.answer import answer, answer_outcomes, answer_tasks
from objloc.evaluation.baselines import (
    WHOLE_IMAGE,
    fit_fixed_boxes,
    fixed_boxes,
    fixed_outcomes,
)
from objloc.network.checkpoint import load_checkpoint
from objloc.params import SUCCESS_IOU, Search
from objloc.search.budgeted import Searcher


def find_unseen(
    folder: Path,
    unseen: str,
    looks: int,
    params: Search,
    image_set: str = "test_2007",
    fitted_on: str = "train_2012",
) -> dict[str, Unseen]:
    """Let agents search for a category they never saw, as if it were each of their own.

    Args:
        folder: folder of the benchmark; the agents are its runs ``four_seed*``.
        unseen: category that no agent knows.
        looks: maximum number of windows of each search.
        params: section with the options of the search.
        image_set: image set of the searches.
        fitted_on: image set on which the best fixed box is fitted.

    Returns:
        Success by seed.
    """
    found = {}
    for path in sorted(folder.glob("four_seed*/checkpoint.pt")):
        checkpoint = load_checkpoint(path)
        size = checkpoint.agent.encoder.image_size
        store = SampleStore.load(folder / "shards", image_set, (unseen,), size)
        seen = SampleStore.load(folder / "shards", fitted_on, (unseen,), None)
        counted = store.presence()
        blind = {
            "fixed_box": fit_fixed_boxes(seen, [unseen], SUCCESS_IOU),
            "whole_image": {unseen: WHOLE_IMAGE},
        }
        rates = {
            name: fixed_outcomes(store, fixed_boxes(store, boxes), counted).rates(SUCCESS_IOU)[0]
            for name, boxes in blind.items()
        }
        answered = {}
        network = checkpoint.network()
        for index, category in enumerate(checkpoint.categories):
            # The objects under the name of a category that the agent knows.
            named = replace(
                store,
                categories=checkpoint.categories,
                object_category=torch.where(store.object_category == 0, index, -1),
            )
            searcher = Searcher(network, checkpoint.agent.mdp, params)
            present = named.presence()
            boxes = [answer(named, searcher, looks, tasks) for tasks in answer_tasks(present)]
            outcomes = answer_outcomes(named, present, torch.cat(boxes))
            answered[category] = outcomes.rates(SUCCESS_IOU)[index]
        found[path.parent.name.removeprefix("four_seed")] = Unseen(
            fixed_box=rates["fixed_box"],
            whole_image=rates["whole_image"],
            images=int(counted.sum()),
            answer=answered,
        )
    return found
