"""Moves of learned length: what they are taught, and where they would lead.

A step goes to the best-matching object from a window that is near it; a zoom goes from a
quarter of a window to an object in it that is small beside the window.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from objloc.box import area, iou, quarter, quarters
from objloc.learning.targets import Batch
from objloc.mdp.action import Moves, steps_between
from objloc.network.q_network import QNetwork
from objloc.network.value_range import TriggerRange
from objloc.network.valuer import QUARTERS, STEP_UNIT
from objloc.params import Mdp

_LIKELY = 0.1
"""Chance of a right trigger, or of something in a quarter, from which on moves are made."""


def step_loss(
    batch: Batch, window: Tensor, category: Tensor, said: Tensor, least_iou: float
) -> Tensor:
    """Mean Huber loss of the steps to the best-matching object, of windows near one.

    Args:
        batch: B windows.
        window: ``[P]`` int64, which of them.
        category: ``[P]`` int64.
        said: ``[P, 4]``, the network's steps.
        least_iou: with the object, from which on steps are taught.

    Source: Girshick (2015), equation 3.
    """
    boxes = batch.observation.boxes[window, -1]
    mine = batch.labels[window] == category[:, None]
    overlap = torch.where(mine, iou(boxes[:, None], batch.objects[window]), 0.0)
    best, which = overlap.max(dim=1)
    taught = (best >= least_iou).nonzero(as_tuple=True)[0]
    objects = batch.objects[window[taught], which[taught]]
    steps = steps_between(boxes[taught], objects)
    return _distance(said[taught.to(said.device)], steps)


def _distance(said: Tensor, steps: Tensor) -> Tensor:
    """Mean over ``[n, 4]`` of the steps' Huber losses, added up over the axes; 0 for none."""
    wanted = steps.float().to(said.device) / STEP_UNIT
    errors = F.smooth_l1_loss(said / STEP_UNIT, wanted, reduction="none").sum(dim=1)
    return errors.sum() / max(1, len(steps))


class ZoomTargets(NamedTuple):
    """What the zooms of P pairs of window and category are taught.

    Attributes:
        held: ``[P, 4]`` bool, whether each quarter holds something to zoom to.
        steps: ``[n, 4]`` float64, from the quarter to it, for those that do.
    """

    held: Tensor
    steps: Tensor


def zoom_targets(batch: Batch, window: Tensor, category: Tensor, least_iou: float) -> ZoomTargets:
    """What lies in the quarters of windows: objects too far away for a step.

    An object lies in the quarter that its centre is in. Those that are larger than the
    window, or overlap it by ``least_iou``, do not count; of several in a quarter the
    largest is zoomed to.

    Args:
        batch: B windows.
        window: ``[P]`` int64, which of them.
        category: ``[P]`` int64.
        least_iou: see ``step_loss``.
    """
    boxes, objects = batch.observation.boxes[window, -1], batch.objects[window]
    parts, sizes = quarters(boxes), area(objects)
    small = batch.labels[window] == category[:, None]
    small &= iou(boxes[:, None], objects) < least_iou
    small &= sizes < area(boxes)[:, None]
    centre = ((objects[..., :2] + objects[..., 2:]) / 2)[:, None]
    inside = (centre >= parts[:, :, None, :2]) & (centre < parts[:, :, None, 2:])
    there = inside.all(dim=-1) & small[:, None]
    largest, which = torch.where(there, sizes[:, None], -1.0).max(dim=-1)
    held = largest > 0
    pair, part = held.nonzero(as_tuple=True)
    return ZoomTargets(held, steps_between(parts[pair, part], objects[pair, which[pair, part]]))


def zoom_losses(
    targets: ZoomTargets, odds: Tensor, said: Tensor, weight: Tensor
) -> tuple[Tensor, Tensor]:
    """Mean cross-entropy of the chances of zooms, and mean Huber loss of where they lead.

    Args:
        targets: of P pairs.
        odds: ``[P, 4]``, the network's log-odds.
        said: ``[P, 4, 4]``, its steps from the quarters.
        weight: ``[P]``, of the cross-entropies.
    """
    held = targets.held.to(odds.device)
    entropy = F.binary_cross_entropy_with_logits(odds, held.float(), reduction="none")
    chance = (entropy * weight[:, None]).sum() / (QUARTERS * weight.sum())
    return chance, _distance(said[held], targets.steps)


class LearnedMoves:
    """The learned moves of a network, made where they seem worth it.

    Args:
        network: whose moves they are.
        mdp: its decision process.
    """

    def __init__(self, network: QNetwork, mdp: Mdp) -> None:
        self._network = network
        self._moves = Moves(mdp)
        self._range = TriggerRange.of(network.bounds, mdp)

    def landings(self, batch: Batch, window: Tensor, outputs: Tensor) -> tuple[Tensor, Tensor]:
        """Where they lead from some windows.

        Args:
            batch: B windows.
            window: ``[P]`` int64, which of them.
            outputs: ``[P, O]``, what the network says of them, each for a category.

        Returns:
            Images ``[n]`` int64 of the store, and windows ``[n, 4]`` float64 in their pixels.
        """
        network = self._network
        boxes, sizes = batch.observation.boxes[window, -1], batch.sizes[window]
        from_windows, to = [window[:0]], [boxes[:0]]
        if network.learned_steps:
            trigger = network.values_of(outputs)[:, -1]
            likely = (self._range.fraction(trigger) >= _LIKELY).cpu()
            steps = network.steps_of(outputs).cpu().double()[likely]
            from_windows.append(window[likely])
            to.append(self._moves.by(boxes[likely], sizes[likely], steps))
        if network.learned_zooms:
            odds, steps = network.zooms_of(outputs)
            pair, part = (torch.sigmoid(odds) >= _LIKELY).cpu().nonzero(as_tuple=True)
            from_windows.append(window[pair])
            begin = quarter(boxes[pair], part)
            to.append(self._moves.by(begin, sizes[pair], steps.cpu().double()[pair, part]))
        windows = torch.cat(from_windows)
        return batch.observation.image[windows], batch.as_stored(windows, torch.cat(to))
