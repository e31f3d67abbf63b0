"""Auxiliary outputs of the network: presence, learned steps, learned zooms. An add-on.

Presence is whether the window shows an object of the category. A learned step leads to the
best-matching object from a window near it. A learned zoom leads from a quarter of a window to
an object in it that is small beside the window.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from objloc.box import area, iou, max_by_label, quarters
from objloc.learning.batch import Batch
from objloc.learning.selection import selected
from objloc.mdp.action import Moves, steps_between
from objloc.network.q_network import QNetwork
from objloc.network.value_range import TriggerRange
from objloc.network.valuer import QUARTERS, STEP_UNIT
from objloc.network.windows import Pairs
from objloc.params import Learning, Mdp

_MIN_COVERAGE = 0.5
"""Fraction of an object that must lie in a window for the category to be present."""
_MIN_CHANCE = 0.1
"""Chance of a correct trigger, or of an object in a quarter, from which learned moves are made."""


def auxiliary_losses(
    network: QNetwork,
    learning: Learning,
    batch: Batch,
    pairs: Pairs,
    outputs: Tensor,
    weight: Tensor,
    importance: Tensor,
) -> tuple[Tensor, ...]:
    """Weighted losses of the auxiliary outputs that the network has.

    Args:
        network: the network that made the outputs.
        learning: weights of the losses.
        batch: B windows.
        pairs: P pairs of a window and a category.
        outputs: ``[P, O]``.
        weight: ``[P]``, weight of each pair, 0 where it is padding.
        importance: ``[P]``, importance weight of each pair.
    """
    losses = []
    if network.presence:
        logits = outputs[:, network.num_actions]
        loss = presence_loss(batch, pairs, len(network.categories), logits, weight, importance)
        losses.append(learning.presence_weight * loss)
    steps = None
    if network.learned_steps:
        found = network.steps_of(outputs)
        steps = step_loss(batch, pairs, found, learning.step_iou, weight > 0)
    if network.learned_zooms:
        logits, found = network.zooms_of(outputs)
        targets = zoom_targets(batch, pairs, learning.step_iou, weight > 0)
        zooms, zoom_steps = zoom_losses(targets, logits, found, weight * importance)
        losses.append(learning.zoom_weight * zooms)
        steps = zoom_steps if steps is None else steps + zoom_steps
    if steps is not None:
        losses.append(learning.step_weight * steps)
    return tuple(losses)


def presence_loss(
    batch: Batch,
    pairs: Pairs,
    num_categories: int,
    logits: Tensor,
    weight: Tensor,
    importance: Tensor,
) -> Tensor:
    """Mean cross-entropy of presence; ``logits`` is ``[P]``, see also ``auxiliary_losses``."""
    boxes = batch.observation.boxes[:, -1]
    coverage = coverage_by_label(boxes, batch.objects, batch.labels, num_categories)
    present = (coverage >= _MIN_COVERAGE)[pairs].float()
    entropy = F.binary_cross_entropy_with_logits(logits, present, reduction="none")
    return (entropy * weight * importance).sum() / weight.sum()


def coverage_by_label(boxes: Tensor, objects: Tensor, labels: Tensor, num_labels: int) -> Tensor:
    """The maximum fraction of an object of each label that lies in a box.

    Shapes: ``[B, 4]``, ``[B, K, 4]``, ``[B, K]`` int64 to ``[B, C]``; 0 where the
    label has no object.
    """
    low = torch.maximum(boxes[:, None, :2], objects[..., :2])
    high = torch.minimum(boxes[:, None, 2:], objects[..., 2:])
    inside = (high - low).clamp(min=0).prod(dim=-1) / area(objects).clamp(min=1e-9)
    return max_by_label(inside[:, None], labels, num_labels)[:, 0]


def step_loss(batch: Batch, pairs: Pairs, steps: Tensor, min_iou: float, real: Tensor) -> Tensor:
    """Mean Huber loss of the steps to the best-matching object, for windows near one.

    Args:
        batch: B windows.
        pairs: P pairs of a window and a category.
        steps: ``[P, 4]``, the network's steps.
        min_iou: minimum IoU with the object for a step to be trained.
        real: ``[P]`` bool, False where a pair is padding.

    Source: Girshick (2015), equation 3.
    """
    window, category = pairs
    boxes = batch.observation.boxes[window, -1]
    mine = batch.labels[window] == category[:, None]
    overlap = torch.where(mine, iou(boxes[:, None], batch.objects[window]), 0.0)
    best, which = overlap.max(dim=1)
    near = (best >= min_iou) & real
    objects = batch.objects[selected(window, near), selected(which, near)]
    trained = selected(near, near)
    return _huber_loss(selected(steps, near), selected(boxes, near), objects, trained)


def _huber_loss(steps: Tensor, boxes: Tensor, objects: Tensor, trained: Tensor) -> Tensor:
    """Huber loss of steps from boxes to objects: the sum over the axes, the mean over boxes.

    Shapes: ``[n, 4]``, ``[n, 4]``, ``[n, 4]``, ``[n]`` bool; 0 if none is trained.
    """
    targets = torch.where(trained[:, None], steps_between(boxes, objects), 0.0)
    targets = targets.float() / STEP_UNIT
    errors = F.smooth_l1_loss(steps / STEP_UNIT, targets, reduction="none").sum(dim=1)
    return errors.sum() / trained.sum().clamp(min=1)


class ZoomTargets(NamedTuple):
    """Targets of the zooms of P pairs of window and category.

    Attributes:
        held: ``[P, 4]`` bool, whether each quarter holds an object to zoom to.
        boxes: ``[n, 4]`` float64 pixels, the quarters that do (``objloc.learning.selection``).
        objects: ``[n, 4]`` float64 pixels, the objects that they hold.
    """

    held: Tensor
    boxes: Tensor
    objects: Tensor


def zoom_targets(batch: Batch, pairs: Pairs, min_iou: float, real: Tensor) -> ZoomTargets:
    """Find the objects in the quarters of windows that are too far away for a step.

    An object lies in the quarter that holds its centre. Objects that are larger than the
    window, or overlap it by ``min_iou``, do not count. Of several in a quarter the largest
    is the target.

    Args:
        batch: B windows.
        pairs: P pairs of a window and a category.
        min_iou: see ``step_loss``.
        real: see ``step_loss``.
    """
    window, category = pairs
    boxes, objects = batch.observation.boxes[window, -1], batch.objects[window]
    parts, sizes = quarters(boxes), area(objects)
    small = batch.labels[window] == category[:, None]
    small &= iou(boxes[:, None], objects) < min_iou
    small &= sizes < area(boxes)[:, None]
    centre = ((objects[..., :2] + objects[..., 2:]) / 2)[:, None]
    inside = (centre >= parts[:, :, None, :2]) & (centre < parts[:, :, None, 2:])
    there = inside.all(dim=-1) & small[:, None]
    largest, which = torch.where(there, sizes[:, None], -1.0).max(dim=-1)
    held = (largest > 0) & real[:, None]
    largest_objects = objects.take_along_dim(which[..., None], dim=1)
    return ZoomTargets(held, selected(parts, held), selected(largest_objects, held))


def zoom_losses(
    targets: ZoomTargets, logits: Tensor, steps: Tensor, weight: Tensor
) -> tuple[Tensor, Tensor]:
    """Mean cross-entropy of the quarters' logits, and mean Huber loss of the steps from them.

    Args:
        targets: targets of P pairs.
        logits: ``[P, 4]``, the network's log-odds that a quarter holds an object.
        steps: ``[P, 4, 4]``, its steps from the quarters.
        weight: ``[P]``, weight of each pair's cross-entropies.
    """
    held = targets.held
    entropy = F.binary_cross_entropy_with_logits(logits, held.float(), reduction="none")
    chance_loss = (entropy * weight[:, None]).sum() / (QUARTERS * weight.sum())
    found, trained = selected(steps, held), selected(held, held)
    return chance_loss, _huber_loss(found, targets.boxes, targets.objects, trained)


class LearnedMoves:
    """The windows that a network's learned steps and zooms lead to.

    Args:
        network: the network whose moves they are.
        mdp: its decision process.
    """

    def __init__(self, network: QNetwork, mdp: Mdp) -> None:
        self._network = network
        self._moves = Moves(mdp, network.device)
        self._range = TriggerRange.of(network.bounds, mdp)

    def landings(
        self, batch: Batch, pairs: Pairs, outputs: Tensor, real: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Make the moves that are likely enough to be worth it.

        Args:
            batch: B windows.
            pairs: P pairs of a window and a category.
            outputs: ``[P, O]``, the network's outputs for them.
            real: ``[P]`` bool, False where a pair is padding.

        Returns:
            Images ``[n]`` int64 of the store, windows ``[n, 4]`` float64 in their pixels, and
            ``[n]`` bool, whether the move is made (``objloc.learning.selection``).
        """
        network, window = self._network, pairs.window
        boxes, sizes = batch.observation.boxes[window, -1], batch.sizes[window]
        from_windows, to, made = [window[:0]], [boxes[:0]], [real[:0]]
        if network.learned_steps:
            trigger = network.values_of(outputs)[:, -1]
            likely = (self._range.fraction(trigger) >= _MIN_CHANCE) & real
            steps = network.steps_of(outputs).double()
            from_windows.append(selected(window, likely))
            to.append(self._moves.by(*(selected(each, likely) for each in (boxes, sizes, steps))))
            made.append(selected(likely, likely))
        if network.learned_zooms:
            logits, steps = network.zooms_of(outputs)
            likely = (torch.sigmoid(logits) >= _MIN_CHANCE) & real[:, None]
            begin = selected(quarters(boxes), likely)
            sizes = selected(sizes[:, None].expand(-1, QUARTERS, -1), likely)
            from_windows.append(selected(window[:, None].expand(-1, QUARTERS), likely))
            to.append(self._moves.by(begin, sizes, selected(steps.double(), likely)))
            made.append(selected(likely, likely))
        windows = torch.cat(from_windows)
        landed = batch.as_stored(windows, torch.cat(to))
        return batch.observation.image[windows], landed, torch.cat(made)
