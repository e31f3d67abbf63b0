"""Outcomes of all actions, from geometry: their rewards, and the values of the next windows."""

from typing import NamedTuple

import torch
from torch import Tensor

from objloc.box import best_iou_by_label
from objloc.data.image_batch import ImageBatch
from objloc.learning.batch import Batch
from objloc.learning.selection import places
from objloc.mdp.action import Moves, actions_of
from objloc.mdp.reward import move_reward, trigger_reward
from objloc.network.device import CPU
from objloc.network.q_network import QNetwork
from objloc.network.windows import Pairs, Windows
from objloc.params import Learning, Mdp
from objloc.search.policy import shares


class ActionRewards(NamedTuple):
    """Rewards of all actions, for B windows, C categories and A actions.

    Attributes:
        rewards: ``[B, C, A]`` float32.
        trained: ``[B, C, A]`` bool, the values that are trained; the others have no target.
        next_boxes: ``[B, A, 4]`` float64 pixels, the windows after each action.
    """

    rewards: Tensor
    trained: Tensor
    next_boxes: Tensor


class ActionOutcomes:
    """Rewards and next values of all actions for all categories.

    For a category in the image, a move earns its reward by the change of IoU and leads to a
    window that the target network values; the trigger earns its reward and ends the episode.
    For a category that the image does not hold only the trigger is trained, and it is always
    wrong: that makes its value a detection score.

    Args:
        mdp: the decision process.
        learning: ``absent_reward`` and ``double`` are used.
        per_category: False: only the category that the episode searched is trained.
        device: that of the batches.
    """

    def __init__(
        self, mdp: Mdp, learning: Learning, per_category: bool, device: torch.device = CPU
    ) -> None:
        self._mdp = mdp
        self._learning = learning
        self._per_category = per_category
        self._moves = Moves(mdp, device)
        self._num_moves = len(actions_of(mdp)) - 1

    def rewards(self, batch: Batch, num_categories: int) -> ActionRewards:
        """Rewards of all actions in a batch."""
        boxes = batch.observation.boxes[:, -1]
        next_boxes = self._moves.every(boxes, batch.sizes)
        both = torch.cat([boxes[:, None], next_boxes], dim=1)
        overlaps = best_iou_by_label(both, batch.objects, batch.labels, num_categories)
        before, after = overlaps[:, :1], overlaps[:, 1:]
        rewards = move_reward(before, after, self._mdp).transpose(1, 2).clone()
        every = torch.arange(num_categories, device=boxes.device)
        present = (batch.labels[:, :, None] == every).any(dim=1)
        trigger = trigger_reward(before[:, 0], self._mdp)
        rewards[..., -1] = torch.where(present, trigger, self._learning.absent_reward)
        trained = present[:, :, None].expand_as(rewards).clone()
        trained[..., -1] = True
        if not self._per_category:
            searched = batch.observation.category[:, None] == every
            trained &= searched[:, :, None]
        return ActionRewards(rewards, trained, next_boxes)

    def next_values(
        self,
        batch: Batch,
        outcomes: ActionRewards,
        online: QNetwork,
        target: QNetwork,
        most: int,
    ) -> Tensor:
        """Bootstrap values of the windows after each move: ``[B, C, A - 1]`` float32.

        The trigger has none, since it ends the episode. Values are 0 for categories whose
        moves are not trained.

        Args:
            batch: the batch.
            outcomes: result of ``rewards``.
            online: the online network; it chooses the actions with ``learning.double``.
            target: the target network.
            most: room for pairs whose moves are trained, see ``objloc.learning.selection``.
        """
        seen, number, moves = batch.observation, len(batch.index), self._num_moves
        device, categories = seen.boxes.device, outcomes.trained.shape[1]
        move = torch.arange(moves, device=device)
        rows = torch.arange(number * moves, device=device) // moves
        next_boxes = outcomes.next_boxes[:, :moves].reshape(-1, 1, 4)
        boxes = torch.cat([seen.boxes[rows, 1:], next_boxes], dim=1)
        actions = seen.actions[rows]
        if actions.shape[1]:
            actions = torch.cat([actions[:, 1:], move.repeat(number)[:, None]], dim=1)
        place, real = places(outcomes.trained[:, :, 0].flatten(), most)
        row, category = place // categories, place % categories
        windows = Windows(batch.index[rows], shares(boxes, batch.sizes[rows]), actions)
        pairs = Pairs(
            (row[:, None] * moves + move).flatten(),
            category[:, None].expand(-1, moves).flatten(),
        )
        double = self._learning.double
        best = bootstrap_values(online, target, double, batch.images, windows, pairs)
        # The last row takes what has no place.
        values = torch.zeros(number * categories + 1, moves, device=device)
        values[torch.where(real, place, number * categories)] = best.view(-1, moves)
        return values[:-1].view(number, categories, moves)


def bootstrap_values(
    online: QNetwork,
    target: QNetwork,
    double: bool,
    images: ImageBatch,
    windows: Windows,
    pairs: Pairs,
) -> Tensor:
    """Values of next states by the target network: ``[P]`` float32.

    Args:
        online: the online network; it chooses the actions if ``double``.
        target: the target network.
        double: see ``bootstrap``.
        images: M images.
        windows: the windows of the next states, in the images.
        pairs: P pairs of a window and a category.
    """
    values = chooser = _values_without_gradient(target, images, windows, pairs)
    if double:
        chooser = _values_without_gradient(online, images, windows, pairs)
    return bootstrap(chooser, values, double)


def bootstrap(online: Tensor, target: Tensor, double: bool) -> Tensor:
    """The value of the next state: ``[..., A]``, ``[..., A]`` to ``[...]``.

    Source: Mnih et al. (2015); van Hasselt et al. (2016) for ``double``, where the online
    network chooses the action and the target network values it.
    """
    if double:
        return target.gather(-1, online.argmax(dim=-1, keepdim=True)).squeeze(-1)
    return target.max(dim=-1).values


@torch.no_grad()
def _values_without_gradient(
    network: QNetwork, images: ImageBatch, windows: Windows, pairs: Pairs
) -> Tensor:
    """``Valuer.values_for`` in evaluation mode; the mode is restored."""
    was_training = network.training
    network.eval()
    views = network.encode(images)
    values = network.values_for(views, windows, pairs).float()
    network.train(was_training)
    return values
