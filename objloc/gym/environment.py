"""The environment for Gymnasium: one search."""

from typing import Any, ClassVar

import gymnasium
import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from torch import Tensor

from objloc.errors import ObjlocError
from objloc.gym.searches import Info, Searches, row_of


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

    ``iou``, ``window_pixels`` (``[4]``, zero-based, half-open), ``image_index`` and
    ``category_index`` (places in ``image_ids`` and ``categories``), ``steps``,
    ``is_success`` (triggered with IoU above ``success_iou``). This is ground truth, not
    for the agent. All values are numbers.

    ## Arguments

    Args:
        shards: folder of shards (``data/shards``); None: scenes are drawn in memory, so
            that no preparation is needed.
        image_set: image set of the shards; for scenes, part of their seed.
        categories: ``all``, one name, or several.
        mdp: parameters of the decision process as in ``params.yaml``; defaults for those
            left out.
        observation: ``dict`` or ``box``.
        window_size: side in pixels of the observed window. Stable-Baselines3's network for
            pictures needs 36.
        image_size: side in pixels that images are squashed to first.
        action_history: number of past actions in the observation.
        success_iou: IoU threshold of ``is_success``.
        scenes: number of scenes drawn.
        render_mode: ``rgb_array`` or None.

    In a forked process, PyTorch is limited to one thread: its others did not survive.

    Raises:
        ObjlocError: an invalid argument, missing shards, or a category in no image.
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["rgb_array"], "render_fps": 4}  # type: ignore[misc]  # Gymnasium's is no ClassVar

    def __init__(self, *, render_mode: str | None = None, **arguments: Any) -> None:
        self.render_mode = checked_render_mode(render_mode)
        self._searches = Searches(1, arguments)
        self._slot = torch.tensor([0])
        self.observation_space = self._searches.observer.space
        self.action_space = spaces.Discrete(len(self._searches.actions))
        self.actions = self._searches.actions
        self.image_ids = self._searches.store.image_ids
        self.categories = self._searches.store.categories

    @torch.inference_mode()
    def reset(self, *, seed: int | None = None, options: Info | None = None) -> tuple[Any, Info]:
        """Start an episode on a random image."""
        super().reset(seed=seed)
        self._searches.reset(self._slot, self._searches.draw([self.np_random], options))
        return self._now(torch.tensor([False]))

    @torch.inference_mode()
    def step(self, action: Any) -> tuple[Any, float, bool, bool, Info]:
        """Take one action: an integer, or a list, array or tensor of one."""
        reward, terminated, truncated = self._searches.step(action)
        observation, info = self._now(terminated)
        return observation, float(reward[0]), bool(terminated), bool(truncated), info

    def render(self) -> NDArray[np.uint8] | None:
        """The photograph with the window and the ground truth, ``[H, W, 3]`` uint8."""
        return None if self.render_mode is None else self._searches.picture(0)

    def _now(self, terminated: Tensor) -> tuple[Any, Info]:
        """Observation and info of the only slot."""
        info = {key: value[0] for key, value in self._searches.info(terminated).items()}
        # Gymnasium's vectors put NumPy's bool into arrays of objects, but not arrays of it.
        info["is_success"] = np.asarray(info["is_success"])
        return row_of(self._searches.observation(), 0), info


def checked_render_mode(mode: str | None) -> str | None:
    """The mode of ``render`` asked for.

    Raises:
        ObjlocError: there is no such mode.
    """
    if mode not in (None, *LocalisationEnv.metadata["render_modes"]):
        raise ObjlocError(f"render_mode: expected rgb_array or None; found {mode!r}")
    return mode
