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
from objloc.learning.episodes import Episodes, queue_of
from objloc.learning.learner import Learner
from objloc.learning.memory.replay import build_replay
from objloc.learning.status import Period, TrainingStatus, ValidationReport
from objloc.network.device import stalls
from objloc.network.q_network import QNetwork
from objloc.network.training_pass import Compiler
from objloc.params import Agent, Exploration
from objloc.ranks.group import ALONE, Ranks

Validate = Callable[[QNetwork], dict[str, float]]
"""Measures a network in evaluation mode; the weights with the highest ``score`` are the best."""
_LOOK_EVERY = 100
"""Lock-steps between two looks at the measurements of a device that stalls."""


class Training:
    """One phase of training: a network, its images, one schedule.

    Args:
        network: the online network, on its device; trained in place.
        store: training images, on the CPU; its categories are the network's.
        tasks: ``[M, 2]`` int64, image and category of each search to train on.
        agent: all parameters of the agent.
        validate: measures the network.
        generator: source of all random draws.
        ranks: the processes that train together.
        compiler: used if the schedule is long enough for it; None: nothing is compiled.

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
        compiler: Compiler | None = None,
    ) -> None:
        self._device = device = network.device
        self._store, self._ranks = store.to(device), ranks
        self._agent = agent
        self._validate = validate
        queue = queue_of(store, agent.schedule, tasks, generator)
        self._episodes = Episodes(network, self._store, queue, agent, generator, ranks)
        self._memory = build_replay(
            agent, len(store), self._episodes.slots, self._memory_limit, device
        )
        if compiler is not None and self._most_updates < compiler.min_updates:
            compiler = None
        self.learner = Learner(
            network, self._store, agent.mdp, agent.learning, generator, ranks, compiler
        )
        self._period = Period()
        self._seen = (float("nan"), float("nan"))
        self._ticks = 0
        self._steps = self._reports = 0
        self._reports_since_best = 0
        self._updates_due = 0.0
        self.best_score = float("-inf")
        self.best_weights: dict[str, Tensor] = {}
        self.best_metrics: dict[str, float] = {}

    @property
    def finished(self) -> bool:
        """Whether the schedule has ended, or validation has not improved for too long."""
        patience = self._agent.schedule.patience
        return self.progress >= 1 or (patience is not None and self._reports_since_best >= patience)

    @property
    def progress(self) -> float:
        """Fraction of the schedule that is done, by episodes or by updates."""
        return max(self._episodes.num_ended / len(self._episodes), self._update_progress)

    @property
    def ending(self) -> bool:
        """Whether the schedule's end can tell in the next step.

        Until then a longer schedule makes the same steps: no environment has gone idle, and
        no update was left out.
        """
        schedule = self._agent.schedule
        due = self.learner.updates + self._updates_due + self._agent.learning.updates_per_step
        return (
            self._episodes.running_out
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
        return len(self._episodes) * self._agent.mdp.max_steps

    @property
    def _most_updates(self) -> float:
        """Maximum number of updates that the schedule allows."""
        schedule = self._agent.schedule
        steps = self._memory_limit / schedule.environments
        by_steps = steps * self._agent.learning.updates_per_step
        return by_steps if schedule.max_updates is None else min(by_steps, schedule.max_updates)

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
        """End a period: validate, and keep the weights if they are the best so far.

        Raises:
            DivergenceError: training is lost.
        """
        self.learner.check()
        period, network = self._period, self.learner.kept
        network.eval()
        validation = self._validate(network)
        best = validation["score"] > self.best_score
        metrics = {
            "update": float(self.learner.updates),
            "step": float(self._steps),
            "episode": float(self._episodes.num_ended),
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

    def _act(self) -> None:
        """Take one step in every environment, and store it."""
        played = self._episodes.step(epsilon_at(self._agent.exploration, self._steps))
        self._memory.add(played.transition, played.step)
        self._steps += len(played.step.slots)
        self._updates_due += self._agent.learning.updates_per_step
        self._period.add(**played.ended)

    def _learn(self) -> None:
        """Make the updates that are due for the steps taken."""
        if len(self._memory) < min(self._agent.replay.init_size, self._memory_limit):
            self._updates_due = 0.0
            return
        while self._updates_due >= 1 and self._update_progress < 1:
            self._updates_due -= 1
            self._period.add_update(self.learner.update(self._memory))

    def _status(self, report: ValidationReport | None) -> TrainingStatus:
        self._ticks += 1
        if report is not None:
            self._seen = report.metrics["loss"], report.metrics["episode_reward"]
        elif not stalls(self._device) or self._ticks % _LOOK_EVERY == 0:
            self.learner.check()
            self._seen = (
                self._period.ratio("loss", "updates"),
                self._period.ratio("episode_reward", "episodes"),
            )
        loss, reward = self._seen
        return TrainingStatus(
            progress=min(self.progress, 1.0),
            updates=self.learner.updates,
            steps=self._steps,
            episodes=self._episodes.num_ended,
            loss=loss,
            epsilon=epsilon_at(self._agent.exploration, self._steps),
            reward=reward,
            report=report,
        )

    def state_dict(self) -> dict[str, Any]:
        """The state, on the first process; a run resumed from it equals one never interrupted.

        Raises:
            DivergenceError: training is lost.
        """
        self.learner.check()
        return {
            "learner": self.learner.state_dict(),
            "memory": self._memory.state_dict(),
            **self._episodes.state_dict(),
            "counters": [self._steps, self._episodes.num_ended, self._reports_since_best],
            "owed": self._updates_due,
            "period": self._period.state(),
            "best": [self.best_score, self.best_weights, self.best_metrics],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the state from ``state_dict``."""
        self.learner.load_state_dict(state["learner"])
        self._memory.load_state_dict(state["memory"])
        self._steps, ended, self._reports_since_best = state["counters"]
        self._episodes.load_state_dict(state, ended)
        self._reports = self._reports_due()
        self._updates_due = state["owed"]
        self._period = Period.from_state(state["period"], self._device)
        self.best_score, self.best_weights, self.best_metrics = state["best"]


def epsilon_at(exploration: Exploration, steps: int) -> float:
    """Epsilon of the exploration schedule after some steps: linear, then constant."""
    done = min(1.0, steps / exploration.epsilon_decay_steps)
    return exploration.epsilon_start + done * (exploration.epsilon_end - exploration.epsilon_start)
