"""The actions of the agent: what each does to the window.

Source: Caicedo & Lazebnik (2015), section 3.1, for the nine; the 2018
dissertation adds the two splits; the five zooms are those of Jie et al. (2016),
"Tree-structured reinforcement learning for sequential object localization".
"""

from collections.abc import Iterator, Sequence
from enum import Enum

import torch
from torch import Tensor

from objloc.params import Mdp, Starts


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
    ZOOM_UPPER_LEFT = "zoom_upper_left"
    ZOOM_UPPER_RIGHT = "zoom_upper_right"
    ZOOM_LOWER_LEFT = "zoom_lower_left"
    ZOOM_LOWER_RIGHT = "zoom_lower_right"
    ZOOM_CENTRE = "zoom_centre"
    TRIGGER = "trigger"


LEARNED_STEP = "learned_step"
"""What a move by learned steps is called; it is not an action with a value of its own."""
LEARNED_ZOOM = "learned_zoom"
"""What a learned zoom is called; likewise."""

_ZOOMS = tuple(action for action in Action if action.value.startswith("zoom"))
_DISSERTATION = tuple(action for action in Action if action not in _ZOOMS)
_PAPER = tuple(
    action
    for action in _DISSERTATION
    if action not in (Action.SPLIT_HORIZONTAL, Action.SPLIT_VERTICAL)
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
    Action.TRIGGER: (0, 0, 0, 0),
}
_ZOOM = 0.55
"""Side of the window after a zoom, as a share of the side before."""
_REST = 1 - _ZOOM
_CUTS: dict[Action, tuple[float, float, float, float]] = {
    # The same for actions whose step size is their own, in units of the side.
    Action.SPLIT_HORIZONTAL: (0, 0, -0.5, 0),
    Action.SPLIT_VERTICAL: (0, 0, 0, -0.5),
    Action.ZOOM_UPPER_LEFT: (0, 0, -_REST, -_REST),
    Action.ZOOM_UPPER_RIGHT: (_REST, 0, 0, -_REST),
    Action.ZOOM_LOWER_LEFT: (0, _REST, -_REST, 0),
    Action.ZOOM_LOWER_RIGHT: (_REST, _REST, 0, 0),
    Action.ZOOM_CENTRE: (_REST / 2, _REST / 2, -_REST / 2, -_REST / 2),
}

_AXES: dict[Action, int] = {
    Action.MOVE_RIGHT: 0, Action.MOVE_LEFT: 0, Action.MOVE_DOWN: 1, Action.MOVE_UP: 1,
    Action.BIGGER: 2, Action.SMALLER: 2, Action.TALLER: 3, Action.FATTER: 3,
}  # fmt: skip
"""What a move changes: x, y, size, shape. Cuts change all."""


def actions_of(mdp: Mdp) -> tuple[Action, ...]:
    """The agent's actions in the order of its Q-values; the trigger is the last.

    Those of the set; its moves again for each further step size; the zooms.
    """
    *moves, trigger = ACTION_SETS[mdp.actions]
    again = [action for action in moves if action not in _CUTS] * len(mdp.further_step_sizes)
    return (*moves, *again, *(_ZOOMS if mdp.zooms else ()), trigger)


def names_of(mdp: Mdp) -> tuple[str, ...]:
    """A name for each of ``actions_of``, none twice.

    A move by a further step size has it behind its name: ``move_right_0.3``.
    """
    sizes = {action: ["", *(f"_{size}" for size in mdp.further_step_sizes)] for action in _AXES}
    return tuple(
        action.value + (sizes[action].pop(0) if action in sizes else "")
        for action in actions_of(mdp)
    )


def label_of(name: str) -> str:
    """An action's name as people read it: ``move right 0.3``."""
    return name.replace("_", " ")


def axes_of(mdp: Mdp) -> Tensor:
    """``[A - 1]`` int64: what each action but the trigger changes, -1 for a cut."""
    return torch.tensor([_AXES.get(action, -1) for action in actions_of(mdp)[:-1]])


def start_windows(starts: Starts) -> Tensor:
    """``[S, 4]`` float64, shares of the image's sides: where searches may begin.

    Args:
        starts: grids; see ``Mdp.starts``.
    """
    windows = []
    for number, side in starts:
        ticks = torch.linspace(0, 1 - side, number, dtype=torch.float64) if number > 1 else (
            torch.tensor([(1 - side) / 2], dtype=torch.float64)
        )  # fmt: skip
        windows += [(x, y, x + side, y + side) for y in ticks.tolist() for x in ticks.tolist()]
    return torch.tensor(windows, dtype=torch.float64)


def effects_of(mdp: Mdp) -> Tensor:
    """``[A, 4]`` float64: what each action does to a window, in units of its sides."""
    return torch.tensor(list(_effects(mdp)), dtype=torch.float64)


def _effects(mdp: Mdp) -> Iterator[Sequence[float]]:
    left = {action: [mdp.step_size, *mdp.further_step_sizes] for action in _AXES}
    for action in actions_of(mdp):
        if action in _CUTS:
            yield _CUTS[action]
        elif action is Action.TRIGGER:
            yield _EFFECTS[action]
        else:
            size = left[action].pop(0)
            yield [size * effect for effect in _EFFECTS[action]]


def steps_between(boxes: Tensor, others: Tensor) -> Tensor:
    """The steps that lead from windows to others: ``[..., 4]``.

    How far the centre goes along x and y, in units of the window's own sides, and the
    logarithms of the factors by which width and height grow.
    Source: Girshick et al. (2014), appendix C.

    Shapes: ``[..., 4]``, ``[..., 4]`` to ``[..., 4]``.
    """
    side, other = (each[..., 2:] - each[..., :2] for each in (boxes, others))
    apart = (others[..., :2] + others[..., 2:] - boxes[..., :2] - boxes[..., 2:]) / 2
    return torch.cat([apart / side, torch.log(other / side)], dim=-1)


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
        self.actions = actions_of(mdp)
        self._effects = effects_of(mdp)
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

    def by(self, boxes: Tensor, sizes: Tensor, steps: Tensor) -> Tensor:
        """The window after steps of any length along all axes: see ``steps_between``.

        Shapes: ``[B, 4]``, ``[B, 2]``, ``[B, 4]`` to ``[B, 4]``.
        """
        side = boxes[..., 2:] - boxes[..., :2]
        centre = (boxes[..., :2] + boxes[..., 2:]) / 2 + steps[..., :2] * side
        half = side * torch.exp(steps[..., 2:]) / 2
        return self._cut(boxes, sizes, torch.cat([centre - half, centre + half], dim=-1))

    def _move(self, boxes: Tensor, sizes: Tensor, effects: Tensor) -> Tensor:
        side = boxes[..., 2:] - boxes[..., :2]
        return self._cut(boxes, sizes, boxes + effects * torch.cat([side, side], dim=-1))

    def _cut(self, boxes: Tensor, sizes: Tensor, moved: Tensor) -> Tensor:
        """Moved windows without what lies beyond the image; as before where not allowed."""
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
