"""A search that branches: from every window the best zoom and the best move, level by level.

Nothing ends it but the budget: with five levels it looks at 31 windows, with six at 63. The
values are those of the category that is likeliest in a window, which has the highest trigger
value there; each window is scored for all categories.

Source: Jie et al. (2016), "Tree-structured reinforcement learning for sequential object
localization", section 3.3, whose agent knows no categories.

The shape letters are those of ``objloc.search.trace``; K windows in a level.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from objloc.data.store import SampleStore
from objloc.errors import ObjlocError
from objloc.mdp.action import Moves, start_windows, zooms_of
from objloc.network.windows import Windows
from objloc.params import Mdp
from objloc.search.budgeted import BATCH, Searcher
from objloc.search.policy import shares
from objloc.search.trace import SearchTrace


def run_tree_search(
    store: SampleStore, searcher: Searcher, budget: int, images: Tensor | None = None
) -> Iterator[SearchTrace]:
    """Search images level by level; yield the trace of each batch of images.

    Args:
        store: the images.
        searcher: the agent. The first of its start windows is the root.
        budget: maximum number of windows visited in an image; levels that it does not hold
            whole are left out.
        images: ``[n]`` int64, which of the store's; None: all.

    Raises:
        ObjlocError: the agent lacks zooms or moves.
    """
    zooms = zooms_among_moves(searcher.mdp)
    every = torch.arange(len(store)) if images is None else images
    for batch in torch.split(every, BATCH):
        yield _tree(store, searcher, batch, budget, zooms)


def zooms_among_moves(mdp: Mdp) -> Tensor:
    """Which actions but the trigger are zooms: ``[A - 1]`` bool.

    Raises:
        ObjlocError: all are, or none is: a tree needs both.
    """
    zooms = zooms_of(mdp)
    if zooms.all() or not zooms.any():
        raise ObjlocError(
            "evaluate.search.order: expected an agent with zooms and moves for a tree; found "
            f"mdp.actions={mdp.actions} and mdp.zooms={mdp.zooms}"
        )
    return zooms


@torch.no_grad()
def _tree(
    store: SampleStore, searcher: Searcher, images: Tensor, budget: int, zooms: Tensor
) -> SearchTrace:
    """The tree of each of N images."""
    network, moves = searcher.network, Moves(searcher.mdp)
    views = network.encode(store.images[images].to(network.device))
    sizes = store.sizes[images]
    root = start_windows(searcher.params.starts or searcher.mdp.starts)[0] * sizes.repeat(1, 2)
    frames = root[:, None, None].expand(-1, 1, network.frames, -1)
    past = torch.full((len(images), 1, network.action_history), -1)
    led = torch.full((len(images), 1), -1)
    parent = category = led
    levels = []
    for level in range((budget + 1).bit_length() - 1):
        values = _values(searcher, views, frames, past, sizes)
        levels.append((frames[:, :, -1], values, parent, category, led))
        # Each category's trigger competes with its own moves, as in an episode.
        likeliest = values[..., -1].argmax(dim=2)
        own = values.take_along_dim(likeliest[..., None, None], dim=2)[:, :, 0, :-1]
        best = [torch.where(group, own, -torch.inf).argmax(dim=2) for group in (zooms, ~zooms)]
        led = torch.stack(best, dim=2).flatten(1)
        frames, past = (each.repeat_interleave(2, dim=1) for each in (frames, past))
        boxes = moves.apply(frames[:, :, -1], sizes[:, None], led)
        frames = torch.cat([frames, boxes[:, :, None]], dim=2)[:, :, 1:]
        past = torch.cat([past, led[:, :, None]], dim=2)[:, :, 1:]
        first = 2**level - 1
        number = torch.arange(first, first + 2**level).repeat_interleave(2)
        parent = number.expand(len(images), -1)
        category = likeliest.repeat_interleave(2, dim=1)
    return _trace(levels)


def _values(
    searcher: Searcher, views: Tensor, frames: Tensor, past: Tensor, sizes: Tensor
) -> Tensor:
    """Values of the windows of a level: ``[N, K, C, A]`` float32."""
    images, windows = frames.shape[:2]
    index = torch.arange(images).repeat_interleave(windows)
    boxes = shares(frames.flatten(0, 1), sizes[index])
    seen = Windows(index, boxes, past.flatten(0, 1)).to(views.device)
    values: Tensor = searcher.network(views, seen).float().cpu()
    return values.view(images, windows, values.shape[1], values.shape[2])


def _trace(levels: list[tuple[Tensor, Tensor, Tensor, Tensor, Tensor]]) -> SearchTrace:
    """The windows of all levels, one level after another."""
    boxes, values, parent, category, led = (
        torch.cat(each, dim=1) for each in zip(*levels, strict=True)
    )
    images, windows = parent.shape
    depth = [torch.full((level[2].shape[1],), n) for n, level in enumerate(levels, 1)]
    number = torch.arange(1, windows + 1)[:, None]
    triggers = values.argmax(dim=3) == values.shape[3] - 1
    return SearchTrace(
        boxes=boxes,
        num_windows=torch.full((images,), windows),
        q_values=values,
        triggered=torch.where(triggers, number, 0),
        depth=torch.cat(depth).expand(images, -1),
        parent=parent,
        category=category,
        moves=led[..., None],
    )
