"""Searches that restart: for each category by itself, greedy episodes one after another.

An agent of one category walks from a start window until it triggers or reaches the step limit,
then from the next start window, and so on, until its budget is spent. A found object is hidden
by a cross from the episodes that follow (inhibition of return).

Source: Caicedo & Lazebnik (2015), section 4. The cross lies over the image there; here it lies
over what the encoder has made of the image, so that the image need not be encoded again.

The shape letters are those of ``objloc.search.trace``.
"""

from collections.abc import Iterator
from dataclasses import fields

import torch
from torch import Tensor

from objloc.data.store import SampleStore
from objloc.errors import ObjlocError
from objloc.mdp.environment import Environment
from objloc.search.budgeted import Searcher
from objloc.search.policy import category_outputs, shares
from objloc.search.trace import SearchTrace

BATCH = 32
"""Images at once: each is searched for all categories side by side."""


def run_restarts(
    store: SampleStore, searcher: Searcher, budget: int, images: Tensor | None = None
) -> Iterator[tuple[int, SearchTrace]]:
    """Search images for each category by itself.

    Args:
        store: the images.
        searcher: the agent; ``starts`` and ``cross`` of its parameters are used.
        budget: number of windows visited in an image for a category.
        images: ``[n]`` int64, which of the store's; None: all.

    Yields:
        For each batch of images and each category its number, and a trace with this category
        alone.

    Raises:
        ObjlocError: a cross cannot be laid over what the encoder makes of images.
    """
    categories = torch.arange(len(store.categories))
    every = torch.arange(len(store)) if images is None else images
    for batch in torch.split(every, BATCH):
        tasks = torch.cartesian_prod(categories, batch).flip(1)
        trace = _search(store, searcher, tasks, budget)
        for category in categories.tolist():
            rows = slice(category * len(batch), (category + 1) * len(batch))
            mine = {each.name: getattr(trace, each.name)[rows] for each in fields(trace)}
            yield category, SearchTrace(**mine)


@torch.no_grad()
def _search(store: SampleStore, searcher: Searcher, tasks: Tensor, budget: int) -> SearchTrace:
    """Searches of images for one category each, side by side: ``[n, 2]`` int64."""
    network, cross = searcher.network, searcher.params.cross
    starts = searcher.params.starts or searcher.mdp.starts
    mdp = searcher.mdp.model_copy(update={"starts": starts})
    environment = Environment(store, mdp, network.frames, network.action_history)
    environment.reset(tasks)
    views, sizes = _views(store, searcher, tasks[:, 0]), store.sizes[tasks[:, 0]]
    trace = _empty(len(tasks), budget, network.num_actions)
    episode, last = torch.zeros(len(tasks), dtype=torch.int64), torch.full((len(tasks),), -1)
    for look in range(budget):
        seen = environment.observation()
        outputs = category_outputs(network, views, torch.arange(len(tasks)), seen, sizes)
        values = network.values_of(outputs).float().cpu()
        action = values.argmax(dim=1)
        begins = environment.steps == 0
        trace.boxes[:, look], trace.q_values[:, look, 0] = seen.boxes[:, -1], values
        trace.depth[:, look] = environment.steps + 1
        trace.parent[:, look] = torch.where(begins, -1, look - 1)
        trace.category[:, look] = torch.where(begins, -1, 0)
        trace.moves[:, look, 0] = torch.where(begins, -1, last)
        outcome = environment.step(action)
        trace.triggered[:, look, 0] = torch.where(outcome.terminated, look + 1, 0)
        found = outcome.terminated.nonzero()[:, 0]
        if cross is not None and len(found):
            windows = shares(seen.boxes[found, -1], sizes[found])
            hide(views, found.to(views.device), windows.to(views.device), cross)
        ended = outcome.ended.nonzero()[:, 0]
        episode[ended] += 1
        following = _following(episode[ended], len(environment.starts))
        environment.reset_slots(ended, tasks[ended], following)
        last = action
    return trace


def _views(store: SampleStore, searcher: Searcher, images: Tensor) -> Tensor:
    """A view for each search, which a cross may be laid over: ``[n, C, H, W]``."""
    network = searcher.network
    once, index = torch.unique(images, return_inverse=True)
    views = network.encode(store.images[once].to(network.device))
    if views.dim() != 4 or views.shape[2] != views.shape[3]:
        raise ObjlocError(
            "evaluate.search.order: expected best_first or tree for an agent of several "
            "networks or with encoder.levels above 1; found restarts"
        )
    # Pooling windows out of maps whose channels are not innermost copies all maps at each look.
    return views[index.to(views.device)].contiguous(memory_format=torch.channels_last)


def _following(episode: Tensor, number: int) -> Tensor:
    """Start windows of episodes ``[n]`` int64: the first once, then the others in turn."""
    if number == 1:
        return torch.zeros_like(episode)
    return torch.where(episode == 0, 0, 1 + (episode - 1) % (number - 1))


def hide(views: Tensor, rows: Tensor, windows: Tensor, width: float) -> None:
    """Set a cross in each of some maps to zero, in place.

    Its bars are as long as the window; each is at least one cell wide.

    Args:
        views: ``[N, C, H, W]`` maps of images.
        rows: ``[n]`` int64, which of them.
        windows: ``[n, 4]`` float32, fractions of the image's sides.
        width: width of the bars, as a fraction of the window's sides.
    """
    near, inside = [], []
    for axis, cells in ((0, views.shape[3]), (1, views.shape[2])):
        low, high = windows[:, axis, None], windows[:, axis + 2, None]
        place = (torch.arange(cells, device=views.device) + 0.5) / cells
        half = (width * (high - low)).clamp(min=1 / cells) / 2
        near.append((place - (low + high) / 2).abs() <= half)
        inside.append((place >= low) & (place <= high))
    upright = near[0][:, None] & inside[1][:, :, None]
    level = inside[0][:, None] & near[1][:, :, None]
    search, row, column = (upright | level).nonzero(as_tuple=True)
    views.permute(0, 2, 3, 1)[rows[search], row, column] = 0.0


def _empty(images: int, budget: int, actions: int) -> SearchTrace:
    """A trace of one category whose budget is spent, to be filled in."""
    windows = (images, budget)
    return SearchTrace(
        boxes=torch.zeros(*windows, 4, dtype=torch.float64),
        num_windows=torch.full((images,), budget),
        q_values=torch.zeros(*windows, 1, actions),
        triggered=torch.zeros(*windows, 1, dtype=torch.int64),
        depth=torch.zeros(windows, dtype=torch.int64),
        parent=torch.zeros(windows, dtype=torch.int64),
        category=torch.zeros(windows, dtype=torch.int64),
        moves=torch.zeros(*windows, 1, dtype=torch.int64),
    )
