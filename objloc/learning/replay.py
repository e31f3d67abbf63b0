"""The replay memory. It stores geometry instead of pixels.

A transition is the index of an image and a few boxes, some 200 bytes where the 2018
system's stacked frames took 56 kB; pixels are fetched from the store when a batch is made.

Transitions are sampled uniformly, or uniformly from some images. Two add-ons change that
and are None unless the parameters ask for them: ``n_step`` and ``priorities``.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from objloc.learning.n_step import EpisodeStep, NStepReturns
from objloc.learning.priorities import Priorities
from objloc.mdp.environment import Observation
from objloc.params import Agent


@dataclass(frozen=True)
class Transition:
    """n transitions side by side.

    Attributes:
        observation_tm1: the observations before the actions.
        action_tm1: ``[n]`` int64, the actions taken.
        reward_t: ``[n]`` float32, their rewards.
        box_t: ``[n, 4]`` float64 pixels, the windows after them.
        terminated_t: ``[n]`` bool; False if the episode was truncated: its last state
            has a value to bootstrap from.
    """

    observation_tm1: Observation
    action_tm1: Tensor
    reward_t: Tensor
    box_t: Tensor
    terminated_t: Tensor

    @property
    def observation_t(self) -> Observation:
        """The observations after the actions."""
        past = self.observation_tm1
        return Observation(
            past.image,
            past.category,
            torch.cat([past.boxes[:, 1:], self.box_t[:, None]], dim=1),
            torch.cat([past.actions, self.action_tm1[:, None]], dim=1)[:, 1:]
            if past.actions.shape[1]
            else past.actions,
        )

    def with_wrong_triggers(self, absent: Tensor, trigger: int, reward: float) -> "Transition":
        """These transitions, those of searches for what is not there made wrong triggers.

        Every move there earns -1 and leads to the next such window: taught as moves, they would
        be worth less than a wrong trigger, and the agent would learn to trigger at once. Of
        such a window there is one thing to learn, that a trigger is wrong.
        Source: the published code of Caicedo & Lazebnik (2015).

        Args:
            absent: ``[n]`` bool, whether the image lacks the category searched for.
            trigger: index of the trigger.
            reward: reward of such a trigger.
        """
        return replace(
            self,
            action_tm1=torch.where(absent, trigger, self.action_tm1),
            reward_t=torch.where(absent, reward, self.reward_t),
            terminated_t=self.terminated_t | absent,
        )


@dataclass(frozen=True)
class SampledTransition(Transition):
    """n transitions sampled from the memory, each over one step or several.

    ``reward_t``, ``box_t`` and ``terminated_t`` are those of all its steps.

    Attributes:
        rows: ``[n]`` int64, their rows in the memory.
        importance: ``[n]`` float32, importance weights of their losses.
        steps: ``[n]`` int64, number of steps whose rewards are summed.
        last: the last step of each.
    """

    rows: Tensor
    importance: Tensor
    steps: Tensor
    last: Transition

    @property
    def observation_t(self) -> Observation:
        """The observations after the last steps."""
        return self.last.observation_t


class ReplayBuffer:
    """The last ``size`` transitions; new ones overwrite the oldest.

    Args:
        size: capacity in transitions.
        frames: windows in an observation.
        action_history: past actions in an observation.
        n_step: the add-on for n-step returns; None: one step.
        priorities: the add-on for prioritised sampling; None: uniform.
    """

    def __init__(
        self,
        size: int,
        frames: int,
        action_history: int,
        n_step: NStepReturns | None = None,
        priorities: Priorities | None = None,
    ) -> None:
        self.priorities = priorities
        self._n_step = n_step
        self._size = size
        self._next = 0
        self._length = 0
        # The system provides the memory page by page as it is written, not here.
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

    def add(self, transition: Transition, step: EpisodeStep | None = None) -> None:
        """Store transitions in order, overwriting the oldest.

        Args:
            transition: n transitions.
            step: their place in their episodes; needed for n-step returns.

        Raises:
            ValueError: ``step`` is needed and missing.
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
        if self._n_step is not None:
            if step is None:
                raise ValueError("step: expected for n-step returns; found None")
            self._n_step.add(rows, step)
        if self.priorities is not None and not self.priorities.of_images:
            self.priorities.reset(rows)
        self._next = (self._next + number) % self._size
        self._length = min(self._length + number, self._size)

    def sample(self, images: int, windows: int, generator: torch.Generator) -> SampledTransition:
        """Sample transitions: ``images`` of them, or ``windows`` of each of some images.

        Args:
            images: number of transitions, drawn uniformly with replacement (Mnih et al.
                2015), if ``windows`` is 1; otherwise the number of distinct images
                (fewer if the memory holds fewer). By priority, transitions are distinct
                too, and priorities of images always draw images.
            windows: transitions drawn from each image, with replacement; those of one
                image come together.
            generator: source of random draws.
        """
        priorities = self.priorities
        if priorities is not None and not priorities.of_images:
            return self._sampled(*priorities.draw(torch.arange(self._length), images, generator))
        if priorities is None and windows == 1:
            rows = torch.randint(self._length, (images,), generator=generator)
            return self._sampled(rows, torch.ones(images))
        image = self._columns["image"][: self._length]
        rows_by_image = torch.argsort(image, stable=True)
        distinct, counts = torch.unique_consecutive(image[rows_by_image], return_counts=True)
        if priorities is None:
            chosen = torch.randperm(len(distinct), generator=generator)[:images]
            importance = torch.ones(len(chosen))
        else:
            chosen, importance = priorities.draw(distinct.long(), images, generator)
        first = (counts.cumsum(0) - counts)[chosen, None]
        place = torch.rand(len(chosen), windows, generator=generator, dtype=torch.float64)
        rows = rows_by_image[first + (place * counts[chosen, None]).long()]
        return self._sampled(rows.flatten(), importance.repeat_interleave(windows))

    def _sampled(self, rows: Tensor, importance: Tensor) -> SampledTransition:
        first = self._rows(rows)
        reward, steps, last = first.reward_t, torch.ones_like(rows), first
        if self._n_step is not None:
            reward, steps, last_rows = self._n_step.returns(rows, self._columns["reward_t"])
            last = self._rows(last_rows)
        return SampledTransition(
            first.observation_tm1,
            first.action_tm1,
            reward,
            last.box_t,
            last.terminated_t,
            rows,
            importance,
            steps,
            last,
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
        """Everything stored."""
        state = {name: column[: self._length].clone() for name, column in self._columns.items()}
        if self._n_step is not None:
            state |= self._n_step.state_dict(self._length)
        if self.priorities is not None:
            state |= self.priorities.state_dict()
        return state | {"next": torch.tensor(self._next)}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Restore a state; a memory that was full keeps its size."""
        self._length = len(state["image"])
        self._next = int(state["next"])
        if self._next < self._length:
            # In a larger memory, rows that were never written would follow the oldest.
            self._size = self._length
        for name, column in self._columns.items():
            column[: self._length] = state[name]
        if self._n_step is not None:
            self._n_step.load_state_dict(state)
        if self.priorities is not None:
            self.priorities.load_state_dict(state)


def build_replay(agent: Agent, images: int, slots: int, limit: int) -> ReplayBuffer:
    """Build an agent's replay memory, with the add-ons that its parameters ask for.

    Args:
        agent: all parameters of the agent.
        images: number of images in the store.
        slots: number of environments that transitions come from.
        limit: number of transitions that training can make at most.
    """
    learning, replay = agent.learning, agent.replay
    size = min(replay.size, limit)
    n_step = priorities = None
    if learning.n_step > 1:
        n_step = NStepReturns(size, slots, learning.n_step, learning.discount)
    if replay.priority_exponent:
        of_images = learning.backup == "all_actions"
        priorities = Priorities(
            images if of_images else size,
            of_images,
            replay.priority_exponent,
            replay.importance_exponent,
        )
    return ReplayBuffer(size, agent.encoder.frames, agent.head.action_history, n_step, priorities)
