"""The actions of the agent: what each does to the window.

Source: Caicedo & Lazebnik (2015), section 3.1, for the nine; the 2018
dissertation adds the two splits.
"""

from enum import Enum

import torch
from torch import Tensor

from objloc.params import Mdp


class Action(Enum):
    """One move of the window, or the trigger."""

    MOVE_RIGHT = "move_right"
    MOVE_DOWN = "move_down"
    BIGGER = "bigger"
    TALLER = "taller"
    MOVE_LEFT = "move_left"
    MOVE_UP = "move_up"
    SMALLER = "smaller"
    FATTER = "fatter"
    SPLIT_HORIZONTAL = "split_horizontal"
    SPLIT_VERTICAL = "split_vertical"
    TRIGGER = "trigger"


_DISSERTATION = tuple(Action)
_PAPER = tuple(
    action for action in Action if action not in (Action.SPLIT_HORIZONTAL, Action.SPLIT_VERTICAL)
)

ACTION_SETS: dict[str, tuple[Action, ...]] = {"dissertation": _DISSERTATION, "paper": _PAPER}
"""The agent's actions by name; the trigger is always the last."""

_EFFECTS: dict[Action, tuple[float, float, float, float]] = {
    # What happens to (xmin, ymin, xmax, ymax), in units of alpha times the
    # window's own side: width for x, height for y. A change of size is shared by
    # the two edges, so that the side changes by alpha and the centre stays.
    Action.MOVE_RIGHT: (1, 0, 1, 0),
    Action.MOVE_DOWN: (0, 1, 0, 1),
    Action.BIGGER: (-0.5, -0.5, 0.5, 0.5),
    Action.TALLER: (0.5, 0, -0.5, 0),
    Action.MOVE_LEFT: (-1, 0, -1, 0),
    Action.MOVE_UP: (0, -1, 0, -1),
    Action.SMALLER: (0.5, 0.5, -0.5, -0.5),
    Action.FATTER: (0, 0.5, 0, -0.5),
    Action.SPLIT_HORIZONTAL: (0, 0, 0, 0),
    Action.SPLIT_VERTICAL: (0, 0, 0, 0),
    Action.TRIGGER: (0, 0, 0, 0),
}
_SPLITS: dict[Action, tuple[float, float]] = {
    # The share of the width and of the height that is cut off at the far side.
    Action.SPLIT_HORIZONTAL: (0.5, 0),
    Action.SPLIT_VERTICAL: (0, 0.5),
}


class Moves:
    """The window after each action, as tensor work.

    What would lie beyond the image is cut off, of a moving window too: so a move
    towards the border narrows a window that touches it, and an object in a corner
    can be closed in on from the whole image. (If moves kept their size instead,
    going uphill in IoU would reach only two objects in three; see
    ``docs/experiments.md``.) A window that would become smaller than ``min_side``
    or leave the range of aspect ratios stays as it is.

    Sides and aspect ratios are measured in shares of the image's sides: the
    squashed frame of 2018.
    """

    def __init__(self, mdp: Mdp) -> None:
        self.actions = actions = ACTION_SETS[mdp.actions]
        self._effects = torch.tensor([_EFFECTS[a] for a in actions], dtype=torch.float64)
        self._effects *= mdp.step_size
        for row, action in enumerate(actions):
            if action in _SPLITS:
                cut_width, cut_height = _SPLITS[action]
                self._effects[row] = torch.tensor((0, 0, -cut_width, -cut_height))
        self._min_side = mdp.min_side
        self._min_ratio = mdp.min_aspect_ratio
        self._max_ratio = mdp.max_aspect_ratio

    def every(self, boxes: Tensor, sizes: Tensor) -> Tensor:
        """The window after every action.

        Args:
            boxes: ``[B, 4]`` float64 pixels.
            sizes: ``[B, 2]`` float64, width and height of the image in pixels.

        Returns:
            ``[B, A, 4]`` float64 pixels, in the order of ``actions``.
        """
        return self._move(boxes[:, None], sizes[:, None], self._effects)

    def apply(self, boxes: Tensor, sizes: Tensor, actions: Tensor) -> Tensor:
        """The window after one action each: ``[B, 4]``, ``[B, 2]``, ``[B]`` to ``[B, 4]``."""
        return self._move(boxes, sizes, self._effects[actions])

    def _move(self, boxes: Tensor, sizes: Tensor, effects: Tensor) -> Tensor:
        side = boxes[..., 2:] - boxes[..., :2]
        moved = boxes + effects * torch.cat([side, side], dim=-1)
        moved = torch.minimum(moved.clamp(min=0), torch.cat([sizes, sizes], dim=-1))
        share = (moved[..., 2:] - moved[..., :2]) / sizes
        ratio = share[..., 1] / share[..., 0].clamp(min=1e-12)
        # A rounding error must not forbid a window of exactly the least side.
        allowed = (
            (share.amin(dim=-1) >= self._min_side - 1e-9)
            & (ratio >= self._min_ratio - 1e-9)
            & (ratio <= self._max_ratio + 1e-9)
        )
        return torch.where(allowed[..., None], moved, boxes.expand_as(moved))


def whole_image(sizes: Tensor) -> Tensor:
    """The first window of an episode. Shapes: ``[B, 2]`` to ``[B, 4]``."""
    return torch.cat([torch.zeros_like(sizes), sizes], dim=-1)
