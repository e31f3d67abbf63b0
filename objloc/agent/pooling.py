"""Windows pooled out of maps and pictures, differentiably."""

import torch
import torch.nn.functional as F
from torch import Tensor


def sampling_grid(boxes: Tensor, cells: int, context: float = 1.0) -> Tensor:
    """Centres of a window's cells, for ``grid_sample``.

    Args:
        boxes: ``[B, 4]`` as shares of the image's sides.
        cells: a side.
        context: the window is widened by this factor first.

    Returns:
        ``[B, cells, cells, 2]`` x and y, -1 to 1 across the image.
    """
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    side = (boxes[:, 2:] - boxes[:, :2]) * context
    ticks = (torch.arange(cells, device=boxes.device, dtype=boxes.dtype) + 0.5) / cells - 0.5
    x = centre[:, :1] + side[:, :1] * ticks
    y = centre[:, 1:] + side[:, 1:] * ticks
    grid = torch.stack(
        [x[:, None, :].expand(-1, cells, -1), y[:, :, None].expand(-1, -1, cells)], dim=-1
    )
    return grid * 2 - 1


def pool_windows(views: Tensor, index: Tensor, boxes: Tensor, cells: int, context: float) -> Tensor:
    """Windows pooled out of feature maps by bilinear interpolation.

    The four neighbours of each point are gathered and summed with their weights
    in one pass, so windows of different images may come in any order and number
    (``grid_sample`` would copy a map for each window). Points outside the image
    read zero, as ``padding_mode="zeros"`` does.

    Args:
        views: ``[N, C, H, W]``.
        index: ``[B]`` int64, the map of each window.
        boxes: ``[B, 4]`` float32, shares of the image's sides.
        cells: a side.
        context: the window is widened by this factor.

    Returns:
        ``[B, cells * cells, C]``.
    """
    number, channels, height, width = views.shape
    flat = views.permute(0, 2, 3, 1).reshape(number * height * width, channels)
    point = (sampling_grid(boxes, cells, context) + 1) / 2
    x = point[..., 0] * width - 0.5
    y = point[..., 1] * height - 0.5
    left, top = x.floor(), y.floor()
    places, weights = [], []
    base = (index * (height * width)).view(-1, 1, 1)
    for down in (0, 1):
        for right in (0, 1):
            column, row = left + right, top + down
            weight = (1 - (x - column).abs()) * (1 - (y - row).abs())
            inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
            weights.append(torch.where(inside, weight, 0.0))
            place = row.clamp(0, height - 1).long() * width + column.clamp(0, width - 1).long()
            places.append(base + place)
    pooled = F.embedding_bag(
        torch.stack(places, dim=-1).view(-1, 4),
        flat,
        per_sample_weights=torch.stack(weights, dim=-1).view(-1, 4).to(flat.dtype),
        mode="sum",
    )
    return pooled.view(boxes.shape[0], cells * cells, channels)
