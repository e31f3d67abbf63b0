"""Observations of the environment as arrays for Gymnasium."""

from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from gymnasium import spaces
from numpy.typing import NDArray
from torch import Tensor

from objloc.data.image_batch import pixels_of
from objloc.data.store import SampleStore
from objloc.errors import ObjlocError
from objloc.mdp.action import actions_of
from objloc.mdp.environment import Observation
from objloc.network.pooling import sampling_grid
from objloc.params import Mdp

Kind = Literal["dict", "box"]
Arrays = dict[str, NDArray[Any]] | NDArray[Any]
"""An observation of the kind ``dict`` or ``box``."""


class Observer:
    """Convert observations of B slots to arrays of one space.

    ``dict``: ``window``, ``[S, S, 3]`` uint8, the window's pixels, squashed to a square;
    ``box``, ``[4]`` float32, the window as fractions of the image's sides; ``category``,
    the index of the category searched; ``actions``, ``[H]``, the last H actions, newest
    last, as index plus 1, 0 for none (left out if H is 0).

    ``box``: the same as one vector of float32 from 0 to 1: pixels row by row, divided by
    255, the box, then category and actions one-hot.

    Args:
        store: the images.
        mdp: the decision process, for its number of actions.
        kind: kind of the space.
        window_size: S, in pixels.
        action_history: H.

    Raises:
        ObjlocError: an invalid argument.
    """

    def __init__(
        self, store: SampleStore, mdp: Mdp, kind: Kind, window_size: int, action_history: int
    ) -> None:
        if kind not in ("dict", "box"):
            raise ObjlocError(f"observation: expected dict or box; found {kind!r}")
        if window_size < 1:
            raise ObjlocError(f"window_size: expected at least one pixel; found {window_size}")
        if action_history < 0:
            raise ObjlocError(f"action_history: expected 0 or more; found {action_history}")
        self._store, self._kind, self._size = store, kind, window_size
        self._categories = len(store.categories)
        self._history = action_history
        self._choices = len(actions_of(mdp)) + 1
        self.space = self._box_space() if kind == "box" else self._dict_space()

    def __call__(self, observation: Observation) -> Arrays:
        """Convert observations; B is the first dimension of each array."""
        boxes = observation.boxes[:, -1]
        fractions = (boxes / self._store.sizes[observation.image].repeat(1, 2)).clamp(0, 1).float()
        parts: dict[str, NDArray[Any]] = {
            "window": self._windows(observation.image, fractions).numpy(),
            "box": fractions.numpy(),
            "category": observation.category.numpy(),
        }
        if self._history:
            parts["actions"] = (observation.actions + 1).numpy()
        return self._vectors(parts) if self._kind == "box" else parts

    def _windows(self, image: Tensor, fractions: Tensor) -> Tensor:
        """``[B, S, S, 3]`` uint8."""
        grid = sampling_grid(fractions, self._size)
        pixels = pixels_of(self._store.images[image]).float()
        crops = F.grid_sample(pixels, grid, padding_mode="border", align_corners=False)
        return crops.round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous()

    def _vectors(self, parts: dict[str, NDArray[Any]]) -> NDArray[Any]:
        number = len(parts["box"])
        columns = [
            parts["window"].reshape(number, -1).astype(np.float32) / 255,
            parts["box"],
            np.eye(self._categories, dtype=np.float32)[parts["category"]],
        ]
        if self._history:
            one_hot = np.eye(self._choices, dtype=np.float32)[parts["actions"]]
            columns.append(one_hot.reshape(number, -1))
        return np.concatenate(columns, axis=1)

    def _dict_space(self) -> spaces.Space[Any]:
        parts: dict[str, spaces.Space[Any]] = {
            "window": spaces.Box(0, 255, (self._size, self._size, 3), np.uint8),
            "box": spaces.Box(0.0, 1.0, (4,), np.float32),
            "category": spaces.Discrete(self._categories),
        }
        if self._history:
            parts["actions"] = spaces.MultiDiscrete([self._choices] * self._history)
        return spaces.Dict(parts)

    def _box_space(self) -> spaces.Space[Any]:
        length = self._size**2 * 3 + 4 + self._categories + self._history * self._choices
        return spaces.Box(0.0, 1.0, (length,), np.float32)
