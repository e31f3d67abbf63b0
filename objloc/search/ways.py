"""Where the searches of a round lead: to start windows, by learned moves, or by actions.

The shape letters are those of ``objloc.search.trace``.
"""

import torch
from torch import Tensor

from objloc.box import quarter
from objloc.mdp.action import Moves, axes_of, start_windows
from objloc.params import Mdp, Search
from objloc.search.frontier import Slots
from objloc.search.visits import Visits, Ways

_STEPS, _ZOOM = 0, 1
"""Numbers of the learned moves after those of the actions; see ``SearchTrace.moves``."""


class WayFinder:
    """Finds the ways of searches of a batch of images.

    Args:
        visits: the windows visited.
        mdp: the decision process that the agent was trained in.
        params: the order of looking.
    """

    def __init__(self, visits: Visits, mdp: Mdp, params: Search) -> None:
        self._visits, device = visits, visits.device
        self._moves = Moves(mdp, device)
        self.starts = start_windows(params.starts or mdp.starts)[: visits.spare].to(device)
        self._bars = _bars(mdp).to(device)

    def to_starts(self, number: Tensor) -> Ways:
        """Ways to start windows ``[n, R]`` int64."""
        visits = self._visits
        sizes = visits.sizes[visits.rows].repeat(1, 2)
        boxes = self.starts[number] * sizes[:, None]
        frames = boxes[:, :, None].expand(-1, -1, visits.frames.shape[2], -1)
        none = torch.full_like(number, -1)
        past, moves = (
            none[..., None].expand(-1, -1, each.shape[2]) for each in (visits.past, visits.moves)
        )
        return Ways(frames, past, moves, none, none)

    def by_learned_moves(self, slots: Slots) -> Ways:
        """Ways by learned zooms, or where a search does not zoom by learned steps."""
        visits, at = self._visits, (self._visits.rows[:, None], slots.window, slots.category)
        begin, zoom = visits.boxes[at[:2]], slots.zoom
        steps = visits.steps[at] if visits.steps.shape[-1] else torch.zeros_like(begin)
        if visits.zooms.shape[-1]:
            begin = torch.where(zoom[..., None], quarter(begin, slots.part), begin)
            steps = torch.where(zoom[..., None], visits.zoom_steps[(*at, slots.part)], steps)
        boxes = self._moves.by(begin, visits.sizes[visits.rows, None], steps.double())
        moves = torch.full((*zoom.shape, visits.moves.shape[2]), -1, device=visits.device)
        moves[..., 0] = visits.q_values.shape[-1] + torch.where(zoom, _ZOOM, _STEPS)
        frames = _append(visits.frames[at[:2]], boxes)
        return Ways(frames, visits.past[at[:2]], moves, slots.window, slots.category)

    def by_actions(self, slots: Slots, action: Tensor) -> Ways:
        """Ways by actions ``[n, R]``, and by others that are sure to help.

        A look costs most of a step. After one look the agent also makes the best move along
        each other axis, if its value is above zero: x, y, size and shape hardly depend on
        each other.
        """
        visits, at = self._visits, (self._visits.rows[:, None], slots.window)
        sizes = visits.sizes[visits.rows, None]
        frames, past = visits.frames[at], visits.past[at]
        frames = _append(frames, self._moves.apply(frames[:, :, -1], sizes, action))
        past, made = _append(past, action), [action]
        values, last = visits.q_values[(*at, slots.category)][..., :-1], action
        for _ in range(1, visits.moves.shape[2]):
            values = torch.where(self._bars[last], -torch.inf, values)
            best, last = values.max(dim=2)
            helps = best > 0
            further = _append(frames, self._moves.apply(frames[:, :, -1], sizes, last))
            frames = torch.where(helps[..., None, None], further, frames)
            past = torch.where(helps[..., None], _append(past, last), past)
            made.append(torch.where(helps, last, -1))
        return Ways(frames, past, torch.stack(made, dim=-1), slots.window, slots.category)


def _bars(mdp: Mdp) -> Tensor:
    """``[A, A - 1]`` bool: which moves an action rules out after the same look.

    Those along its own axis, and cuts. After a cut, whose window has other values, and after a
    trigger there is none.
    """
    axes = torch.cat([axes_of(mdp), torch.tensor([-1])])
    ends = axes < 0
    return (axes[:, None] == axes[:-1]) | ends[:, None] | ends[:-1]


def _append(series: Tensor, newest: Tensor) -> Tensor:
    """A window's memory ``[n, R, L, ...]`` with one more at its end; the oldest goes."""
    return torch.cat([series, newest[:, :, None]], dim=2)[:, :, 1:]
