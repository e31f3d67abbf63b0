"""Observations of the environment as arrays for Gymnasium."""

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from gymnasium import spaces
from numpy.typing import NDArray
from torch import Tensor

from objloc.data.image_batch import pixels_of
from objloc.data.store import SampleStore
from objloc.gym.settings import Settings
from objloc.mdp.action import actions_of
from objloc.mdp.environment import Observation
from objloc.network.pooling import cell_centres, sampling_grid

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
        settings: the decision process, for its number of actions; kind of the space, S, H.
        slots: number of slots.
    """

    def __init__(self, store: SampleStore, settings: Settings, slots: int) -> None:
        self._store, self._kind, self._size = store, settings.observation, settings.window_size
        self._categories = len(store.categories)
        self._history = settings.action_history
        self._choices = len(actions_of(settings.mdp)) + 1
        side = settings.image_size
        self._pixels = torch.empty(slots, 3, side, side)
        self._sizes = torch.empty(slots, 4, dtype=torch.float64)
        self._centres = cell_centres(self._size, self._pixels)
        self.space = self._box_space() if self._kind == "box" else self._dict_space()

    def begin(self, slots: Tensor, images: Tensor) -> None:
        """Take the images of new episodes, which are converted once, not at every step.

        Args:
            slots: ``[R]`` int64.
            images: ``[R]`` int64, index into the store.
        """
        pixels, sizes = pixels_of(self._store.images[images]), self._store.sizes[images]
        for row, slot in enumerate(slots.tolist()):
            self._pixels[slot] = pixels[row]
        self._sizes[slots] = torch.cat([sizes, sizes], dim=1)

    def __call__(self, observation: Observation, slots: Tensor | None = None) -> Arrays:
        """Convert the observations of some slots.

        Args:
            observation: that of R slots.
            slots: ``[R]`` int64; None: all.

        Returns:
            Arrays whose first dimension is R.
        """
        pixels, sizes = self._pixels, self._sizes
        if slots is not None:
            pixels, sizes = pixels[slots], sizes[slots]
        fractions = (observation.boxes[:, -1] / sizes).clamp(0, 1).float()
        parts: dict[str, NDArray[Any]] = {
            "window": self._windows(pixels, fractions),
            "box": fractions.numpy(),
            "category": observation.category.numpy().copy(),
        }
        if self._history:
            parts["actions"] = (observation.actions + 1).numpy()
        return self._vectors(parts) if self._kind == "box" else parts

    def _windows(self, pixels: Tensor, fractions: Tensor) -> NDArray[np.uint8]:
        """``[R, S, S, 3]``, of images ``[R, 3, image_size, image_size]`` float32."""
        grid = sampling_grid(fractions, self._centres)
        crops = F.grid_sample(pixels, grid, padding_mode="border", align_corners=False).numpy()
        # A mean of pixels, so that it rounds to a pixel's value.
        np.rint(crops, out=crops)
        windows = np.empty((len(crops), self._size, self._size, 3), np.uint8)
        for channel in range(3):
            # One by one: several times as fast as a transposition of all.
            windows[..., channel] = crops[:, channel]
        return windows

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
