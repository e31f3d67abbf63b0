"""The actions of the agent, and their effects on the window.

Sources: Caicedo & Lazebnik (2015), section 3.1, for the first nine; the 2018
dissertation for the two splits; Jie et al. (2016), "Tree-structured reinforcement
learning for sequential object localization", for the five zooms; Bellver et al. (2016),
"Hierarchical object detection with deep reinforcement learning", for zooms alone.
"""

from collections.abc import Iterator, Sequence
from enum import Enum

import torch
from torch import Tensor

from objloc.params import Mdp, Starts


class Action(Enum):
    """A move of the window, or the trigger."""

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
    ZOOM_UPPER_LEFT = "zoom_upper_left"
    ZOOM_UPPER_RIGHT = "zoom_upper_right"
    ZOOM_LOWER_LEFT = "zoom_lower_left"
    ZOOM_LOWER_RIGHT = "zoom_lower_right"
    ZOOM_CENTRE = "zoom_centre"
    TRIGGER = "trigger"


LEARNED_STEP = "learned_step"
"""Name of a move by learned steps, which is no action: it has no Q-value."""
LEARNED_ZOOM = "learned_zoom"
"""Name of a learned zoom, which is no action either."""

_ZOOMS = tuple(action for action in Action if action.value.startswith("zoom"))
# Written out, so that another ``Action`` joins none of them: checkpoints count on their order.
_DISSERTATION = (
    Action.MOVE_RIGHT, Action.MOVE_DOWN, Action.BIGGER, Action.TALLER,
    Action.MOVE_LEFT, Action.MOVE_UP, Action.SMALLER, Action.FATTER,
    Action.SPLIT_HORIZONTAL, Action.SPLIT_VERTICAL, Action.TRIGGER,
)  # fmt: skip
_PAPER = (
    Action.MOVE_RIGHT, Action.MOVE_DOWN, Action.BIGGER, Action.TALLER,
    Action.MOVE_LEFT, Action.MOVE_UP, Action.SMALLER, Action.FATTER, Action.TRIGGER,
)  # fmt: skip
_HIERARCHICAL = (*_ZOOMS, Action.TRIGGER)

ACTION_SETS: dict[str, tuple[Action, ...]] = {
    "dissertation": _DISSERTATION,
    "paper": _PAPER,
    "hierarchical": _HIERARCHICAL,
}
"""Named sets of actions; the trigger is always the last."""

_EFFECTS: dict[Action, tuple[float, float, float, float]] = {
    # Change of (xmin, ymin, xmax, ymax), in units of alpha times the window's own
    # side: width for x, height for y. A change of size moves both edges by half, so
    # that the side changes by alpha and the centre stays.
    Action.MOVE_RIGHT: (1, 0, 1, 0),
    Action.MOVE_DOWN: (0, 1, 0, 1),
    Action.BIGGER: (-0.5, -0.5, 0.5, 0.5),
    Action.TALLER: (0.5, 0, -0.5, 0),
    Action.MOVE_LEFT: (-1, 0, -1, 0),
    Action.MOVE_UP: (0, -1, 0, -1),
    Action.SMALLER: (0.5, 0.5, -0.5, -0.5),
    Action.FATTER: (0, 0.5, 0, -0.5),
    Action.TRIGGER: (0, 0, 0, 0),
}
_CUTS: dict[Action, tuple[float, float, float, float]] = {
    # The same for actions that cut a part off, in units of that part's side: half a side for
    # splits, what a zoom leaves out for zooms.
    Action.SPLIT_HORIZONTAL: (0, 0, -1, 0),
    Action.SPLIT_VERTICAL: (0, 0, 0, -1),
    Action.ZOOM_UPPER_LEFT: (0, 0, -1, -1),
    Action.ZOOM_UPPER_RIGHT: (1, 0, 0, -1),
    Action.ZOOM_LOWER_LEFT: (0, 1, -1, 0),
    Action.ZOOM_LOWER_RIGHT: (1, 1, 0, 0),
    Action.ZOOM_CENTRE: (0.5, 0.5, -0.5, -0.5),
}
_SPLIT = 0.5
"""Side of the part that a split cuts off, as a fraction of the window's."""

_AXES: dict[Action, int] = {
    Action.MOVE_RIGHT: 0, Action.MOVE_LEFT: 0, Action.MOVE_DOWN: 1, Action.MOVE_UP: 1,
    Action.BIGGER: 2, Action.SMALLER: 2, Action.TALLER: 3, Action.FATTER: 3,
}  # fmt: skip
"""The axis that a move changes: x, y, size, shape. Cuts change all of them."""


def actions_of(mdp: Mdp) -> tuple[Action, ...]:
    """The agent's actions in the order of its Q-values.

    These are the moves of its set, the same moves for each further step size, the zooms,
    and the trigger.
    """
    *moves, trigger = ACTION_SETS[mdp.actions]
    again = [action for action in moves if action not in _CUTS] * len(mdp.further_step_sizes)
    return (*moves, *again, *(_ZOOMS if mdp.zooms else ()), trigger)


def names_of(mdp: Mdp) -> tuple[str, ...]:
    """Distinct names of ``actions_of``.

    A further step size is appended to the move's name: ``move_right_0.3``.
    """
    sizes = {action: ["", *(f"_{size}" for size in mdp.further_step_sizes)] for action in _AXES}
    return tuple(
        action.value + (sizes[action].pop(0) if action in sizes else "")
        for action in actions_of(mdp)
    )


def label_of(name: str) -> str:
    """An action's name for display: ``move right 0.3``."""
    return name.replace("_", " ")


def zooms_of(mdp: Mdp) -> Tensor:
    """Whether each action but the trigger is a zoom: ``[A - 1]`` bool."""
    return torch.tensor([action in _ZOOMS for action in actions_of(mdp)[:-1]])


def axes_of(mdp: Mdp) -> Tensor:
    """Axis that each action but the trigger changes, -1 for a cut: ``[A - 1]`` int64."""
    return torch.tensor([_AXES.get(action, -1) for action in actions_of(mdp)[:-1]])


def start_windows(starts: Starts) -> Tensor:
    """Windows that searches may begin with.

    Args:
        starts: grids; see ``Mdp.starts``.

    Returns:
        ``[S, 4]`` float64, fractions of the image's sides.
    """
    windows = []
    for number, side in starts:
        ticks = [(1 - side) / 2]
        if number > 1:
            ticks = torch.linspace(0, 1 - side, number, dtype=torch.float64).tolist()
        windows += [(x, y, x + side, y + side) for y in ticks for x in ticks]
    return torch.tensor(windows, dtype=torch.float64)


def effects_of(mdp: Mdp) -> Tensor:
    """Change of the window by each action, in units of its sides: ``[A, 4]`` float64."""
    return torch.tensor(list(_effects(mdp)), dtype=torch.float64)


def _effects(mdp: Mdp) -> Iterator[Sequence[float]]:
    left = {action: [mdp.step_size, *mdp.further_step_sizes] for action in _AXES}
    for action in actions_of(mdp):
        if action in _CUTS:
            part = 1 - mdp.zoom_side if action in _ZOOMS else _SPLIT
            yield [part * effect for effect in _CUTS[action]]
        elif action is Action.TRIGGER:
            yield _EFFECTS[action]
        else:
            size = left[action].pop(0)
            yield [size * effect for effect in _EFFECTS[action]]


def steps_between(boxes: Tensor, others: Tensor) -> Tensor:
    """Steps that lead from windows to other windows.

    The first two move the centre along x and y, in units of the window's own sides. The
    others are the logarithms of the factors for width and height.
    Source: Girshick et al. (2014), appendix C.

    Shapes: ``[..., 4]``, ``[..., 4]`` to ``[..., 4]``.
    """
    side, other = (each[..., 2:] - each[..., :2] for each in (boxes, others))
    apart = (others[..., :2] + others[..., 2:] - boxes[..., :2] - boxes[..., 2:]) / 2
    return torch.cat([apart / side, torch.log(other / side)], dim=-1)


class Moves:
    """The window after an action, for many windows at once.

    A window is clipped to the image, also when it moves. A move towards the border
    therefore narrows a window that touches it, so that an object in a corner can be
    approached from the whole image. (If moves kept the size, going uphill in IoU would
    reach only two objects in three; see ``docs/experiments.md``.) A window that would
    become smaller than ``min_side`` or leave the range of aspect ratios is not moved.

    Sides and aspect ratios are measured in fractions of the image's sides, as in the
    squashed frame of 2018.

    Args:
        mdp: its actions, and what windows it allows.
        device: that of the windows.
    """

    def __init__(self, mdp: Mdp, device: torch.device | None = None) -> None:
        self.actions = actions_of(mdp)
        self._effects = effects_of(mdp).to(device)
        # A rounding error must not forbid a window of exactly the minimum side. These are tensors
        # because to compare with a number makes one, each time.
        limits = torch.tensor(
            [0, mdp.min_side - 1e-9, mdp.min_aspect_ratio - 1e-9, mdp.max_aspect_ratio + 1e-9],
            dtype=torch.float64,
            device=device,
        )
        self._zero, self._min_side, self._min_ratio, self._max_ratio = limits.unbind()

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
        """The window after one action each.

        Shapes: ``[..., 4]``, ``[..., 2]``, ``[...]`` to ``[..., 4]``.
        """
        return self._move(boxes, sizes, self._effects[actions])

    def by(self, boxes: Tensor, sizes: Tensor, steps: Tensor) -> Tensor:
        """The window after steps of any length along all axes; see ``steps_between``.

        Shapes: ``[..., 4]``, ``[..., 2]``, ``[..., 4]`` to ``[..., 4]``.
        """
        side = boxes[..., 2:] - boxes[..., :2]
        centre = (boxes[..., :2] + boxes[..., 2:]) / 2 + steps[..., :2] * side
        half = side * torch.exp(steps[..., 2:]) / 2
        return self._clipped(boxes, sizes, torch.cat([centre - half, centre + half], dim=-1))

    def _move(self, boxes: Tensor, sizes: Tensor, effects: Tensor) -> Tensor:
        low, high = boxes.chunk(2, dim=-1)
        side = high - low
        return self._clipped(boxes, sizes, boxes + effects * torch.cat([side, side], dim=-1))

    def _clipped(self, boxes: Tensor, sizes: Tensor, moved: Tensor) -> Tensor:
        """Moved windows clipped to the image; ``boxes`` where the result is not allowed."""
        moved = moved.clamp(self._zero, torch.cat([sizes, sizes], dim=-1))
        low, high = moved.chunk(2, dim=-1)
        width, height = ((high - low) / sizes).unbind(dim=-1)
        ratio = height / width.clamp(min=1e-12)
        allowed = (
            (torch.minimum(width, height) >= self._min_side)
            & (ratio >= self._min_ratio)
            & (ratio <= self._max_ratio)
        )
        return torch.where(allowed[..., None], moved, boxes)
