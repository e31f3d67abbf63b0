"""Searches side by side, as arrays: what the single environment and the vector share."""

import multiprocessing
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from objloc.errors import ObjlocError
from objloc.gym.observation import Arrays, Observer
from objloc.gym.picture import picture_of
from objloc.gym.settings import Settings
from objloc.gym.stores import open_store
from objloc.mdp.action import names_of
from objloc.mdp.environment import Environment
from objloc.mdp.success import is_success

Info = dict[str, Any]
OPTIONS = ("image_id", "category")
"""Options of ``reset`` that restrict the draw."""

_IMPORTED_IN = os.getpid()


class Searches:
    """B slots over one store.

    Args:
        slots: B.
        arguments: those of ``Settings``.

    Raises:
        ObjlocError: an invalid argument, missing shards, or a category in no image.
    """

    def __init__(self, slots: int, arguments: Mapping[str, Any]) -> None:
        one_thread_after_a_fork()
        self.slots = slots
        settings = Settings.of(arguments)
        self.actions = names_of(settings.mdp)
        self.store, self._tasks = open_store(settings)
        self.observer = Observer(self.store, settings, slots)
        self._environment = Environment(self.store, settings.mdp, 1, settings.action_history)
        self._success_iou = settings.success_iou
        self._started = False

    def draw(self, generators: Sequence[np.random.Generator], options: Info | None) -> Tensor:
        """Draw an image and a category that it holds with each generator: ``[R, 2]``.

        Raises:
            ObjlocError: the options have an unknown key, name an unknown image or category,
                or a category that the image does not hold.
        """
        options = options or {}
        if not isinstance(options, Mapping):
            raise ObjlocError(f"reset: options: expected a dict; found {options!r}")
        for key in options:
            if key not in OPTIONS:
                raise ObjlocError(
                    f"reset: options: unknown key '{key}'; expected {' or '.join(OPTIONS)}"
                )
        tasks = self._tasks
        for column, (key, names) in enumerate(
            zip(OPTIONS, (self.store.image_ids, self.store.categories), strict=True)
        ):
            if key in options:
                if options[key] not in names:
                    raise ObjlocError(
                        f"reset: options: expected a known {key}; found '{options[key]}'"
                    )
                tasks = tasks[tasks[:, column] == names.index(options[key])]
        if not len(tasks):
            raise ObjlocError(f"reset: options: expected an image that holds it; found {options}")
        return tasks[[int(each.integers(len(tasks))) for each in generators]]

    def reset(self, slots: Tensor, tasks: Tensor) -> None:
        """Start an episode in some slots: ``[R]`` int64 and ``[R, 2]``.

        Raises:
            ObjlocError: the other slots have never been started.
        """
        one_thread_after_a_fork()
        if len(slots) == self.slots:
            self._environment.reset(tasks)
            self._started = True
        else:
            self._require_a_start("reset")
            self._environment.reset_slots(slots, tasks)
        self.observer.begin(slots, tasks[:, 0])

    def step(self, actions: Any) -> tuple[NDArray[Any], Tensor, Tensor]:
        """Take a step: reward ``[B]`` float64, terminated and truncated ``[B]`` bool.

        Args:
            actions: B integers as a sequence, array or tensor; for one slot also a number.

        Raises:
            ObjlocError: other actions, or no episode has been started.
        """
        one_thread_after_a_fork()
        self._require_a_start("step")
        outcome = self._environment.step(self._checked(actions))
        return outcome.reward.double().numpy(), outcome.terminated, outcome.truncated

    def observation(self, slots: Tensor | None = None) -> Arrays:
        """The present observations of some slots, ``[R]`` int64; None: of all."""
        now = self._environment.observation()
        return self.observer(now if slots is None else now[slots], slots)

    def info(self, terminated: Tensor) -> Info:
        """Ground truth and counts, not for the agent; B is the first dimension of each value.

        All are numbers, and no key is one of the observation's: libraries lay the two side
        by side.
        """
        now = self._environment.observation()
        iou = self._environment.iou
        return {
            "iou": iou.numpy().copy(),
            "window_pixels": now.boxes[:, -1].numpy().copy(),
            "image_index": now.image.numpy().copy(),
            "category_index": now.category.numpy().copy(),
            "steps": self._environment.steps.numpy().copy(),
            "is_success": is_success(terminated, iou, self._success_iou).numpy(),
        }

    def picture(self, slot: int) -> NDArray[np.uint8]:
        """The photograph of a slot with its window and the ground truth: ``[H, W, 3]``."""
        self._require_a_start("render")
        now = self._environment.observation()
        image, category = int(now.image[slot]), int(now.category[slot])
        return picture_of(self.store, image, category, now.boxes[slot, -1])

    def _require_a_start(self, call: str) -> None:
        if not self._started:
            raise ObjlocError(f"{call}: expected a call of reset before; found none")

    def _checked(self, actions: Any) -> Tensor:
        """Actions as ``[B]`` int64."""
        try:
            given = np.asarray(actions.cpu() if isinstance(actions, Tensor) else actions)
        except (TypeError, ValueError):
            given = np.empty(0)
        shapes = ((), (1,)) if self.slots == 1 else ((self.slots,),)
        number = len(self.actions)
        if (
            given.shape not in shapes
            or given.dtype.kind not in "iu"
            or not ((given >= 0) & (given < number)).all()
        ):
            wanted = "an action" if self.slots == 1 else f"{self.slots} actions"
            raise ObjlocError(
                f"step: expected {wanted}, integers from 0 to {number - 1}; found {actions!r}"
            )
        return torch.from_numpy(given.reshape(self.slots).astype(np.int64))


def row_of(observation: Arrays, slot: int) -> Any:
    """Observation of one slot, as its own space has it."""
    if isinstance(observation, dict):
        return {key: value[slot] for key, value in observation.items()}
    return observation[slot]


def one_thread_after_a_fork() -> None:
    """Limit PyTorch to one thread in a forked process.

    The threads of OpenMP do not survive a fork, but it still counts on them: the first
    operation that is large enough for several would wait for ever.
    """
    forked = (
        os.getpid() != _IMPORTED_IN
        # Imported after the fork.
        or type(multiprocessing.current_process()).__name__ == "ForkProcess"
    )
    if forked and torch.get_num_threads() > 1:
        torch.set_num_threads(1)
