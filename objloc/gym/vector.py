"""The environment for Gymnasium: many searches in lock-step."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from gymnasium import spaces
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray
from torch import Tensor

from objloc.errors import ObjlocError
from objloc.gym.environment import LocalisationEnv, checked_render_mode
from objloc.gym.observation import Arrays
from objloc.gym.searches import Info, Searches, row_of


class LocalisationVectorEnv(VectorEnv[Any, NDArray[Any], NDArray[Any]]):
    """Many searches in lock-step: ``LocalisationEnv`` times ``num_envs``, much faster.

    Slot i seeded with s behaves exactly as a single environment seeded with s + i.

    **Autoreset**, what becomes of a slot whose episode has ended, in Gymnasium's terms:

    - ``AutoresetMode.NEXT_STEP``: the following ``step`` starts its next episode, ignores
      its action and returns reward 0 for it.
    - ``AutoresetMode.SAME_STEP``: the same ``step`` starts it and returns its first
      observation; the last one of the old episode and its info are ``final_obs`` and
      ``final_info`` of the info.
    - ``AutoresetMode.DISABLED``: it waits for ``reset``, and a ``step`` before is an error.

    In every mode, ``reset(options={"reset_mask": mask})`` restarts the slots of a mask,
    ``[num_envs]`` bool, and leaves the others as they are.

    Args:
        num_envs: number of searches side by side.
        autoreset_mode: a mode, or its value: ``NextStep``, ``SameStep`` or ``Disabled``.
        render_mode: ``rgb_array`` (``render`` returns a tuple of pictures) or None.
        arguments: arguments of ``LocalisationEnv``.

    Raises:
        ObjlocError: as ``LocalisationEnv`` does, or an unknown autoreset mode.
    """

    metadata: ClassVar[dict[str, Any]] = {  # type: ignore[misc]  # Gymnasium's is no ClassVar
        **LocalisationEnv.metadata,
        "autoreset_mode": AutoresetMode.NEXT_STEP,
    }

    def __init__(
        self,
        num_envs: int = 1,
        *,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        render_mode: str | None = None,
        **arguments: Any,
    ) -> None:
        if not isinstance(num_envs, int) or num_envs < 1:
            raise ObjlocError(f"num_envs: expected at least one; found {num_envs}")
        self.num_envs = num_envs
        self.autoreset_mode = _autoreset_mode(autoreset_mode)
        self.metadata = {**type(self).metadata, "autoreset_mode": self.autoreset_mode}  # type: ignore[misc]  # as Gymnasium's own vectors do
        self.render_mode = checked_render_mode(render_mode)
        self._searches = Searches(num_envs, arguments)
        self.single_observation_space = self._searches.observer.space
        self.single_action_space = spaces.Discrete(len(self._searches.actions))
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.actions = self._searches.actions
        self.image_ids = self._searches.store.image_ids
        self.categories = self._searches.store.categories
        self._generators = [seeding.np_random(None)[0] for _ in range(num_envs)]
        self._nobody = torch.zeros(num_envs, dtype=torch.bool)
        self._ended = self._nobody

    @torch.inference_mode()
    def reset(
        self,
        *,
        seed: int | np.integer[Any] | Sequence[int | None] | None = None,
        options: Info | None = None,
    ) -> tuple[Any, Info]:
        """Start an episode in every slot, or in those of the option ``reset_mask``.

        Args:
            seed: that of the first slot, or one for each; slots outside the mask ignore it.
            options: ``image_id`` and ``category`` restrict the draw.
        """
        mask, options = self._slots_to_reset(options)
        slots = mask.nonzero()[:, 0]
        for slot, each in zip(range(self.num_envs), self._seeds(seed), strict=True):
            if each is not None and mask[slot]:
                self._generators[slot] = seeding.np_random(each)[0]
        self._start(slots, options)
        self._ended = self._ended & ~mask
        return self._searches.observation(), _with_masks(self._searches.info(self._nobody), mask)

    @torch.inference_mode()
    def step(
        self, actions: Any
    ) -> tuple[Any, NDArray[Any], NDArray[np.bool_], NDArray[np.bool_], Info]:
        """Take one action in every slot: a sequence, array or tensor of integers."""
        before = self._ended
        if self.autoreset_mode is AutoresetMode.DISABLED and before.any():
            raise ObjlocError(
                "step: expected a reset with `reset_mask` of slots whose episodes have ended; "
                f"found none of {before.nonzero()[:, 0].tolist()}"
            )
        reward, terminated, truncated = self._searches.step(actions)
        if self.autoreset_mode is AutoresetMode.NEXT_STEP and before.any():
            self._start(before.nonzero()[:, 0])
            reward[before.numpy()] = 0.0
            terminated, truncated = terminated & ~before, truncated & ~before
        ended = terminated | truncated
        observation = self._searches.observation()
        info = _with_masks(self._searches.info(terminated), ~self._nobody)
        if self.autoreset_mode is AutoresetMode.SAME_STEP:
            if ended.any():
                observation, info = self._restarted(ended, observation, info)
        else:
            self._ended = ended
        return observation, reward, terminated.numpy(), truncated.numpy(), info

    def render(self) -> tuple[NDArray[np.uint8], ...] | None:
        """One picture for each slot."""
        if self.render_mode is None:
            return None
        return tuple(self._searches.picture(slot) for slot in range(self.num_envs))

    def _start(self, slots: Tensor, options: Info | None = None) -> None:
        """Start an episode in some slots: ``[R]`` int64."""
        generators = [self._generators[slot] for slot in slots.tolist()]
        self._searches.reset(slots, self._searches.draw(generators, options))

    def _restarted(self, ended: Tensor, observation: Arrays, info: Info) -> tuple[Arrays, Info]:
        """Observation and info after the start of episodes in the slots of a mask."""
        slots = ended.nonzero()[:, 0]
        rows = slots.numpy()
        last = _rows_of(observation, rows)
        final = np.full(self.num_envs, None, dtype=object)
        for place, slot in enumerate(rows):
            final[slot] = row_of(last, place)
        final_info = {key: value for key, value in info.items() if not key.startswith("_")}
        self._start(slots)
        first: Any = self._searches.observation(slots)
        if isinstance(observation, dict):
            for key, value in observation.items():
                value[rows] = first[key]
        else:
            observation[rows] = first
        now = _with_masks(self._searches.info(self._nobody), ~self._nobody)
        ends = {"final_obs": final, "final_info": _with_masks(final_info, ended)}
        return observation, now | ends | {f"_{key}": ended.numpy().copy() for key in ends}

    def _slots_to_reset(self, options: Info | None) -> tuple[Tensor, Info | None]:
        """The slots that ``reset`` restarts, ``[B]`` bool, and the other options."""
        if not isinstance(options, Mapping) or "reset_mask" not in options:
            return ~self._nobody, options
        mask = np.asarray(options["reset_mask"])
        if mask.shape != (self.num_envs,) or mask.dtype != np.bool_ or not mask.any():
            raise ObjlocError(
                f"reset: options: reset_mask: expected {self.num_envs} truth values, at least "
                f"one of them true; found {options['reset_mask']!r}"
            )
        others = {key: value for key, value in options.items() if key != "reset_mask"}
        return torch.from_numpy(mask.copy()), others

    def _seeds(
        self, seed: int | np.integer[Any] | Sequence[int | None] | None
    ) -> Sequence[int | None]:
        """A seed or None for each slot."""
        if seed is None or isinstance(seed, int | np.integer):
            first = None if seed is None else int(seed)
            return [None if first is None else first + slot for slot in range(self.num_envs)]
        if len(seed) != self.num_envs:
            raise ObjlocError(f"reset: expected {self.num_envs} seeds; found {len(seed)}")
        return seed


def _rows_of(observation: Arrays, rows: NDArray[np.int64]) -> Arrays:
    """A copy of the observations of some slots."""
    if isinstance(observation, dict):
        return {key: value[rows] for key, value in observation.items()}
    return observation[rows]


def _autoreset_mode(mode: AutoresetMode | str) -> AutoresetMode:
    try:
        return AutoresetMode(mode)
    except ValueError:
        known = ", ".join(each.value for each in AutoresetMode)
        raise ObjlocError(f"autoreset_mode: expected one of {known}; found {mode!r}") from None


def _with_masks(info: Info, mask: Tensor) -> Info:
    """Gymnasium's form for vectors: zeros where a slot has no info, and a mask beside each key."""
    slots = mask.numpy()
    kept = info
    if not slots.all():
        kept = {key: value.copy() for key, value in info.items()}
        for value in kept.values():
            value[~slots] = 0
    return kept | {f"_{key}": slots.copy() for key in info}
