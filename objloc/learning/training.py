"""The training loop: act, remember, learn, measure.

It yields; whoever runs it writes. No file, no clock and no log in here, so a run
depends on its data, parameters and seed alone.
"""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from objloc.data.store import SampleStore
from objloc.learning.learner import Learner
from objloc.learning.n_step import Played, Successors
from objloc.learning.priorities import Priorities
from objloc.learning.progress import Period, Report, Tick
from objloc.learning.replay import ReplayBuffer, Transition
from objloc.mdp.environment import Environment, Observation, Outcome
from objloc.network.q_network import QNetwork
from objloc.params import Agent, Exploration
from objloc.search.policy import category_values

Validate = Callable[[QNetwork], dict[str, float]]
"""Measures a network in evaluation mode; ``score`` is what the best is chosen by."""


class Training:
    """One phase of training: a network, its images, one schedule.

    Args:
        network: the online network, on its device; trained in place.
        store: training images; its categories are the network's.
        tasks: ``[M, 2]`` int64, image and category of each search trained.
        agent: everything that makes the agent.
        validate: measures the network.
        generator: of everything random.
    """

    def __init__(
        self,
        network: QNetwork,
        store: SampleStore,
        tasks: Tensor,
        agent: Agent,
        validate: Validate,
        generator: torch.Generator,
    ) -> None:
        self._store = store
        self._agent = agent
        self._validate = validate
        self._generator = generator
        schedule = agent.schedule
        self._queue = self._episodes(tasks)
        self._slots = min(schedule.environments, len(self._queue))
        self._environment = Environment(store, agent.mdp, network.frames, network.action_history)
        self._environment.reset(self._queue[: self._slots], self._starts(self._slots))
        self._started = self._slots
        self._active = torch.ones(self._slots, dtype=torch.bool)
        self._memory = self._empty_memory(network.frames, network.action_history)
        self.learner = Learner(network, store, agent.mdp, agent.learning, generator)
        self._period = Period()
        self._steps = self._episodes_ended = self._reports = 0
        self._stale = 0  # validations since the best one
        self._owed = 0.0
        self._episode_reward = torch.zeros(self._slots)
        self.best_score = float("-inf")
        self.best_weights: dict[str, Tensor] = {}
        self.best_metrics: dict[str, float] = {}
        self._views = self._look(torch.arange(self._slots))

    @property
    def finished(self) -> bool:
        """The schedule has come to its end, or it is no longer worth going on."""
        patience = self._agent.schedule.patience
        return self.progress >= 1 or (patience is not None and self._stale >= patience)

    @property
    def progress(self) -> float:
        """Share of the schedule that is done, by episodes or by updates."""
        return max(self._episodes_ended / len(self._queue), self._updates_spent)

    @property
    def _updates_spent(self) -> float:
        """Share of the updates that the schedule allows; 0 if there is no limit."""
        most = self._agent.schedule.max_updates
        return 0.0 if most is None else self.learner.updates / most

    def run(self) -> Iterator[Tick]:
        """Train to the end of the schedule, from wherever it stands."""
        while not self.finished:
            self._act()
            self._learn()
            report = None
            if self._reports_due() > self._reports:
                self._reports = self._reports_due()
                report = self.report()
            yield self._tick(report)

    def _reports_due(self) -> int:
        # Rounded: 0.1 + 0.2 must not miss a validation.
        return int(round(self._agent.schedule.evaluations * min(self.progress, 1.0), 9))

    def report(self) -> Report:
        """Close a period: validate, keep the weights if they are the best so far."""
        period, network = self._period, self.learner.kept
        network.eval()
        validation = self._validate(network)
        best = validation["score"] > self.best_score
        metrics = {
            "update": float(self.learner.updates),
            "step": float(self._steps),
            "episode": float(self._episodes_ended),
            "loss": period.ratio("loss", "updates"),
            "td_error": period.ratio("td_error", "updates"),
            "q_mean": period.ratio("q", "q_count"),
            "q_max": period.q_max if period.losses else float("nan"),
            "epsilon": epsilon_at(self._agent.exploration, self._steps),
            "episode_reward": period.ratio("episode_reward", "episodes"),
            "episode_length": period.ratio("episode_length", "episodes"),
            "train_success": period.ratio("successes", "episodes"),
            **validation,
        }
        self._stale = 0 if best else self._stale + 1
        if best:
            self.best_score = validation["score"]
            self.best_weights = {
                name: value.detach().cpu().clone() for name, value in network.state_dict().items()
            }
            self.best_metrics = metrics
        report = Report(
            metrics,
            period.histogram(period.losses),
            period.histogram(period.q_values),
            best,
        )
        self._period = Period()
        return report

    def _episodes(self, tasks: Tensor) -> Tensor:
        """``[E, 2]``: every pass shuffles the tasks; each has its episodes in a row."""
        schedule = self._agent.schedule
        # A generator of its own: a longer run begins with the passes of a shorter.
        seed = int(torch.randint(2**62, (), generator=self._generator))
        order = torch.Generator().manual_seed(seed)
        passes = [
            tasks[torch.randperm(len(tasks), generator=order)] for _ in range(schedule.passes)
        ]
        return torch.cat(passes).repeat_interleave(schedule.episodes_per_image, dim=0)

    def _empty_memory(self, frames: int, action_history: int) -> ReplayBuffer:
        learning, replay = self._agent.learning, self._agent.replay
        size = min(replay.size, self._memory_limit())
        successors = priorities = None
        if learning.n_step > 1:
            successors = Successors(size, self._slots, learning.n_step, learning.discount)
        if replay.priority_exponent:
            of_images = learning.backup == "all_actions"
            priorities = Priorities(
                len(self._store.sizes) if of_images else size,
                of_images,
                replay.priority_exponent,
                replay.importance_exponent,
            )
        return ReplayBuffer(size, frames, action_history, successors, priorities)

    def _act(self) -> None:
        """One step in every environment, remembered; ended episodes make room."""
        observation = self._environment.observation()
        actions = self._choose(observation)
        outcome = self._environment.step(actions)
        active = self._active.nonzero().squeeze(1)
        newest = self._environment.observation().boxes[:, -1]
        self._memory.add(
            Transition(
                observation[active],
                actions[active],
                outcome.reward[active],
                newest[active],
                outcome.terminated[active],
            ),
            Played(active, outcome.ended[active]),
        )
        self._steps += len(active)
        self._episode_reward += outcome.reward
        self._owed += self._agent.learning.updates_per_step
        self._make_room((outcome.ended & self._active).nonzero().squeeze(1), outcome)

    def _make_room(self, ended: Tensor, outcome: Outcome) -> None:
        """Count the ended episodes and start the next ones in their slots."""
        if len(ended) == 0:
            return
        success = outcome.terminated & (outcome.iou > self._agent.mdp.trigger_iou)
        self._period.add(
            episodes=len(ended),
            episode_reward=float(self._episode_reward[ended].sum()),
            episode_length=float(self._environment.steps[ended].sum()),
            successes=float(success[ended].sum()),
        )
        self._episodes_ended += len(ended)
        self._episode_reward[ended] = 0
        self._active[ended] = False
        self._refill(ended)

    def _refill(self, slots: Tensor) -> None:
        """Start the next episodes of the queue in slots that are free."""
        following = self._queue[self._started : self._started + len(slots)]
        if len(following) == 0:
            return
        slots = slots[: len(following)]
        self._active[slots] = True
        self._started += len(following)
        changed = self._environment.observation().image[slots] != following[:, 0]
        self._environment.reset_slots(slots, following, self._starts(len(slots)))
        if changed.any():
            rows = slots[changed]
            self._views[rows] = self._look(rows)

    def _starts(self, number: int) -> Tensor | None:
        """Start windows drawn for so many episodes: ``[number]`` int64."""
        windows = len(self._environment.starts)
        if windows == 1:
            return None
        return torch.randint(windows, (number,), generator=self._generator)

    def _choose(self, observation: Observation) -> Tensor:
        """Epsilon-greedy, guided where the parameters say so: ``[B]`` int64."""
        epsilon = epsilon_at(self._agent.exploration, self._steps)
        network = self.learner.online
        network.eval()
        index = torch.arange(self._slots)
        with torch.no_grad():
            values = category_values(
                network, self._views, index, observation, self._store.sizes[observation.image]
            )
        wander = torch.rand(self._slots, generator=self._generator) < epsilon
        anything = torch.rand(values.shape, generator=self._generator)
        if self._agent.exploration.guided:
            rewarding = self._environment.reward_of_every_action() > 0
            # Where no action earns anything, all are open.
            anything = torch.where(rewarding, anything + 1, anything)
        return torch.where(wander, anything.argmax(dim=1), values.argmax(dim=1))

    def _learn(self) -> None:
        """As many updates as are owed for the steps taken."""
        if len(self._memory) < min(self._agent.replay.init_size, self._memory_limit()):
            self._owed = 0.0
            return
        while self._owed >= 1 and self._updates_spent < 1:
            self._owed -= 1
            self._period.add_update(self.learner.update(self._memory))

    def _memory_limit(self) -> int:
        return len(self._queue) * self._agent.mdp.max_steps

    @torch.no_grad()
    def _look(self, slots: Tensor) -> Tensor:
        """Encode the images of some slots with the weights of now.

        They are not encoded anew while an episode runs: the few updates between
        do not matter to exploration.
        """
        network = self.learner.online
        network.eval()
        images = self._store.images[self._environment.observation().image[slots]]
        return network.encode(images.to(network.device))

    def _tick(self, report: Report | None) -> Tick:
        metrics = report.metrics if report else {}
        return Tick(
            progress=min(self.progress, 1.0),
            updates=self.learner.updates,
            steps=self._steps,
            episodes=self._episodes_ended,
            loss=metrics.get("loss", self._period.ratio("loss", "updates")),
            epsilon=epsilon_at(self._agent.exploration, self._steps),
            reward=metrics.get("episode_reward", self._period.ratio("episode_reward", "episodes")),
            report=report,
        )

    def state_dict(self) -> dict[str, Any]:
        """All that changes: stopping and going on equals not stopping."""
        return {
            "learner": self.learner.state_dict(),
            "memory": self._memory.state_dict(),
            "environment": self._environment.state_dict(),
            "generator": self._generator.get_state(),
            "queue": self._queue,
            "started": self._started,
            "active": self._active,
            "views": self._views,
            "episode_reward": self._episode_reward,
            "counters": [self._steps, self._episodes_ended, self._stale],
            "owed": self._owed,
            "period": [
                self._period.sums,
                self._period.losses,
                self._period.q_values,
                self._period.q_max,
            ],
            "best": [self.best_score, self.best_weights, self.best_metrics],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self.learner.load_state_dict(state["learner"])
        self._memory.load_state_dict(state["memory"])
        self._environment.load_state_dict(state["environment"])
        self._generator.set_state(state["generator"])
        # A run may be extended: passes beyond those of the state are this one's.
        played = len(state["queue"])
        self._queue = torch.cat([state["queue"], self._queue[played:]])
        self._started, self._active = state["started"], state["active"]
        self._views, self._episode_reward = state["views"], state["episode_reward"]
        self._steps, self._episodes_ended, self._stale = state["counters"]
        self._reports = self._reports_due()
        self._owed = state["owed"]
        self._period = Period()
        (
            self._period.sums,
            self._period.losses,
            self._period.q_values,
            self._period.q_max,
        ) = state["period"]
        self.best_score, self.best_weights, self.best_metrics = state["best"]
        # Those that found the queue empty: an extended run has more.
        self._refill((~self._active).nonzero().squeeze(1))


def epsilon_at(exploration: Exploration, steps: int) -> float:
    """Epsilon after so many steps: linear from start to end, then constant."""
    done = min(1.0, steps / exploration.epsilon_decay_steps)
    return exploration.epsilon_start + done * (exploration.epsilon_end - exploration.epsilon_start)
