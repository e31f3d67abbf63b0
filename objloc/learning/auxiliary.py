"""Auxiliary outputs of the network: presence, learned steps, learned zooms. An add-on.

Presence is whether the window shows an object of the category. A learned step leads to the
best-matching object from a window near it. A learned zoom leads from a quarter of a window to
an object in it that is small beside the window.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from objloc.box import area, iou, max_by_label, quarter, quarters
from objloc.learning.batch import Batch
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
        weight: ``[P]``, weight of each pair.
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
        steps = step_loss(batch, pairs, found, learning.step_iou)
    if network.learned_zooms:
        logits, found = network.zooms_of(outputs)
        targets = zoom_targets(batch, pairs, learning.step_iou)
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
    entropy = F.binary_cross_entropy_with_logits(
        logits, present.to(logits.device), reduction="none"
    )
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


def step_loss(batch: Batch, pairs: Pairs, steps: Tensor, min_iou: float) -> Tensor:
    """Mean Huber loss of the steps to the best-matching object, for windows near one.

    Args:
        batch: B windows.
        pairs: P pairs of a window and a category.
        steps: ``[P, 4]``, the network's steps.
        min_iou: minimum IoU with the object for a step to be trained.

    Source: Girshick (2015), equation 3.
    """
    window, category = pairs
    boxes = batch.observation.boxes[window, -1]
    mine = batch.labels[window] == category[:, None]
    overlap = torch.where(mine, iou(boxes[:, None], batch.objects[window]), 0.0)
    best, which = overlap.max(dim=1)
    near = (best >= min_iou).nonzero(as_tuple=True)[0]
    targets = steps_between(boxes[near], batch.objects[window[near], which[near]])
    return _huber_loss(steps[near.to(steps.device)], targets)


def _huber_loss(steps: Tensor, targets: Tensor) -> Tensor:
    """Huber loss of steps ``[n, 4]``: the sum over the axes, the mean over n; 0 for none."""
    targets = targets.float().to(steps.device) / STEP_UNIT
    errors = F.smooth_l1_loss(steps / STEP_UNIT, targets, reduction="none").sum(dim=1)
    return errors.sum() / max(1, len(targets))


class ZoomTargets(NamedTuple):
    """Targets of the zooms of P pairs of window and category.

    Attributes:
        held: ``[P, 4]`` bool, whether each quarter holds an object to zoom to.
        steps: ``[n, 4]`` float64, steps from the quarter to it, for the quarters that do.
    """

    held: Tensor
    steps: Tensor


def zoom_targets(batch: Batch, pairs: Pairs, min_iou: float) -> ZoomTargets:
    """Find the objects in the quarters of windows that are too far away for a step.

    An object lies in the quarter that holds its centre. Objects that are larger than the
    window, or overlap it by ``min_iou``, do not count. Of several in a quarter the largest
    is the target.

    Args:
        batch: B windows.
        pairs: P pairs of a window and a category.
        min_iou: see ``step_loss``.
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
    held = largest > 0
    pair, part = held.nonzero(as_tuple=True)
    return ZoomTargets(held, steps_between(parts[pair, part], objects[pair, which[pair, part]]))


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
    held = targets.held.to(logits.device)
    entropy = F.binary_cross_entropy_with_logits(logits, held.float(), reduction="none")
    chance_loss = (entropy * weight[:, None]).sum() / (QUARTERS * weight.sum())
    return chance_loss, _huber_loss(steps[held], targets.steps)


class LearnedMoves:
    """The windows that a network's learned steps and zooms lead to.

    Args:
        network: the network whose moves they are.
        mdp: its decision process.
    """

    def __init__(self, network: QNetwork, mdp: Mdp) -> None:
        self._network = network
        self._moves = Moves(mdp)
        self._range = TriggerRange.of(network.bounds, mdp)

    def landings(self, batch: Batch, pairs: Pairs, outputs: Tensor) -> tuple[Tensor, Tensor]:
        """Make the moves that are likely enough to be worth it.

        Args:
            batch: B windows.
            pairs: P pairs of a window and a category.
            outputs: ``[P, O]``, the network's outputs for them.

        Returns:
            Images ``[n]`` int64 of the store, and windows ``[n, 4]`` float64 in their pixels.
        """
        network, window = self._network, pairs.window
        boxes, sizes = batch.observation.boxes[window, -1], batch.sizes[window]
        from_windows, to = [window[:0]], [boxes[:0]]
        if network.learned_steps:
            trigger = network.values_of(outputs)[:, -1]
            likely = (self._range.fraction(trigger) >= _MIN_CHANCE).cpu()
            steps = network.steps_of(outputs).cpu().double()[likely]
            from_windows.append(window[likely])
            to.append(self._moves.by(boxes[likely], sizes[likely], steps))
        if network.learned_zooms:
            logits, steps = network.zooms_of(outputs)
            pair, part = (torch.sigmoid(logits) >= _MIN_CHANCE).cpu().nonzero(as_tuple=True)
            from_windows.append(window[pair])
            begin = quarter(boxes[pair], part)
            to.append(self._moves.by(begin, sizes[pair], steps.cpu().double()[pair, part]))
        windows = torch.cat(from_windows)
        return batch.observation.image[windows], batch.as_stored(windows, torch.cat(to))
