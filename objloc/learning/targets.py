"""What the Q-network is taught: targets of one action or of all, from geometry."""

import dataclasses
from dataclasses import dataclass

import torch
from torch import Tensor

from objloc.box import area, best_iou_by_label, flip_horizontally, greatest_by_label
from objloc.data.image_batch import ImageBatch, Pixels
from objloc.data.store import SampleStore
from objloc.learning.augmentation import crop_randomly, jitter_colours, shift_into
from objloc.learning.replay import Transition
from objloc.mdp.action import Moves, actions_of
from objloc.mdp.environment import Observation
from objloc.mdp.reward import move_reward, trigger_reward
from objloc.network.q_network import QNetwork
from objloc.network.windows import Pairs, Windows
from objloc.params import Learning, Mdp
from objloc.search.policy import shares

_HELD = 0.5
"""Share of an object that must lie in a window to be held by it."""


@dataclass(frozen=True)
class Batch:
    """The states of one update: M images, B windows of them.

    Attributes:
        images: M, augmented.
        index: ``[B]`` int64, image of each window among the M.
        observation: of the B windows, in the augmented image's pixels.
        sizes: ``[B, 2]`` float64 pixels.
        objects: ``[B, K, 4]`` float64, the truth in the augmented image's pixels.
        labels: ``[B, K]`` int64, categories of the objects, -1 where padded.
        mirrored: ``[B]`` bool, whose image was mirrored before it was cut.
        offset: ``[B, 2]`` float64 pixels, upper left corner of the part it was cut to.
        widths: ``[B]`` float64 pixels, of the images as they are in the store.
    """

    images: ImageBatch
    index: Tensor
    observation: Observation
    sizes: Tensor
    objects: Tensor
    labels: Tensor
    mirrored: Tensor
    offset: Tensor
    widths: Tensor

    def as_stored(self, window: Tensor, boxes: Tensor) -> Tensor:
        """Boxes ``[P, 4]`` seen with windows ``[P]``, in pixels of the store's images."""
        boxes = boxes + self.offset[window].repeat(1, 2)
        turned = flip_horizontally(boxes, self.widths[window])
        return torch.where(self.mirrored[window, None], turned, boxes)


def bootstrap(online: Tensor, target: Tensor, double: bool) -> Tensor:
    """The value of the next state: ``[..., A]``, ``[..., A]`` to ``[...]``.

    Source: Mnih et al. (2015); van Hasselt et al. (2016) for ``double``, where
    the online network picks the action that the target network values.
    """
    if double:
        return target.gather(-1, online.argmax(dim=-1, keepdim=True)).squeeze(-1)
    return target.max(dim=-1).values


def sampled_target(transition: Transition, next_value: Tensor, discount: float | Tensor) -> Tensor:
    """Target of the action taken: ``[B]`` float32.

    Args:
        transition: B transitions.
        next_value: ``[B]``, the value of the next state.
        discount: gamma, or ``[B]`` its powers after several steps; nothing follows a
            terminated episode.
    """
    discount_t = torch.where(transition.terminated_t, 0.0, discount)
    return transition.reward_t + discount_t * next_value


class EveryAction:
    """Targets of all actions for all categories, whose outcomes follow from geometry.

    For a category in the image, a move earns the sign of the change of IoU and
    leads to a window whose value the target network knows; the trigger earns its
    reward and ends. For a category that the image does not hold only the trigger
    is taught, and it is always wrong: that makes its value a detection score.

    Args:
        mdp: the decision process.
        learning: discount and the reward of a trigger for an absent category.
        per_category: False: only the category that the episode searched is taught.
    """

    def __init__(self, mdp: Mdp, learning: Learning, per_category: bool) -> None:
        self._mdp = mdp
        self._learning = learning
        self._per_category = per_category
        self._moves = Moves(mdp)
        self._num_actions = len(actions_of(mdp))

    def rewards(self, batch: Batch, num_categories: int) -> tuple[Tensor, Tensor, Tensor]:
        """What every action would earn for every category.

        Returns:
            Rewards ``[B, C, A]`` float32, a mask of the same shape, True where
            the value is taught, and the windows after each action ``[B, A, 4]``.
        """
        boxes = batch.observation.boxes[:, -1]
        following = self._moves.every(boxes, batch.sizes)
        both = torch.cat([boxes[:, None], following], dim=1)
        overlaps = best_iou_by_label(both, batch.objects, batch.labels, num_categories)
        now, after = overlaps[:, :1], overlaps[:, 1:]
        reward = move_reward(now, after, self._mdp).transpose(1, 2).clone()
        present = (batch.labels[:, :, None] == torch.arange(num_categories)).any(dim=1)
        trigger = trigger_reward(now[:, 0], self._mdp)
        reward[..., -1] = torch.where(present, trigger, self._learning.absent_reward)
        taught = present[:, :, None].expand_as(reward).clone()
        taught[..., -1] = True
        if not self._per_category:
            own = batch.observation.category[:, None] == torch.arange(num_categories)
            taught &= own[:, :, None]
        return reward, taught, following

    def presence(self, batch: Batch, num_categories: int) -> Tensor:
        """``[B, C]`` bool: half of an object of the category or more lies in the window."""
        boxes = batch.observation.boxes[:, -1]
        return coverage_by_label(boxes, batch.objects, batch.labels, num_categories) >= _HELD

    def next_values(
        self,
        batch: Batch,
        following: Tensor,
        taught: Tensor,
        online: QNetwork,
        target: QNetwork,
    ) -> Tensor:
        """Values of the windows after each move: ``[B, C, A - 1]`` float32.

        The trigger has none: it ends the episode. Only for categories whose moves
        are taught; 0 for the others.
        """
        seen = batch.observation
        number, moves = len(following), self._num_actions - 1
        rows = torch.arange(number).repeat_interleave(moves)
        boxes = torch.cat([seen.boxes[rows, 1:], following[:, :moves].reshape(-1, 1, 4)], dim=1)
        actions = seen.actions[rows]
        if actions.shape[1]:
            taken = torch.arange(moves).repeat(number)[:, None]
            actions = torch.cat([actions[:, 1:], taken], dim=1)
        row, category = taught[:, :, 0].nonzero(as_tuple=True)
        windows = Windows(batch.index[rows], shares(boxes, batch.sizes[rows]), actions)
        pairs = Pairs(
            (row[:, None] * moves + torch.arange(moves)).flatten(),
            category.repeat_interleave(moves),
        )
        values = chooser = frozen_values(target, batch.images, windows, pairs)
        if self._learning.double:
            chooser = frozen_values(online, batch.images, windows, pairs)
        best = bootstrap(chooser, values, self._learning.double)
        following_values = torch.zeros(number, taught.shape[1], moves)
        following_values[row, category] = best.view(-1, moves)
        return following_values


@torch.no_grad()
def frozen_values(network: QNetwork, images: ImageBatch, windows: Windows, pairs: Pairs) -> Tensor:
    """``Valuer.values_for`` on the CPU, in evaluation mode, leaving the mode as it was."""
    was_training = network.training
    network.eval()
    device = network.device
    views = network.encode(images.to(device))
    values = network.values_for(views, windows.to(device), pairs.to(device)).float().cpu()
    network.train(was_training)
    return values


def make_batch(
    store: SampleStore,
    observation: Observation,
    learning: Learning,
    generator: torch.Generator,
) -> Batch:
    """Fetch the images and the truth of observations, and augment both.

    Args:
        store: the images.
        observation: of B windows.
        learning: ``flip`` and ``jitter``.
        generator: of the augmentation.
    """
    unique, index = torch.unique(observation.image, return_inverse=True)
    images: ImageBatch = store.images[unique]
    sizes = store.sizes[observation.image]
    objects, labels = store.boxes[observation.image], store.object_category[observation.image]
    mirrored = torch.zeros(len(unique), dtype=torch.bool)
    offset, widths = torch.zeros_like(sizes), sizes[:, 0]
    if learning.flip:
        mirrored = torch.rand(len(unique), generator=generator) < 0.5
        images = store.images.partly_mirrored(unique, mirrored)
        mine = mirrored[index, None, None]
        boxes = torch.where(mine, flip_horizontally(observation.boxes, widths), observation.boxes)
        objects = torch.where(mine, flip_horizontally(objects, widths), objects)
        observation = dataclasses.replace(observation, boxes=boxes)
    # Stored features cannot be changed any more.
    if learning.crop and isinstance(images, Pixels):
        cropped, offset, sizes = crop_randomly(
            images.values, store.sizes[unique], index, learning.crop, generator
        )
        images = Pixels(cropped)
        boxes, _ = shift_into(observation.boxes, offset, sizes)
        observation = dataclasses.replace(observation, boxes=boxes)
        objects, seen = shift_into(objects, offset, sizes)
        labels = torch.where(seen, labels, -1)
    if learning.jitter and isinstance(images, Pixels):
        images = Pixels(jitter_colours(images.values, learning.jitter, generator))
    return Batch(
        images, index, observation, sizes, objects, labels, mirrored[index], offset, widths
    )


def coverage_by_label(boxes: Tensor, objects: Tensor, labels: Tensor, num_labels: int) -> Tensor:
    """The greatest share of an object of each label that lies in a box.

    Shapes: ``[B, 4]``, ``[B, K, 4]``, ``[B, K]`` int64 to ``[B, C]``; 0 where the
    label has no object.
    """
    low = torch.maximum(boxes[:, None, :2], objects[..., :2])
    high = torch.minimum(boxes[:, None, 2:], objects[..., 2:])
    inside = (high - low).clamp(min=0).prod(dim=-1) / area(objects).clamp(min=1e-9)
    return greatest_by_label(inside[:, None], labels, num_labels)[:, 0]
