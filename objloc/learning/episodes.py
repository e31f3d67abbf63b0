"""Episodes of a training: their order, and the environments that play them side by side."""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from objloc.data.store import SampleStore
from objloc.learning.memory.n_step import EpisodeStep
from objloc.learning.memory.replay import Transition
from objloc.learning.selection import places
from objloc.mdp.environment import Environment, Observation, Outcome
from objloc.mdp.success import is_success
from objloc.network.device import generator_on, restore_draws, stalls
from objloc.network.q_network import QNetwork
from objloc.params import Agent, Schedule
from objloc.ranks.group import ALONE, Ranks
from objloc.search.policy import category_outputs


class Played(NamedTuple):
    """A lock-step of all environments.

    Attributes:
        transition: what happened in the n environments that were active.
        step: the place of each in its episode.
        ended: measurements of the episodes that ended, in sum; empty if none has.
    """

    transition: Transition
    step: EpisodeStep
    ended: dict[str, float | Tensor]


class Episodes:
    """The episodes of a training, in a queue: each environment that is free plays the next.

    All but the counts lies on the network's device. In a lock-step the host asks it once: how
    many episodes have ended.

    Args:
        network: the network that acts.
        store: training images, on its device.
        queue: ``[E, 2]`` int64, image and category of each episode, see ``queue_of``.
        agent: all parameters of the agent.
        generator: source of all random draws, on a device that stalls of their seed.
        ranks: the processes that train together: each computes the values of its own slots.

    Attributes:
        slots: number of environments.
        started: number of episodes begun.
        num_ended: number of episodes that ended.
    """

    def __init__(
        self,
        network: QNetwork,
        store: SampleStore,
        queue: Tensor,
        agent: Agent,
        generator: torch.Generator,
        ranks: Ranks = ALONE,
    ) -> None:
        self._network, self._store, self._agent, self._ranks = network, store, agent, ranks
        self._device = device = network.device
        self._presence = store.presence()
        self._queue = queue.to(device)
        self._generator = generator
        if stalls(device):
            seed = int(torch.randint(2**62, (), generator=generator))
            self._generator = generator_on(device, seed)
        self.slots = min(agent.schedule.environments, len(self._queue))
        self._environment = Environment(store, agent.mdp, network.frames, network.action_history)
        self._environment.reset(self._queue[: self.slots], self._starts(self.slots))
        self.started, self.num_ended = self.slots, 0
        self._active = torch.ones(self.slots, dtype=torch.bool, device=device)
        self._num_active = self.slots
        self._own_slots = torch.arange(self.slots, device=device)[ranks.part(self.slots)]
        self._reward = torch.zeros(self.slots, device=device)
        self._views = self._encode(self._own_slots)

    def __len__(self) -> int:
        """Number of all episodes."""
        return len(self._queue)

    @property
    def running_out(self) -> bool:
        """Whether an environment may go idle in the next step."""
        return len(self._queue) - self.started < self.slots

    def step(self, epsilon: float) -> Played:
        """Take one step in every environment, and replace ended episodes.

        Args:
            epsilon: probability of a random action.
        """
        observation = self._environment.observation()
        actions = self._explore(observation, epsilon)
        outcome = self._environment.step(actions)
        active, _ = places(self._active, self._num_active)
        newest = self._environment.observation().boxes[:, -1]
        transition = self._taught(
            Transition(
                observation[active],
                actions[active],
                outcome.reward[active],
                newest[active],
                outcome.terminated[active],
            )
        )
        step = EpisodeStep(active, outcome.ended[active])
        self._reward += outcome.reward
        # The one question to the device.
        ended = (outcome.ended & self._active).nonzero().squeeze(1)
        return Played(transition, step, self._end(ended, outcome) if len(ended) else {})

    def _taught(self, transition: Transition) -> Transition:
        """Transitions as they are remembered: steps for an absent category are wrong triggers."""
        if not self._agent.schedule.absent_episodes:
            return transition
        seen = transition.observation_tm1
        return transition.with_wrong_triggers(
            ~self._presence[seen.image, seen.category],
            self._environment.trigger,
            self._agent.learning.absent_reward,
        )

    def _end(self, ended: Tensor, outcome: Outcome) -> dict[str, float | Tensor]:
        """Measure episodes that ended in some slots, and start the next ones there."""
        success = is_success(outcome.terminated, outcome.iou, self._agent.mdp.trigger_iou)
        measured: dict[str, float | Tensor] = {
            "episodes": len(ended),
            "episode_reward": self._reward[ended].sum(),
            "episode_length": self._environment.steps[ended].sum(),
            "successes": success[ended].sum(),
        }
        self.num_ended += len(ended)
        self._num_active -= len(ended)
        self._reward[ended] = 0
        self._active[ended] = False
        self._refill(ended)
        return measured

    def _refill(self, slots: Tensor) -> None:
        """Start the next episodes of the queue in free slots: ``[R]`` int64."""
        following = self._queue[self.started : self.started + len(slots)]
        if len(following) == 0:
            return
        slots = slots[: len(following)]
        self._active[slots] = True
        self.started += len(following)
        self._num_active += len(following)
        changed = self._environment.observation().image[slots] != following[:, 0]
        self._environment.reset_slots(slots, following, self._starts(len(slots)))
        rows = self._own(slots, changed)
        if len(rows):
            self._views[rows - self._own_slots[0]] = self._encode(rows)

    def _own(self, slots: Tensor, changed: Tensor) -> Tensor:
        """Slots of this process among some; not where the image has not changed.

        A device that stalls is not asked where that is.
        """
        if self._ranks.number > 1:
            changed = changed & torch.isin(slots, self._own_slots)
        elif stalls(self._device):
            return slots
        return slots[changed]

    def _starts(self, number: int) -> Tensor | None:
        """Indices of random start windows, ``[number]`` int64; None if there is only one."""
        windows = len(self._environment.starts)
        if windows == 1:
            return None
        return torch.randint(windows, (number,), generator=self._generator, device=self._device)

    def _explore(self, observation: Observation, epsilon: float) -> Tensor:
        """Choose epsilon-greedy actions by the exploration schedule: ``[B]`` int64.

        A random action is the one with the highest of uniformly drawn scores. With
        ``exploration.guided`` it is drawn only from actions that earn a positive reward,
        if there are any. ``GreedyPolicy`` explores without guidance and draws its random
        numbers in another order.
        """
        network = self._network
        network.eval()
        mine = observation[self._own_slots]
        index = torch.arange(len(self._own_slots), device=self._device)
        with torch.no_grad():
            outputs = category_outputs(
                network, self._views, index, mine, self._store.sizes[mine.image]
            )
            values = self._ranks.rows(network.values_of(outputs).float())
        explores = self._drawn((self.slots,)) < epsilon
        scores = self._drawn(values.shape)
        if self._agent.exploration.guided:
            rewarding = self._environment.reward_of_every_action() > 0
            scores = torch.where(rewarding, scores + 1, scores)
        return torch.where(explores, scores.argmax(dim=1), values.argmax(dim=1))

    def _drawn(self, shape: tuple[int, ...]) -> Tensor:
        """Uniform random numbers, float32."""
        return torch.rand(shape, generator=self._generator, device=self._device)

    @torch.no_grad()
    def _encode(self, slots: Tensor) -> Tensor:
        """Encode the images of some slots with the current weights, once for an episode.

        Its few updates hardly change what exploration does.
        """
        network = self._network
        network.eval()
        images = self._store.images[self._environment.observation().image[slots]]
        return network.encode(images.to(self._device))

    def state_dict(self) -> dict[str, Any]:
        """Everything that changes; all processes take part."""
        return {
            "environment": self._environment.state_dict(),
            "generator": self._generator.get_state(),
            "queue": self._queue,
            "started": self.started,
            "active": self._active,
            "views": torch.cat(self._ranks.to_first(self._views.cpu()) or [self._views]),
            "episode_reward": self._reward,
        }

    def load_state_dict(self, state: dict[str, Any], ended: int) -> None:
        """Restore a state, of which other keys are ignored.

        Args:
            state: result of ``state_dict``; the network has its weights again.
            ended: number of episodes that had ended.
        """
        self._environment.load_state_dict(state["environment"])
        restore_draws(self._generator, state["generator"])
        device = self._device
        # The run may be extended: keep the saved queue, append the new passes.
        scheduled = len(state["queue"])
        self._queue = torch.cat([state["queue"].to(device), self._queue[scheduled:]])
        self.started, self.num_ended = state["started"], ended
        self._active = state["active"].to(device)
        self._num_active = int(self._active.sum())
        self._views = state["views"].to(device)[self._own_slots]
        self._reward = state["episode_reward"].to(device)
        # Slots left idle by an empty queue; an extended run refills them.
        self._refill((~self._active).nonzero().squeeze(1))


def queue_of(
    store: SampleStore, schedule: Schedule, tasks: Tensor, generator: torch.Generator
) -> Tensor:
    """Order of all episodes, ``[E, 2]``: each pass is a new shuffle of the tasks.

    Args:
        store: the images, on the CPU.
        schedule: the passes and what they consist of.
        tasks: ``[M, 2]`` int64, image and category.
        generator: source of the seed of the shuffles.
    """
    # Its own generator makes a longer run begin with the passes of a shorter one.
    seed = int(torch.randint(2**62, (), generator=generator))
    order = torch.Generator().manual_seed(seed)
    absent = round(schedule.absent_episodes * len(tasks))
    passes = []
    for _ in range(schedule.passes):
        mine = torch.cat([tasks, store.absent_tasks(tasks, absent, order)])
        passes.append(mine[torch.randperm(len(mine), generator=order)])
    return torch.cat(passes).repeat_interleave(schedule.episodes_per_image, dim=0)
