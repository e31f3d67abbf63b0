"""The batched environment: many episodes in lock-step, each searching one image."""

from dataclasses import dataclass

import torch
from torch import Tensor

from objloc.box import best_iou
from objloc.data.store import SampleStore
from objloc.mdp.action import Moves, actions_of, start_windows
from objloc.mdp.reward import move_reward, trigger_reward
from objloc.params import Mdp


@dataclass(frozen=True)
class Observation:
    """The state of B episodes as the agent may see it, without ground truth.

    Attributes:
        image: ``[B]`` int64, index into the store.
        category: ``[B]`` int64, the category searched.
        boxes: ``[B, F, 4]`` float64 pixels, the windows of the last F steps, newest
            last; at the start of an episode its first window, repeated.
        actions: ``[B, H]`` int64, the last H actions, newest last; -1 for none.
    """

    image: Tensor
    category: Tensor
    boxes: Tensor
    actions: Tensor

    def __getitem__(self, rows: Tensor) -> "Observation":
        """The observation of some episodes: ``[R]`` int64 or ``[B]`` bool."""
        return Observation(
            self.image[rows], self.category[rows], self.boxes[rows], self.actions[rows]
        )


@dataclass(frozen=True)
class Outcome:
    """The result of one lock-step of B episodes.

    Attributes:
        reward: ``[B]`` float32.
        terminated: ``[B]`` bool, the action was the trigger.
        truncated: ``[B]`` bool, the step limit was reached without a trigger.
        iou: ``[B]`` float64, IoU of the window after the step.
    """

    reward: Tensor
    terminated: Tensor
    truncated: Tensor
    iou: Tensor

    @property
    def ended(self) -> Tensor:
        """``[B]`` bool: the episode is over."""
        return self.terminated | self.truncated


class Environment:
    """B episodes side by side, each in a slot, over the images of one store.

    Actions: indices into ``actions_of(mdp)``, or ``learned_step``.
    Observation: see ``Observation``.
    Rewards: see ``objloc.mdp.reward``; the IoU is with the best-matching object of
        the category searched, difficult ones included.
    Start: one of ``mdp.starts``, by default the first.
    End: ``terminated`` by the trigger, ``truncated`` after ``mdp.max_steps``
        actions without one.

    Slots are independent: an episode runs the same alone as among others. No network is
    run here. Everything lies on the store's device. What was returned stays as it is: a change
    makes new tensors.

    Args:
        store: the images and their ground truth.
        mdp: the decision process.
        frames: number of past windows kept for the observation.
        action_history: number of past actions kept for the observation.
    """

    _sizes: Tensor
    _objects: Tensor
    _iou: Tensor

    def __init__(
        self, store: SampleStore, mdp: Mdp, frames: int = 1, action_history: int = 0
    ) -> None:
        self.store = store
        self.mdp = mdp
        self._device = store.sizes.device
        self.moves = Moves(mdp, self._device)
        self.trigger = len(actions_of(mdp)) - 1
        self.learned_step = self.trigger + 1
        # To compare with a number makes a tensor of it, each time.
        self._trigger, self._max_steps = torch.tensor(
            [self.trigger, mdp.max_steps], device=self._device
        ).unbind()
        self.starts = start_windows(mdp.starts).to(self._device)
        self._frames = frames
        self._action_history = action_history

    def reset(self, tasks: Tensor, starts: Tensor | None = None) -> Observation:
        """Start an episode in every slot.

        Args:
            tasks: ``[B, 2]`` int64, image and category of each episode.
            starts: ``[B]`` int64, index of each start window; None: the first.
        """
        image, category = tasks.unbind(dim=1)
        self._boxes = self._first_boxes(image, starts)
        self._actions = torch.full((len(tasks), self._action_history), -1, device=self._device)
        self._image, self._category = image.clone(), category.clone()
        self._steps = torch.zeros(len(tasks), dtype=torch.int64, device=self._device)
        self._look_up()
        return self.observation()

    def reset_slots(self, slots: Tensor, tasks: Tensor, starts: Tensor | None = None) -> None:
        """Start a new episode in some slots.

        Args:
            slots: ``[R]`` int64.
            tasks: ``[R, 2]`` int64, image and category of each episode.
            starts: ``[R]`` int64, index of each start window; None: the first.
        """
        image, category = tasks.unbind(dim=1)
        self._image = self._image.index_copy(0, slots, image)
        self._category = self._category.index_copy(0, slots, category)
        self._boxes = self._boxes.index_copy(0, slots, self._first_boxes(image, starts))
        self._actions = self._actions.index_fill(0, slots, -1)
        self._steps = self._steps.index_fill(0, slots, 0)
        self._look_up()

    def observation(self) -> Observation:
        """The current observation; safe to keep, not to be written to."""
        return Observation(self._image, self._category, self._boxes, self._actions)

    @property
    def iou(self) -> Tensor:
        """``[B]`` float64: IoU of each window with its best-matching object."""
        return self._iou

    @property
    def steps(self) -> Tensor:
        """``[B]`` int64: actions taken in each episode so far."""
        return self._steps

    def step(self, actions: Tensor, steps: Tensor | None = None) -> Outcome:
        """Take one action in every slot.

        It does not restart an episode that has ended; ``reset_slots`` does. A learned step
        earns what any move earns, and is no past action: it has no value.

        Args:
            actions: ``[B]`` int64.
            steps: ``[B, 4]``, where a learned step leads, see ``steps_between``; needed
                where one is taken.
        """
        boxes, past = self._moved(actions, steps)
        iou = best_iou(boxes, self._objects)
        terminated = actions == self._trigger
        reward = torch.where(
            terminated,
            trigger_reward(iou, self.mdp),
            move_reward(self._iou, iou, self.mdp),
        )
        self._boxes = torch.cat([self._boxes[:, 1:], boxes[:, None]], dim=1)
        if self._action_history:
            self._actions = torch.cat([self._actions[:, 1:], past[:, None]], dim=1)
        self._steps = self._steps + 1
        self._iou = iou
        truncated = ~terminated & (self._steps >= self._max_steps)
        return Outcome(reward, terminated, truncated, iou)

    def reward_of_every_action(self) -> Tensor:
        """Reward that each action would earn now, for exploration: ``[B, A]`` float32."""
        boxes = self.moves.every(self._boxes[:, -1], self._sizes)
        after = best_iou(boxes, self._objects[:, None])
        reward = move_reward(self._iou[:, None], after, self.mdp)
        reward[:, self.trigger] = trigger_reward(self._iou, self.mdp)
        return reward

    def keep_only(self, slots: Tensor) -> None:
        """Keep some slots and drop the others: ``[R]`` int64 or ``[B]`` bool."""
        self._image, self._category = self._image[slots], self._category[slots]
        self._boxes, self._actions = self._boxes[slots], self._actions[slots]
        self._steps, self._iou = self._steps[slots], self._iou[slots]
        self._sizes, self._objects = self._sizes[slots], self._objects[slots]

    def state_dict(self) -> dict[str, Tensor]:
        """The mutable state, for ``load_state_dict``."""
        return {
            "image": self._image,
            "category": self._category,
            "boxes": self._boxes,
            "actions": self._actions,
            "steps": self._steps,
        }

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Restore the state from ``state_dict``."""
        state = {name: each.to(self._device) for name, each in state.items()}
        self._image, self._category = state["image"], state["category"]
        self._boxes, self._actions = state["boxes"], state["actions"]
        self._steps = state["steps"]
        self._look_up()

    def _first_boxes(self, image: Tensor, starts: Tensor | None) -> Tensor:
        """``[R, F, 4]``."""
        sizes = self.store.sizes[image]
        windows = self.starts[:1] if starts is None else self.starts[starts]
        boxes = windows * torch.cat([sizes, sizes], dim=1)
        return boxes[:, None].expand(-1, self._frames, -1)

    def _look_up(self) -> None:
        """Look up what stays as it is for an episode, and the IoU now."""
        self._sizes = self.store.sizes[self._image]
        objects, present = self.store.objects_of(self._image, self._category)
        # Objects of other categories as empty boxes, so that no step needs a mask.
        self._objects = torch.where(present[..., None], objects, 0.0)
        self._iou = best_iou(self._boxes[:, -1], self._objects)

    def _moved(self, actions: Tensor, steps: Tensor | None) -> tuple[Tensor, Tensor]:
        """The windows after a step, ``[B, 4]``, and ``[B]`` the past actions that it makes."""
        here, sizes = self._boxes[:, -1], self._sizes
        if steps is None:
            return self.moves.apply(here, sizes, actions), actions
        learned = actions == self.learned_step
        # The trigger leaves windows where they are.
        boxes = self.moves.apply(here, sizes, torch.where(learned, self.trigger, actions))
        landed = self.moves.by(here, sizes, steps.double())
        return torch.where(learned[:, None], landed, boxes), torch.where(learned, -1, actions)
