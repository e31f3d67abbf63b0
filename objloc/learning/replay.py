"""The replay memory: geometry, not pixels.

A transition is an image's index and a few boxes, some 200 bytes where the 2018
system's stacked frames took 56 kB; observations are made anew when sampled.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from objloc.learning.n_step import Played, Successors
from objloc.learning.priorities import Priorities
from objloc.mdp.environment import Observation


@dataclass(frozen=True)
class Transition:
    """n transitions side by side.

    Attributes:
        observation_tm1: what was seen.
        action_tm1: ``[n]`` int64, what was done.
        reward_t: ``[n]`` float32, what it earned.
        box_t: ``[n, 4]`` float64 pixels, the window after it.
        terminated_t: ``[n]`` bool; a truncated episode is not terminated: its
            last state has a future that was not played.
    """

    observation_tm1: Observation
    action_tm1: Tensor
    reward_t: Tensor
    box_t: Tensor
    terminated_t: Tensor

    @property
    def observation_t(self) -> Observation:
        """What was seen after the action."""
        past = self.observation_tm1
        return Observation(
            past.image,
            past.category,
            torch.cat([past.boxes[:, 1:], self.box_t[:, None]], dim=1),
            torch.cat([past.actions, self.action_tm1[:, None]], dim=1)[:, 1:]
            if past.actions.shape[1]
            else past.actions,
        )


@dataclass(frozen=True)
class Drawn(Transition):
    """n transitions drawn from the memory, each of one step or several.

    ``reward_t``, ``box_t`` and ``terminated_t`` are of all its steps.

    Attributes:
        steps: ``[n]`` int64, how many steps' rewards are added up.
        last: the last step of each.
        rows: ``[n]`` int64, where they lie in the memory.
        importance: ``[n]`` float32, weights of their losses.
    """

    steps: Tensor
    last: Transition
    rows: Tensor
    importance: Tensor

    @property
    def observation_t(self) -> Observation:
        """What was seen after the last step."""
        return self.last.observation_t


class ReplayBuffer:
    """The last ``size`` transitions; the oldest goes first.

    Args:
        size: capacity in transitions.
        frames: windows in an observation.
        action_history: past actions in an observation.
        successors: for returns of several steps; None: of one.
        priorities: how often each is drawn; None: uniformly.
    """

    def __init__(
        self,
        size: int,
        frames: int,
        action_history: int,
        successors: Successors | None = None,
        priorities: Priorities | None = None,
    ) -> None:
        self.priorities = priorities
        self._size = size
        self._successors = successors
        self._next = 0
        self._length = 0
        # Memory is taken page by page as it is written, not here.
        self._columns = {
            "image": torch.empty(size, dtype=torch.int32),
            "category": torch.empty(size, dtype=torch.int16),
            "boxes": torch.empty(size, frames, 4, dtype=torch.float64),
            "actions": torch.empty(size, action_history, dtype=torch.int8),
            "action_tm1": torch.empty(size, dtype=torch.int8),
            "reward_t": torch.empty(size, dtype=torch.float32),
            "box_t": torch.empty(size, 4, dtype=torch.float64),
            "terminated_t": torch.empty(size, dtype=torch.bool),
        }

    def __len__(self) -> int:
        return self._length

    def add(self, transition: Transition, played: Played | None = None) -> None:
        """Remember transitions, in order; the oldest are forgotten.

        Args:
            transition: what is remembered.
            played: where it comes from, for returns of several steps.

        Raises:
            ValueError: returns are of several steps, and ``played`` is not told.
        """
        seen = transition.observation_tm1
        number = len(transition.action_tm1)
        rows = (self._next + torch.arange(number)) % self._size
        for name, values in (
            ("image", seen.image),
            ("category", seen.category),
            ("boxes", seen.boxes),
            ("actions", seen.actions),
            ("action_tm1", transition.action_tm1),
            ("reward_t", transition.reward_t),
            ("box_t", transition.box_t),
            ("terminated_t", transition.terminated_t),
        ):
            column = self._columns[name]
            column[rows] = values.to(column.dtype)
        if self._successors is not None:
            if played is None:
                raise ValueError("played: expected for returns of several steps; found None")
            self._successors.add(rows, played)
        if self.priorities is not None and not self.priorities.of_images:
            self.priorities.renew(rows)
        self._next = (self._next + number) % self._size
        self._length = min(self._length + number, self._size)

    def sample(self, images: int, windows: int, generator: torch.Generator) -> Drawn:
        """Draw transitions with replacement; with priorities of them, distinct ones.

        Args:
            images: for ``windows`` = 1 the number of transitions, drawn uniformly
                (Mnih et al. 2015) or by their priorities; otherwise, and with
                priorities of images, the number of distinct images drawn
                (fewer if the memory holds fewer).
            windows: transitions drawn from each image; those of one image come
                together.
            generator: of the draw.
        """
        if self.priorities is None and windows == 1:
            rows = torch.randint(self._length, (images,), generator=generator)
            return self._drawn(rows, torch.ones(images))
        if self.priorities is not None and not self.priorities.of_images:
            everything = torch.arange(self._length)
            return self._drawn(*self.priorities.draw(everything, images, generator))
        column = self._columns["image"][: self._length]
        order = torch.argsort(column, stable=True)
        _, counts = torch.unique_consecutive(column[order], return_counts=True)
        starts = counts.cumsum(0) - counts
        if self.priorities is None:
            chosen = torch.randperm(len(counts), generator=generator)[:images]
            importance = torch.ones(len(chosen))
        else:
            remembered = column[order[starts]].long()
            chosen, importance = self.priorities.draw(remembered, images, generator)
        place = torch.rand(len(chosen), windows, generator=generator, dtype=torch.float64)
        rows = starts[chosen, None] + (place * counts[chosen, None]).long()
        return self._drawn(order[rows.flatten()], importance.repeat_interleave(windows))

    def _drawn(self, rows: Tensor, importance: Tensor) -> Drawn:
        first = self._rows(rows)
        reward, steps, last = first.reward_t, torch.ones_like(rows), first
        if self._successors is not None:
            reward, steps, rows_t = self._successors.returns(rows, self._columns["reward_t"])
            last = self._rows(rows_t)
        return Drawn(
            first.observation_tm1,
            first.action_tm1,
            reward,
            last.box_t,
            last.terminated_t,
            steps,
            last,
            rows,
            importance,
        )

    def _rows(self, rows: Tensor) -> Transition:
        get = {name: column[rows] for name, column in self._columns.items()}
        observation = Observation(
            get["image"].long(), get["category"].long(), get["boxes"], get["actions"].long()
        )
        return Transition(
            observation,
            get["action_tm1"].long(),
            get["reward_t"],
            get["box_t"],
            get["terminated_t"],
        )

    def state_dict(self) -> dict[str, Tensor]:
        """All that is remembered, to go on later."""
        state = {name: column[: self._length].clone() for name, column in self._columns.items()}
        if self._successors is not None:
            state |= self._successors.state_dict(self._length)
        if self.priorities is not None:
            state |= self.priorities.state_dict()
        return state | {"next": torch.tensor(self._next)}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on from a state; one that was full stays as large as it was."""
        self._length = len(state["image"])
        self._next = int(state["next"])
        if self._next < self._length:
            # In a larger memory the oldest would be followed by rows never written.
            self._size = self._length
        for name, column in self._columns.items():
            column[: self._length] = state[name]
        if self._successors is not None:
            self._successors.load_state_dict(state)
        if self.priorities is not None:
            self.priorities.load_state_dict(state)
