"""The replay memory. It stores geometry instead of pixels.

A transition is the index of an image and two boxes, some 80 bytes where the 2018
system's stacked frames took 56 kB; pixels are fetched from the store when a batch is made.

Transitions are sampled uniformly, or uniformly from some images. Two add-ons change that
and are None unless the parameters ask for them: ``n_step`` and ``priorities``.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from objloc.learning.memory.n_step import EpisodeStep, NStepReturns
from objloc.learning.memory.past_windows import PastWindows, from_rows
from objloc.learning.memory.priorities import Priorities
from objloc.learning.selection import places
from objloc.mdp.environment import Observation
from objloc.network.device import CPU, stalls
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
        slots: number of environments; needed where ``frames`` is above 1.
        images: number of images of the store; needed on a device that stalls.
        device: that of all transitions.
    """

    def __init__(
        self,
        size: int,
        frames: int,
        action_history: int,
        n_step: NStepReturns | None = None,
        priorities: Priorities | None = None,
        *,
        slots: int = 1,
        images: int = 0,
        device: torch.device = CPU,
    ) -> None:
        self.priorities = priorities
        self._n_step = n_step
        self._past = PastWindows(size, frames, slots, device)
        self._size, self._images, self._device = size, images, device
        self._frames = frames
        self._next = 0
        self._length = 0
        # The system provides the CPU's memory page by page as it is written, not here.
        self._columns = {
            "image": torch.empty(size, dtype=torch.int32, device=device),
            "category": torch.empty(size, dtype=torch.int16, device=device),
            "actions": torch.empty(size, action_history, dtype=torch.int8, device=device),
            "action_tm1": torch.empty(size, dtype=torch.int8, device=device),
            "reward_t": torch.empty(size, dtype=torch.float32, device=device),
            "box_t": torch.empty(size, 4, dtype=torch.float64, device=device),
            "terminated_t": torch.empty(size, dtype=torch.bool, device=device),
        }

    def __len__(self) -> int:
        return self._length

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """All that grows with the number of transitions."""
        add_ons = (self._past, self._n_step, self.priorities)
        return (
            *self._columns.values(),
            *(tensor for each in add_ons if each is not None for tensor in each.tensors),
        )

    def add(self, transition: Transition, step: EpisodeStep | None = None) -> None:
        """Store transitions in order, overwriting the oldest.

        Args:
            transition: n transitions.
            step: their place in their episodes; needed for n-step returns and for several
                windows in an observation.

        Raises:
            ValueError: ``step`` is needed and missing.
        """
        if step is None and (self._frames > 1 or self._n_step is not None):
            raise ValueError(
                "step: expected for n-step returns or several windows in an observation; found None"
            )
        seen = transition.observation_tm1
        number = len(transition.action_tm1)
        rows = (self._next + torch.arange(number, device=self._device)) % self._size
        for name, values in (
            ("image", seen.image),
            ("category", seen.category),
            ("actions", seen.actions),
            ("action_tm1", transition.action_tm1),
            ("reward_t", transition.reward_t),
            ("box_t", transition.box_t),
            ("terminated_t", transition.terminated_t),
        ):
            column = self._columns[name]
            column[rows] = values.to(column.dtype)
        self._past.add(seen.boxes, step)
        if self._n_step is not None and step is not None:
            # No reward follows a trigger, though its episode may go on.
            self._n_step.add(rows, step._replace(ended=step.ended | transition.terminated_t))
        if self.priorities is not None and not self.priorities.of_images:
            self.priorities.reset(rows)
        self._next = (self._next + number) % self._size
        self._length = min(self._length + number, self._size)

    def sample(self, images: int, windows: int, generator: torch.Generator) -> SampledTransition:
        """Sample transitions: ``images`` of them, or ``windows`` of each of some images.

        Args:
            images: number of transitions, drawn uniformly with replacement (Mnih et al.
                2015), if ``windows`` is 1; otherwise the number of distinct images
                (fewer if the memory holds fewer; on a device that stalls they come again
                then). By priority, transitions are distinct too, and priorities of images
                always draw images.
            windows: transitions drawn from each image, with replacement; those of one
                image come together.
            generator: source of random draws, of the memory's device.
        """
        priorities, device = self.priorities, self._device
        if priorities is not None and not priorities.of_images:
            return self._sampled(*priorities.draw(self._written(), images, generator))
        if priorities is None and windows == 1:
            rows = torch.randint(self._length, (images,), generator=generator, device=device)
            return self._sampled(rows, torch.ones(images, device=device))
        rows_by_image, counts = self._by_image()
        if priorities is None:
            chosen = some_of(counts > 0, images, generator)
            importance = torch.ones(len(chosen), device=device)
        else:
            chosen, importance = priorities.draw(counts > 0, images, generator)
        first = (counts.cumsum(0) - counts)[chosen, None]
        place = torch.rand(
            len(chosen), windows, generator=generator, dtype=torch.float64, device=device
        )
        rows = rows_by_image[first + (place * counts[chosen, None]).long()]
        return self._sampled(rows.flatten(), importance.repeat_interleave(windows))

    def _written(self) -> Tensor:
        """Whether each row holds a transition: ``[size]`` bool; those of the CPU all do."""
        rows = self._size if stalls(self._device) else self._length
        return torch.arange(rows, device=self._device) < self._length

    def _by_image(self) -> tuple[Tensor, Tensor]:
        """Rows in the order of their images, and the number of rows of each image, both int64."""
        written = self._written()
        image = self._columns["image"][: len(written)]
        if not stalls(self._device):
            return torch.argsort(image, stable=True), torch.bincount(image)
        # Rows without a transition come last.
        image = torch.where(written, image.long(), self._images)
        counts = image.new_zeros(self._images + 1)
        counts.scatter_add_(0, image, torch.ones_like(image))
        return torch.argsort(image, stable=True), counts[:-1]

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
        boxes = self._past.of((self._next - 1 - rows) % self._size)
        observation = Observation(
            get["image"].long(), get["category"].long(), boxes, get["actions"].long()
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
        state |= self._past.state_dict()
        if self._n_step is not None:
            state |= self._n_step.state_dict(self._length)
        if self.priorities is not None:
            state |= self.priorities.state_dict()
        return state | {"next": torch.tensor(self._next)}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Restore a state; a memory that was full keeps its size."""
        if "windows" not in state:
            state = state | from_rows(state["boxes"], int(state["next"]))
        self._past.load_state_dict(state)
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


def some_of(held: Tensor, number: int, generator: torch.Generator) -> Tensor:
    """Draw some items without replacement: ``[k]`` bool to ``[number]`` int64.

    Of fewer than ``number`` there are fewer; on a device that stalls they come again.
    """
    if not stalls(held.device):
        items, _ = places(held, len(held))
        return items[torch.randperm(len(items), generator=generator)[:number]]
    score = torch.rand(held.shape, generator=generator, device=held.device)
    order = torch.where(held, score, -1.0).argsort(descending=True)
    every = torch.arange(number, device=held.device)
    return order[every % held.sum().clamp(min=1)]


def build_replay(
    agent: Agent, images: int, slots: int, limit: int, device: torch.device = CPU
) -> ReplayBuffer:
    """Build an agent's replay memory, with the add-ons that its parameters ask for.

    Args:
        agent: all parameters of the agent.
        images: number of images in the store.
        slots: number of environments that transitions come from.
        limit: number of transitions that training can make at most.
        device: that of all transitions.
    """
    learning, replay = agent.learning, agent.replay
    size = min(replay.size, limit)
    n_step = priorities = None
    if learning.n_step > 1:
        n_step = NStepReturns(size, slots, learning.n_step, learning.discount, device)
    if replay.priority_exponent:
        of_images = learning.backup == "all_actions"
        priorities = Priorities(
            images if of_images else size,
            of_images,
            replay.priority_exponent,
            replay.importance_exponent,
            device,
        )
    return ReplayBuffer(
        size, agent.encoder.frames, agent.head.action_history, n_step, priorities,
        slots=slots, images=images, device=device,
    )  # fmt: skip
