"""Image sets and searches made by hand, for the tests of this room."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from objloc.box import best_iou
from objloc.data.sample import Coordinates, Sample, VocObject
from objloc.data.store import SampleStore
from objloc.network.q_network import QNetwork, build_network
from objloc.params import Agent, Encoder, Head, Learning, Mdp, Search, Starts
from objloc.search.budgeted import Searcher, run_budgeted_search
from objloc.search.rollout import Rollout
from objloc.search.trace import SearchTrace
from tests.helpers.devkits import jpeg_bytes

MDP = Mdp(step_size=0.3, zooms=True, starts=((1, 1.0), (2, 0.6)), min_side=0.05)
AGENT = Agent(
    mdp=MDP,
    encoder=Encoder(image_size=64, widths=(4, 8), cell_width=4, category_channels=2, pool=3),
    head=Head(hidden=(8,), joint=(8,), presence=True),
    learning=Learning(backup="all_actions", discount=0.0, loss="logistic"),
)
BUDGET = 30


def make_sample(
    image_id: str, *objects: tuple[str, Coordinates], size: tuple[int, int] = (100, 80)
) -> Sample:
    """A plain image with objects; a category that begins with ``?`` is difficult."""
    return Sample(
        image_id,
        jpeg_bytes(size),
        *size,
        tuple(
            VocObject(category.lstrip("?"), box, difficult=category.startswith("?"))
            for category, box in objects
        ),
    )


def make_store(*samples: Sample, categories: Sequence[str] = ("cat", "dog")) -> SampleStore:
    """An image set called ``val``."""
    return SampleStore.from_samples(
        samples, tuple(categories), 16, data="drawn", data_hash="0" * 64, image_set="val"
    )


def promising_network(agent: Agent) -> QNetwork:
    """A network for cats and dogs with drawn weights, in evaluation mode.

    Its last layer is large: windows differ in what they promise.
    """
    network = build_network(agent, ("cat", "dog"), torch.Generator().manual_seed(1)).eval()
    with torch.no_grad():
        network.values.weight *= 8
    return network


def trace_of(
    store: SampleStore,
    network: QNetwork,
    budget: int = BUDGET,
    batch: int = 64,
    **changes: float | Starts,
) -> SearchTrace:
    """Search a store within a budget; ``changes`` are to the search's parameters."""
    params = Search().model_copy(update={"least_presence": 0.0} | changes)
    return SearchTrace.concatenate(
        run_budgeted_search(store, Searcher(network, MDP, params), budget, batch=batch)
    )


@dataclass(frozen=True)
class Episode:
    """An episode by its windows: the last one is triggered on unless it is truncated.

    ``triggers``: the trigger's Q-value at each window.
    """

    image: int
    category: int
    boxes: Sequence[Coordinates]
    triggers: Sequence[float]
    truncated: bool = False


def make_rollout(store: SampleStore, searches: Sequence[Episode], limit: int = 4) -> Rollout:
    """Episodes with three actions, of which the last is the trigger."""
    number = len(searches)
    boxes = torch.zeros(number, limit + 1, 4, dtype=torch.float64)
    q_values = torch.full((number, limit + 1, 3), float("nan"))
    actions = torch.full((number, limit), -1)
    for row, search in enumerate(searches):
        seen = len(search.triggers)
        assert len(search.boxes) == seen + search.truncated
        for step in range(limit + 1):
            box = search.boxes[min(step, len(search.boxes) - 1)]
            boxes[row, step] = torch.tensor(box, dtype=torch.float64)
        q_values[row, :seen, 2] = torch.tensor(search.triggers)
        q_values[row, :seen, :2] = 0.0
        actions[row, :seen] = 0
        if not search.truncated:
            actions[row, seen - 1] = 2
    image = torch.tensor([search.image for search in searches])
    category = torch.tensor([search.category for search in searches])
    objects, present = store.objects_of(image, category)
    return Rollout(
        image=image,
        category=category,
        boxes=boxes,
        actions=actions,
        q_values=q_values,
        steps=torch.tensor([len(search.triggers) for search in searches]),
        terminated=torch.tensor([not search.truncated for search in searches]),
        iou=best_iou(boxes, objects[:, None], present[:, None]),
    )
