"""The environment for Gymnasium: one search, or many in lock-step."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import gymnasium
import numpy as np
import torch
from gymnasium import spaces
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray
from pydantic import ValidationError
from torch import Tensor

from objloc.errors import ObjlocError, first_complaint
from objloc.gym.observation import Arrays, Kind, Observer
from objloc.gym.picture import picture_of
from objloc.gym.stores import open_store
from objloc.mdp.action import names_of
from objloc.mdp.environment import Environment
from objloc.mdp.success import is_success
from objloc.params import SUCCESS_IOU, Mdp

Info = dict[str, Any]


class _Searches:
    """The part that both environments share: B slots over one store, as arrays."""

    def __init__(
        self,
        slots: int,
        *,
        shards: str | Path | None = None,
        image_set: str = "train",
        categories: Literal["all"] | str | Sequence[str] = "all",
        mdp: Mdp | Mapping[str, Any] | None = None,
        observation: Kind = "dict",
        window_size: int = 64,
        image_size: int = 128,
        action_history: int = 10,
        success_iou: float = SUCCESS_IOU,
        scenes: int = 60,
    ) -> None:
        self.slots = slots
        process = _mdp(mdp)
        self.actions = names_of(process)
        self.store = open_store(shards, image_set, categories, image_size, scenes)
        self.observer = Observer(self.store, process, observation, window_size, action_history)
        self._environment = Environment(self.store, process, 1, action_history)
        self._tasks = self.store.tasks()
        self._success_iou = success_iou

    def draw(self, generators: Sequence[np.random.Generator], options: Info | None) -> Tensor:
        """Draw an image and a category that it holds with each generator: ``[R, 2]``.

        Raises:
            ObjlocError: the options name an unknown image or category, or a category that
                the image does not hold.
        """
        tasks = self._tasks
        for key, names, column in (
            ("image_id", self.store.image_ids, 0),
            ("category", self.store.categories, 1),
        ):
            if options and key in options:
                if options[key] not in names:
                    raise ObjlocError(
                        f"reset: options: expected a known {key}; found '{options[key]}'"
                    )
                tasks = tasks[tasks[:, column] == names.index(options[key])]
        if not len(tasks):
            raise ObjlocError(f"reset: options: expected an image that holds it; found {options}")
        return tasks[[int(each.integers(len(tasks))) for each in generators]]

    def reset(self, tasks: Tensor) -> tuple[Arrays, Info]:
        """Start an episode in every slot."""
        self._environment.reset(tasks)
        return self.observation(), self.info(torch.zeros(self.slots, dtype=torch.bool))

    def reset_slots(self, slots: Tensor, tasks: Tensor) -> None:
        """Start an episode in some slots: ``[R]`` int64 and ``[R, 2]``."""
        self._environment.reset_slots(slots, tasks)

    def step(self, actions: NDArray[Any]) -> tuple[NDArray[Any], Tensor, Tensor]:
        """Take a step: reward ``[B]`` float64, terminated and truncated ``[B]`` bool."""
        outcome = self._environment.step(torch.as_tensor(actions, dtype=torch.int64))
        return outcome.reward.double().numpy(), outcome.terminated, outcome.truncated

    def observation(self) -> Arrays:
        """The present observations."""
        return self.observer(self._environment.observation())

    def info(self, terminated: Tensor) -> Info:
        """Ground truth and counts, not for the agent; B is the first dimension of each value."""
        now = self._environment.observation()
        iou = self._environment.iou
        return {
            "iou": iou.numpy().copy(),
            "box": now.boxes[:, -1].numpy().copy(),
            "image_id": np.array([self.store.image_ids[row] for row in now.image], dtype=object),
            "category": np.array([self.store.categories[row] for row in now.category], object),
            "steps": self._environment.steps.numpy().copy(),
            "is_success": is_success(terminated, iou, self._success_iou).numpy(),
        }

    def picture(self, slot: int) -> NDArray[np.uint8]:
        """The photograph of a slot with its window and the ground truth: ``[H, W, 3]``."""
        now = self._environment.observation()
        image, category = int(now.image[slot]), int(now.category[slot])
        return picture_of(self.store, image, category, now.boxes[slot, -1])


class LocalisationEnv(gymnasium.Env[Any, np.int64]):
    """One window searches one photograph for an object.

    ## Actions

    ``Discrete(9)``, or 11 with ``mdp={"actions": "dissertation"}``. Their names are in
    ``actions``; the last one is the trigger ("here it is").

    ## Observation

    A ``Dict`` of ``window`` (its pixels, ``[window_size, window_size, 3]`` uint8),
    ``box`` (the window as fractions of the image's sides), ``category`` (the category
    searched) and ``actions`` (the last ``action_history`` ones); or all of it as one
    ``Box``. See ``objloc.gym.observation.Observer``. It holds no ground truth.

    ## Rewards

    +1 for a move that increases the IoU with the best-matching object, -1 for any other
    move. A trigger earns ``mdp.trigger_reward`` if IoU is above ``mdp.trigger_iou``, and
    costs ``mdp.trigger_cost`` otherwise.

    ## Start

    The window is the whole image. Image and category are drawn from all pairs in which
    the image holds the category; ``reset(options={"image_id": ..., "category": ...})``
    restricts the draw.

    ## End

    ``terminated`` by the trigger; ``truncated`` after ``mdp.max_steps`` actions without
    one.

    ## Info

    ``iou``, ``box`` (pixels, zero-based, half-open), ``image_id``, ``category``, ``steps``,
    ``is_success`` (triggered with IoU above ``success_iou``). This is ground truth, not
    for the agent.

    ## Arguments

    Args:
        shards: folder of shards (``data/shards``); None: scenes are drawn in memory, so
            that no preparation is needed.
        image_set: image set of the shards; for scenes, part of their seed.
        categories: ``all``, one name, or several.
        mdp: parameters of the decision process as in ``params.yaml``; defaults for those
            left out.
        observation: ``dict`` or ``box``.
        window_size: side in pixels of the observed window.
        image_size: side in pixels that images are squashed to first.
        action_history: number of past actions in the observation.
        success_iou: IoU threshold of ``is_success``.
        scenes: number of scenes drawn.
        render_mode: ``rgb_array`` or None.

    Raises:
        ObjlocError: an invalid argument, or missing shards.
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["rgb_array"], "render_fps": 4}  # type: ignore[misc]  # Gymnasium's is no ClassVar

    def __init__(self, *, render_mode: str | None = None, **arguments: Any) -> None:
        self.render_mode = _render_mode(render_mode)
        self._searches = _Searches(1, **arguments)
        self.observation_space = self._searches.observer.space
        self.action_space = spaces.Discrete(len(self._searches.actions))
        self.actions = self._searches.actions

    def reset(self, *, seed: int | None = None, options: Info | None = None) -> tuple[Any, Info]:
        """Start an episode on a random image."""
        super().reset(seed=seed)
        return self._first(*self._searches.reset(self._searches.draw([self.np_random], options)))

    def step(self, action: np.int64) -> tuple[Any, float, bool, bool, Info]:
        """Take one action."""
        if not self.action_space.contains(action):
            raise ObjlocError(f"step: expected an action of {self.action_space}; found {action!r}")
        reward, terminated, truncated = self._searches.step(np.array([action]))
        observation, info = self._first(
            self._searches.observation(), self._searches.info(terminated)
        )
        return observation, float(reward[0]), bool(terminated), bool(truncated), info

    def render(self) -> NDArray[np.uint8] | None:
        """The photograph with the window and the ground truth, ``[H, W, 3]`` uint8."""
        return None if self.render_mode is None else self._searches.picture(0)

    @staticmethod
    def _first(observation: Arrays, info: Info) -> tuple[Any, Info]:
        """Observation and info of the only slot."""
        plain = {key: value[0] for key, value in info.items()}
        if isinstance(observation, dict):
            return {key: value[0] for key, value in observation.items()}, plain
        return observation[0], plain


class LocalisationVectorEnv(VectorEnv[Any, NDArray[Any], NDArray[Any]]):
    """Many searches in lock-step: ``LocalisationEnv`` times ``num_envs``, much faster.

    Slot i seeded with s behaves exactly as a single environment seeded with s + i.

    **Autoreset**: ``AutoresetMode.NEXT_STEP``, Gymnasium's default. A slot whose episode
    has ended starts the next one in the following ``step``, which ignores the slot's
    action and returns reward 0 for it.

    Args:
        num_envs: number of searches side by side.
        render_mode: ``rgb_array`` (``render`` returns a tuple of pictures) or None.
        arguments: arguments of ``LocalisationEnv``.
    """

    metadata: ClassVar[dict[str, Any]] = {  # type: ignore[misc]  # Gymnasium's is no ClassVar
        **LocalisationEnv.metadata,
        "autoreset_mode": AutoresetMode.NEXT_STEP,
    }

    def __init__(
        self, num_envs: int = 1, *, render_mode: str | None = None, **arguments: Any
    ) -> None:
        if num_envs < 1:
            raise ObjlocError(f"num_envs: expected at least one; found {num_envs}")
        self.num_envs = num_envs
        self.render_mode = _render_mode(render_mode)
        self._searches = _Searches(num_envs, **arguments)
        self.single_observation_space = self._searches.observer.space
        self.single_action_space = spaces.Discrete(len(self._searches.actions))
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.actions = self._searches.actions
        self._generators = [seeding.np_random(None)[0] for _ in range(num_envs)]
        self._ended = torch.zeros(num_envs, dtype=torch.bool)

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: Info | None = None
    ) -> tuple[Any, Info]:
        """Start an episode in every slot; ``seed``: that of the first slot, or one for each."""
        seeds = [seed + slot for slot in range(self.num_envs)] if isinstance(seed, int) else seed
        if seeds is not None:
            if len(seeds) != self.num_envs:
                raise ObjlocError(f"reset: expected {self.num_envs} seeds; found {len(seeds)}")
            for slot, each in enumerate(seeds):
                if each is not None:
                    self._generators[slot] = seeding.np_random(each)[0]
        self._ended = torch.zeros(self.num_envs, dtype=torch.bool)
        observation, info = self._searches.reset(self._searches.draw(self._generators, options))
        return observation, _masked(info)

    def step(
        self, actions: NDArray[Any]
    ) -> tuple[Any, NDArray[Any], NDArray[np.bool_], NDArray[np.bool_], Info]:
        """Take one action in every slot; slots whose episode has ended start the next one."""
        if not self.action_space.contains(np.asarray(actions)):
            raise ObjlocError(f"step: expected actions of {self.action_space}; found {actions!r}")
        reward, terminated, truncated = self._searches.step(actions)
        restarted = self._ended
        if restarted.any():
            slots = restarted.nonzero()[:, 0]
            generators = [self._generators[slot] for slot in slots.tolist()]
            self._searches.reset_slots(slots, self._searches.draw(generators, None))
            reward[restarted.numpy()] = 0.0
            terminated, truncated = terminated & ~restarted, truncated & ~restarted
        self._ended = terminated | truncated
        info = _masked(self._searches.info(terminated))
        return self._searches.observation(), reward, terminated.numpy(), truncated.numpy(), info

    def render(self) -> tuple[NDArray[np.uint8], ...] | None:
        """One picture for each slot."""
        if self.render_mode is None:
            return None
        return tuple(self._searches.picture(slot) for slot in range(self.num_envs))


def _mdp(mdp: Mdp | Mapping[str, Any] | None) -> Mdp:
    if isinstance(mdp, Mdp):
        return mdp
    try:
        return Mdp.model_validate(dict(mdp or {}))
    except ValidationError as error:
        raise ObjlocError(f"mdp.{first_complaint(error)}") from None


def _render_mode(mode: str | None) -> str | None:
    if mode not in (None, *LocalisationEnv.metadata["render_modes"]):
        raise ObjlocError(f"render_mode: expected rgb_array or None; found {mode!r}")
    return mode


def _masked(info: Info) -> Info:
    """Gymnasium's form for vectors: a mask beside each key, of the slots that have it."""
    masks = {f"_{key}": np.ones(len(value), dtype=np.bool_) for key, value in info.items()}
    return info | masks
