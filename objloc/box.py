"""Geometry of boxes.

A box is ``(xmin, ymin, xmax, ymax)`` in pixels, zero-based and half-open. Its width is
``xmax - xmin``, so that IoU equals the devkit's (which counts inclusive pixels) without
any ``+ 1``. The last dimension of a tensor holds the four numbers. Tensors are float64
unless a caller needs another type.
"""

import torch
from torch import Tensor

_NEGLIGIBLE = 0.001
"""Scores below it are not lowered further by ``soft_nms``."""


def area(boxes: Tensor) -> Tensor:
    """Area in square pixels. Shapes: ``[..., 4]`` to ``[...]``."""
    return _area_between(*boxes.chunk(2, dim=-1))


def iou(a: Tensor, b: Tensor) -> Tensor:
    """Intersection over union, element by element; 0 where both are empty.

    Shapes: ``[..., 4]`` and ``[..., 4]``, broadcast, to ``[...]``.
    """
    (a_low, a_high), (b_low, b_high) = a.chunk(2, dim=-1), b.chunk(2, dim=-1)
    shared = _area_between(torch.maximum(a_low, b_low), torch.minimum(a_high, b_high))
    union = _area_between(a_low, a_high) + _area_between(b_low, b_high) - shared
    # What is shared is no larger than the union, also as rounded: 0 where this is 0.
    return shared / union.clamp_(min=torch.finfo(union.dtype).tiny)


def _area_between(low: Tensor, high: Tensor) -> Tensor:
    """Area between two corners, 0 where they are turned. Shapes: two ``[..., 2]`` to ``[...]``."""
    width, height = (high - low).clamp_(min=0).unbind(dim=-1)
    return width * height


def pairwise_iou(a: Tensor, b: Tensor) -> Tensor:
    """IoU of each box of ``a`` with each box of ``b``: ``[N, 4]``, ``[M, 4]`` to ``[N, M]``."""
    return iou(a[:, None], b[None, :])


def best_iou(boxes: Tensor, objects: Tensor, present: Tensor | None = None) -> Tensor:
    """IoU of each box with its best-matching object; 0 if there is none.

    Args:
        boxes: boxes, ``[..., 4]``.
        objects: boxes of the objects, ``[..., K, 4]``, padded.
        present: bool ``[..., K]``, False where padded; None: padding is empty boxes.

    Returns:
        IoU, ``[...]``.
    """
    overlaps = iou(boxes[..., None, :], objects)
    if present is not None:
        overlaps = torch.where(present, overlaps, 0.0)
    if overlaps.shape[-1] == 0:
        return torch.zeros_like(boxes[..., 0])
    return overlaps.amax(dim=-1)


def non_maximum_suppression(boxes: Tensor, scores: Tensor, threshold: float) -> Tensor:
    """Indices of the boxes kept, best score first; see ``batched_nms``.

    Shapes: ``[N, 4]``, ``[N]`` to ``[M]`` (int64).
    """
    valid = torch.ones_like(scores, dtype=torch.bool)
    kept = batched_nms(boxes[None], scores[None], valid[None], threshold)[0]
    order = scores.argsort(descending=True, stable=True)
    return order[kept[order]]


def batched_nms(boxes: Tensor, scores: Tensor, valid: Tensor, threshold: float) -> Tensor:
    """Non-maximum suppression in each row.

    A box goes when a better one that is kept overlaps it by an IoU above ``threshold``.
    Equal scores keep their order. Where the same boxes are scored for several categories,
    their overlaps are computed once.

    Args:
        boxes: ``[B, W, 4]`` float64.
        scores: ``[B, W]``, or ``[B, C, W]`` for each of C categories.
        valid: bool, of the shape of ``scores``; the other boxes count as absent.
        threshold: IoU above which the lower-scored of two boxes is dropped.

    Returns:
        Bool, of the shape of ``scores``: the boxes kept.
    """
    if scores.dim() == 2:
        return batched_nms(boxes, scores[:, None], valid[:, None], threshold)[:, 0]
    overlaps = iou(boxes[:, :, None], boxes[:, None]) > threshold
    ranked_scores = scores.masked_fill(~valid, -torch.inf)
    order = ranked_scores.argsort(dim=2, descending=True, stable=True)
    rank = order.argsort(dim=2)
    kept = valid.clone()
    row = torch.arange(len(boxes))[:, None]
    for place in range(int(valid.sum(dim=2).max()) if valid.numel() else 0):
        best = order[:, :, place]
        alive = kept.gather(2, best[..., None])
        kept &= ~(overlaps[row, best] & alive & (rank > place))
    return kept


def soft_nms(boxes: Tensor, scores: Tensor, valid: Tensor, width: float) -> Tensor:
    """Soft non-maximum suppression: lower the scores of boxes that overlap better ones.

    The best-scored box keeps its score and every other score is multiplied by
    exp(-IoU^2 / width) for its overlap with the best; then the best of the rest, and so on.
    Source: Bodla et al. (2017), "Soft-NMS", equation 3.

    Args:
        boxes: ``[B, W, 4]`` float64.
        scores: ``[B, C, W]`` float32, 0 to 1, for each of C categories.
        valid: bool, of the same shape; the others count as absent.
        width: denominator of the exponent; a larger one lowers scores less.

    Returns:
        Scores ``[B, C, W]``; those of absent boxes are 0.
    """
    factor = torch.exp(-(iou(boxes[:, :, None], boxes[:, None]) ** 2) / width).float()
    row = torch.arange(len(boxes))[:, None]
    found = torch.where(valid, scores, 0.0)
    left = found.clone()
    while left.numel():
        best, place = left.max(dim=2)
        if float(best.max()) < _NEGLIGIBLE:
            break
        open_ = left > 0
        open_.scatter_(2, place[..., None], False)
        found = torch.where(open_, found * factor[row, place], found)
        left = torch.where(open_, found, 0.0)
    return found


def quarters(boxes: Tensor) -> Tensor:
    """The four quarters of each box, row by row: ``[..., 4]`` to ``[..., 4, 4]``."""
    low, high = boxes[..., :2], boxes[..., 2:]
    middle = (low + high) / 2
    edges = torch.stack([low, middle, high], dim=-1)
    x, y = edges[..., 0, :], edges[..., 1, :]
    return torch.stack(
        [
            torch.stack([x[..., i], y[..., j], x[..., i + 1], y[..., j + 1]], dim=-1)
            for j in (0, 1)
            for i in (0, 1)
        ],
        dim=-2,
    )


def quarter(boxes: Tensor, which: Tensor) -> Tensor:
    """One quarter of each box, see ``quarters``: ``[..., 4]``, ``[...]`` int64 to ``[..., 4]``."""
    return quarters(boxes).take_along_dim(which[..., None, None], dim=-2)[..., 0, :]


def to_voc(box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    """Convert a box to the devkit's one-based inclusive pixels, as in all output files."""
    xmin, ymin, xmax, ymax = box
    return (xmin + 1, ymin + 1, xmax, ymax)


def from_voc(box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    """Convert a box from the devkit's one-based inclusive pixels to zero-based, half-open ones."""
    xmin, ymin, xmax, ymax = box
    return (xmin - 1, ymin - 1, xmax, ymax)


def best_iou_by_label(boxes: Tensor, objects: Tensor, labels: Tensor, num_labels: int) -> Tensor:
    """IoU of each box with its best-matching object of each label.

    Args:
        boxes: boxes, ``[B, n, 4]``.
        objects: boxes of the objects, ``[B, K, 4]``, padded.
        labels: labels of the objects, ``[B, K]`` int64, -1 where padded.
        num_labels: number C of labels.

    Returns:
        IoU, ``[B, n, C]``; 0 where there is no object of the label.
    """
    return max_by_label(iou(boxes[:, :, None], objects[:, None]), labels, num_labels)


def max_by_label(values: Tensor, labels: Tensor, num_labels: int) -> Tensor:
    """Maximum value among the objects of each label.

    Args:
        values: a value for each box and object, ``[B, n, K]``, not negative.
        labels: labels of the objects, ``[B, K]`` int64, -1 where padded.
        num_labels: number C of labels.

    Returns:
        Maximum, ``[B, n, C]``; 0 where there is no object of the label.
    """
    number, boxes, _ = values.shape
    # Padding gets an index of its own, which is cut off at the end.
    index = torch.where(labels < 0, num_labels, labels)[:, None].expand_as(values)
    maximum = values.new_zeros(number, boxes, num_labels + 1)
    return maximum.scatter_reduce(2, index, values, "amax")[..., :num_labels]


def flip_horizontally(boxes: Tensor, widths: Tensor) -> Tensor:
    """Mirror boxes ``[B, ..., 4]`` in images of the given widths ``[B]`` in pixels."""
    widths = widths.view(len(widths), *[1] * (boxes.dim() - 2))
    return torch.stack(
        [widths - boxes[..., 2], boxes[..., 1], widths - boxes[..., 0], boxes[..., 3]], dim=-1
    )
