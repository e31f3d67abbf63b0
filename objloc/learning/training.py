"""The training loop: act, store transitions, update the network, validate.

``Training.run`` is a generator; the caller does all I/O. Nothing here reads a clock or
writes a file, so a run depends only on its data, parameters and seed.

Several processes divide what the network computes: each acts in its own environments and learns
from its own parts of a batch. Geometry costs next to nothing, so all follow all environments and
fill a replay memory with all transitions: run and state are those of one process, but for
rounding, and any number of processes can go on from there.
"""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from objloc.data.store import SampleStore
from objloc.learning.learner import Learner
from objloc.learning.n_step import EpisodeStep
from objloc.learning.replay import Transition, build_replay
from objloc.learning.status import Period, TrainingStatus, ValidationReport
from objloc.mdp.environment import Environment, Observation, Outcome
from objloc.mdp.success import is_success
from objloc.network.q_network import QNetwork
from objloc.params import Agent, Exploration
from objloc.ranks.group import ALONE, Ranks
from objloc.search.policy import category_outputs

Validate = Callable[[QNetwork], dict[str, float]]
"""Measures a network in evaluation mode; the weights with the highest ``score`` are the best."""


class Training:
    """One phase of training: a network, its images, one schedule.

    Args:
        network: the online network, on its device; trained in place.
        store: training images; its categories are the network's.
        tasks: ``[M, 2]`` int64, image and category of each search to train on.
        agent: all parameters of the agent.
        validate: measures the network.
        generator: source of all random draws.
        ranks: the processes that train together.

    Attributes:
        learner: the networks and their updates.
        best_score: the highest ``score`` of a validation so far.
        best_weights: the ``state_dict`` of the network that reached it, on the CPU.
        best_metrics: all metrics of that validation's report.
    """

    def __init__(
        self,
        network: QNetwork,
        store: SampleStore,
        tasks: Tensor,
        agent: Agent,
        validate: Validate,
        generator: torch.Generator,
        ranks: Ranks = ALONE,
    ) -> None:
        self._store, self._ranks, self._presence = store, ranks, store.presence()
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
        self._memory = build_replay(agent, len(store), self._slots, self._memory_limit)
        self.learner = Learner(network, store, agent.mdp, agent.learning, generator, ranks)
        self._own_slots = torch.arange(self._slots)[ranks.part(self._slots)]
        self._period = Period()
        self._steps = self._episodes_ended = self._reports = 0
        self._reports_since_best = 0
        self._updates_due = 0.0
        self._episode_reward = torch.zeros(self._slots)
        self.best_score = float("-inf")
        self.best_weights: dict[str, Tensor] = {}
        self.best_metrics: dict[str, float] = {}
        self._views = self._encode(self._own_slots)

    @property
    def finished(self) -> bool:
        """Whether the schedule has ended, or validation has not improved for too long."""
        patience = self._agent.schedule.patience
        return self.progress >= 1 or (patience is not None and self._reports_since_best >= patience)

    @property
    def progress(self) -> float:
        """Fraction of the schedule that is done, by episodes or by updates."""
        return max(self._episodes_ended / len(self._queue), self._update_progress)

    @property
    def ending(self) -> bool:
        """Whether the schedule's end can tell in the next step.

        Until then a longer schedule makes the same steps: no environment has gone idle, and
        no update was left out.
        """
        schedule = self._agent.schedule
        due = self.learner.updates + self._updates_due + self._agent.learning.updates_per_step
        return (
            len(self._queue) - self._started < self._slots
            or (schedule.max_updates is not None and due >= schedule.max_updates)
            or self._memory_limit < self._agent.replay.init_size
        )

    @property
    def _update_progress(self) -> float:
        """Fraction of the updates that the schedule allows; 0 if there is no limit."""
        maximum = self._agent.schedule.max_updates
        return 0.0 if maximum is None else self.learner.updates / maximum

    @property
    def _memory_limit(self) -> int:
        """Maximum number of transitions that the schedule can produce."""
        return len(self._queue) * self._agent.mdp.max_steps

    def run(self) -> Iterator[TrainingStatus]:
        """Train from the current state to the end of the schedule.

        Yields:
            The status after each lock-step of the environments, with a report at the end of
            each period.
        """
        while not self.finished:
            self._act()
            self._learn()
            report = None
            if self._reports_due() > self._reports:
                self._reports = self._reports_due()
                report = self.report()
            yield self._status(report)

    def _reports_due(self) -> int:
        # Rounded: 0.1 + 0.2 must not miss a validation.
        return int(round(self._agent.schedule.evaluations * min(self.progress, 1.0), 9))

    def report(self) -> ValidationReport:
        """End a period: validate, and keep the weights if they are the best so far."""
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
        self._reports_since_best = 0 if best else self._reports_since_best + 1
        if best:
            self.best_score = validation["score"]
            self.best_weights = {
                name: value.detach().cpu().clone() for name, value in network.state_dict().items()
            }
            self.best_metrics = metrics
        report = ValidationReport(
            metrics,
            period.histogram(period.losses),
            period.histogram(period.q_values),
            best,
        )
        self._period = Period()
        return report

    def _episodes(self, tasks: Tensor) -> Tensor:
        """Order of all episodes, ``[E, 2]``: each pass is a new shuffle of the tasks."""
        schedule = self._agent.schedule
        # Its own generator makes a longer run begin with the passes of a shorter one.
        seed = int(torch.randint(2**62, (), generator=self._generator))
        order = torch.Generator().manual_seed(seed)
        absent = round(schedule.absent_episodes * len(tasks))
        passes = []
        for _ in range(schedule.passes):
            mine = torch.cat([tasks, self._store.absent_tasks(tasks, absent, order)])
            passes.append(mine[torch.randperm(len(mine), generator=order)])
        return torch.cat(passes).repeat_interleave(schedule.episodes_per_image, dim=0)

    def _act(self) -> None:
        """Take one step in every environment, store it, and replace ended episodes."""
        observation = self._environment.observation()
        actions = self._explore(observation)
        outcome = self._environment.step(actions)
        active = self._active.nonzero().squeeze(1)
        newest = self._environment.observation().boxes[:, -1]
        seen, ended = observation[active], outcome.terminated[active]
        absent = ~self._presence[seen.image, seen.category]
        self._memory.add(
            Transition(
                seen, actions[active], outcome.reward[active], newest[active], ended
            ).with_wrong_triggers(
                absent, self._environment.trigger, self._agent.learning.absent_reward
            ),
            EpisodeStep(active, outcome.ended[active] | absent),
        )
        self._steps += len(active)
        self._episode_reward += outcome.reward
        self._updates_due += self._agent.learning.updates_per_step
        self._end_episodes((outcome.ended & self._active).nonzero().squeeze(1), outcome)

    def _end_episodes(self, ended: Tensor, outcome: Outcome) -> None:
        """Count episodes that ended in some slots, and start the next ones there."""
        if len(ended) == 0:
            return
        success = is_success(outcome.terminated, outcome.iou, self._agent.mdp.trigger_iou)
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
        """Start the next episodes of the queue in free slots: ``[R]`` int64."""
        following = self._queue[self._started : self._started + len(slots)]
        if len(following) == 0:
            return
        slots = slots[: len(following)]
        self._active[slots] = True
        self._started += len(following)
        changed = self._environment.observation().image[slots] != following[:, 0]
        self._environment.reset_slots(slots, following, self._starts(len(slots)))
        rows = slots[changed & torch.isin(slots, self._own_slots)]
        if len(rows):
            self._views[rows - self._own_slots[0]] = self._encode(rows)

    def _starts(self, number: int) -> Tensor | None:
        """Indices of random start windows, ``[number]`` int64; None if there is only one."""
        windows = len(self._environment.starts)
        if windows == 1:
            return None
        return torch.randint(windows, (number,), generator=self._generator)

    def _explore(self, observation: Observation) -> Tensor:
        """Choose epsilon-greedy actions by the exploration schedule: ``[B]`` int64.

        A random action is the one with the highest of uniformly drawn scores. With
        ``exploration.guided`` it is drawn only from actions that earn a positive reward,
        if there are any. ``GreedyPolicy`` explores without guidance and draws its random
        numbers in another order.
        """
        epsilon = epsilon_at(self._agent.exploration, self._steps)
        network = self.learner.online
        network.eval()
        mine = observation[self._own_slots]
        index = torch.arange(len(self._own_slots))
        with torch.no_grad():
            outputs = category_outputs(
                network, self._views, index, mine, self._store.sizes[mine.image]
            )
            values = self._ranks.rows(network.values_of(outputs).float().cpu())
        explores = torch.rand(self._slots, generator=self._generator) < epsilon
        scores = torch.rand(values.shape, generator=self._generator)
        if self._agent.exploration.guided:
            rewarding = self._environment.reward_of_every_action() > 0
            scores = torch.where(rewarding, scores + 1, scores)
        return torch.where(explores, scores.argmax(dim=1), values.argmax(dim=1))

    def _learn(self) -> None:
        """Make the updates that are due for the steps taken."""
        if len(self._memory) < min(self._agent.replay.init_size, self._memory_limit):
            self._updates_due = 0.0
            return
        while self._updates_due >= 1 and self._update_progress < 1:
            self._updates_due -= 1
            self._period.add_update(self.learner.update(self._memory))

    @torch.no_grad()
    def _encode(self, slots: Tensor) -> Tensor:
        """Encode the images of some slots with the current weights, once for an episode.

        Its few updates hardly change what exploration does.
        """
        network = self.learner.online
        network.eval()
        images = self._store.images[self._environment.observation().image[slots]]
        return network.encode(images.to(network.device))

    def _status(self, report: ValidationReport | None) -> TrainingStatus:
        metrics = report.metrics if report else {}
        return TrainingStatus(
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
        """The state, on the first process; a run resumed from it equals one never interrupted."""
        return {
            "learner": self.learner.state_dict(),
            "memory": self._memory.state_dict(),
            "environment": self._environment.state_dict(),
            "generator": self._generator.get_state(),
            "queue": self._queue,
            "started": self._started,
            "active": self._active,
            "views": torch.cat(self._ranks.to_first(self._views.cpu()) or [self._views]),
            "episode_reward": self._episode_reward,
            "counters": [self._steps, self._episodes_ended, self._reports_since_best],
            "owed": self._updates_due,
            "period": self._period.state(),
            "best": [self.best_score, self.best_weights, self.best_metrics],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the state from ``state_dict``."""
        self.learner.load_state_dict(state["learner"])
        self._memory.load_state_dict(state["memory"])
        self._environment.load_state_dict(state["environment"])
        self._generator.set_state(state["generator"])
        # The run may be extended: keep the saved queue, append the new passes.
        scheduled = len(state["queue"])
        self._queue = torch.cat([state["queue"], self._queue[scheduled:]])
        self._started, self._active = state["started"], state["active"]
        self._views = state["views"][self._own_slots].to(self._views.device)
        self._episode_reward = state["episode_reward"]
        self._steps, self._episodes_ended, self._reports_since_best = state["counters"]
        self._reports = self._reports_due()
        self._updates_due = state["owed"]
        self._period = Period.from_state(state["period"])
        self.best_score, self.best_weights, self.best_metrics = state["best"]
        # Slots left idle by an empty queue; an extended run refills them.
        self._refill((~self._active).nonzero().squeeze(1))


def epsilon_at(exploration: Exploration, steps: int) -> float:
    """Epsilon of the exploration schedule after some steps: linear, then constant."""
    done = min(1.0, steps / exploration.epsilon_decay_steps)
    return exploration.epsilon_start + done * (exploration.epsilon_end - exploration.epsilon_start)
