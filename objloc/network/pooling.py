"""Pooling windows out of maps and pictures, differentiably.

N maps, C channels, H rows and W columns of cells, B windows.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def cell_centres(cells: int, like: Tensor) -> Tensor:
    """Centres of cells along a side, -0.5 to 0.5 across it: ``[cells]``, as ``like`` is."""
    return (torch.arange(cells, device=like.device, dtype=like.dtype) + 0.5) / cells - 0.5


def sampling_grid(boxes: Tensor, centres: Tensor, context: float = 1.0) -> Tensor:
    """Centres of windows' cells, for ``grid_sample``.

    Args:
        boxes: ``[B, 4]``, fractions of the image's sides.
        centres: ``[cells]``, see ``cell_centres``.
        context: factor by which the windows are widened first.

    Returns:
        ``[B, cells, cells, 2]`` x and y, -1 to 1 across the image.
    """
    cells = len(centres)
    low, high = boxes.chunk(2, dim=1)
    middle, side = (low + high) / 2, (high - low) * context
    # Along each side first: the table of pairs is written once.
    x, y = ((middle[..., None] + side[..., None] * centres) * 2 - 1).unbind(dim=1)
    return torch.stack(
        [x[:, None, :].expand(-1, cells, -1), y[:, :, None].expand(-1, -1, cells)], dim=-1
    )


def with_coarser(views: Tensor, levels: int) -> Tensor:
    """Put coarser levels below maps: ``[N, C, H, W]`` to ``[N, C, H + H // 2, W]``.

    A cell of a coarser level is the maximum of four cells of the level before, channel by
    channel: a small thing is still seen from afar. The levels lie side by side, as in a
    texture's mipmap (Williams 1983).

    Args:
        views: the maps.
        levels: number of levels, the finest included; with 1 the maps stay as they are.
    """
    if levels == 1:
        return views
    coarser = [views]
    for _ in range(levels - 1):
        coarser.append(F.max_pool2d(coarser[-1], 2))
    height, width = views.shape[2] // 2, views.shape[3]
    row = [F.pad(each, (0, 0, 0, height - each.shape[2])) for each in coarser[1:]]
    below = torch.cat(row, dim=3)
    return torch.cat([views, F.pad(below, (0, width - below.shape[3]))], dim=2)


def _levels(height: int, width: int, levels: int, device: torch.device) -> Tensor:
    """Places of the levels in a map: ``[levels, 4]`` int64, top, left, height and width."""
    places, left = [(0, 0, height, width)], 0
    for _ in range(levels - 1):
        _, _, tall, wide = places[-1]
        places.append((height, left, tall // 2, wide // 2))
        left += wide // 2
    return torch.tensor(places, device=device)


def pool_windows(
    views: Tensor, index: Tensor, boxes: Tensor, cells: int, context: float, levels: int = 1
) -> Tensor:
    """Pool windows out of feature maps by bilinear interpolation.

    The four neighbours of each point are gathered and summed with their weights
    in one pass, so windows of different images may come in any order and number
    (``grid_sample`` would copy a map for each window). Points outside the image
    read zero, as ``padding_mode="zeros"`` does.

    With several levels a window is read from the coarsest one whose cells are no larger
    than its own: each point then stands for all that its cell covers, not for one spot.

    Args:
        views: ``[N, C, H, W]``, with several levels after ``with_coarser``.
        index: ``[B]`` int64, the map of each window.
        boxes: ``[B, 4]`` float32, fractions of the image's sides.
        cells: number a side.
        context: factor by which the window is widened.
        levels: number of levels of the maps.

    Returns:
        ``[B, cells * cells, C]``.
    """
    number, channels, rows, columns = views.shape
    finest = rows if levels == 1 else columns
    flat = views.permute(0, 2, 3, 1).reshape(number * rows * columns, channels)
    top: Tensor | int = 0
    left: Tensor | int = 0
    height: Tensor | int = finest
    width: Tensor | int = columns
    fineness: Tensor | float = 1.0
    if levels > 1:
        level = _level_of(boxes, context * finest / cells, levels)
        table = _levels(finest, columns, levels, views.device)[level]
        fineness = torch.pow(2.0, -level.to(boxes.dtype)).view(-1, 1, 1)
        top, left, height, width = (each.view(-1, 1, 1) for each in table.T)
    point = (sampling_grid(boxes, cell_centres(cells, boxes), context) + 1) / 2
    x = point[..., 0] * columns * fineness - 0.5
    y = point[..., 1] * finest * fineness - 0.5
    west, north = x.floor(), y.floor()
    places, weights = [], []
    base = (index * (rows * columns)).view(-1, 1, 1)
    for down in (0, 1):
        for right in (0, 1):
            column, row = west + right, north + down
            weight = (1 - (x - column).abs()) * (1 - (y - row).abs())
            inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
            weights.append(torch.where(inside, weight, 0.0))
            place = (_within(row, height) + top) * columns
            places.append(base + place + _within(column, width) + left)
    pooled = F.embedding_bag(
        torch.stack(places, dim=-1).view(-1, 4),
        flat,
        per_sample_weights=torch.stack(weights, dim=-1).view(-1, 4).to(flat.dtype),
        mode="sum",
    )
    return pooled.view(boxes.shape[0], cells * cells, channels)


def _within(cell: Tensor, number: Tensor | int) -> Tensor:
    """Numbers of cells as int64, the nearest of 0 to ``number - 1``."""
    cell = cell.long().clamp(min=0)
    return cell.clamp(max=number - 1) if isinstance(number, int) else cell.minimum(number - 1)


def _level_of(boxes: Tensor, spacing: float, levels: int) -> Tensor:
    """The level that each window is read from: ``[B]`` int64.

    Args:
        boxes: ``[B, 4]``, fractions of the image's sides.
        spacing: cells of the finest level between two points of a window that is the
            whole image.
        levels: number of levels.
    """
    sides = (boxes[:, 2:] - boxes[:, :2]).prod(dim=1).clamp(min=1e-12).sqrt()
    return (sides * spacing).log2().floor().long().clamp(0, levels - 1)
