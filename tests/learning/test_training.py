import copy
import math
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
import torch

from objloc.learning.status import ValidationReport
from objloc.learning.training import Training, epsilon_at
from objloc.network.q_network import QNetwork, build_network
from objloc.params import (
    Agent,
    Encoder,
    Exploration,
    Head,
    Learning,
    Mdp,
    Replay,
    Schedule,
)
from objloc.ranks.group import ALONE, Ranks
from objloc.search.policy import GreedyPolicy
from objloc.search.rollout import rollout
from tests.helpers.ranks import in_threads
from tests.helpers.stores import make_store

STORE = make_store(12, image_size=84)

SMALL = Agent(
    mdp=Mdp(max_steps=12),
    encoder=Encoder(image_size=84, widths=(8, 8, 16), cell_width=8, pool=5),
    head=Head(hidden=(32,), dropout=0.2, action_history=2),
    learning=Learning(
        images_per_batch=4, windows_per_image=4, object_windows=0.5, updates_per_step=0.5,
        target_update_every=5, target_rate=0.5, flip=True, jitter=0.2,
    ),
    replay=Replay(size=200, init_size=20),
    exploration=Exploration(guided=True),
    schedule=Schedule(environments=4, episodes_per_image=2, passes=2, evaluations=3),
)  # fmt: skip
DQN = Agent(
    mdp=Mdp(actions="dissertation", max_steps=12),
    encoder=Encoder(kind="crops", image_size=84, greyscale=True, frames=4),
    head=Head(hidden=(32,), dropout=0.5, per_category=False),
    learning=Learning(
        backup="sampled", discount=0.99, loss="squared", optimiser="rmsprop",
        learning_rate=2.5e-4, images_per_batch=8, target_update_every=20,
    ),
    replay=Replay(size=100, init_size=10),
    exploration=Exploration(epsilon_decay_steps=50),
    schedule=Schedule(environments=1, episodes_per_image=1, passes=1, evaluations=3),
)  # fmt: skip

SAMPLED = Agent(
    mdp=Mdp(max_steps=12),
    encoder=Encoder(image_size=84, widths=(8, 8), cell_width=4, pool=3, frames=2),
    head=Head(hidden=(32,), action_history=2, dueling=True, recurrent=8),
    learning=Learning(
        backup="sampled", discount=0.9, n_step=4, images_per_batch=8, target_update_every=20,
        loss="logistic", double=True, updates_per_step=2.0,
    ),
    replay=Replay(size=60, init_size=10, priority_exponent=0.6),
    exploration=Exploration(epsilon_decay_steps=50),
    schedule=Schedule(environments=3, episodes_per_image=1, passes=2, evaluations=3),
)  # fmt: skip
PRIORITISED = SMALL.model_copy(
    update={"replay": Replay(size=200, init_size=20, priority_exponent=0.5)}
)
LANDING = SMALL.model_copy(
    update={
        "head": Head(hidden=(32,), dropout=0.2, learned_steps=True, learned_zooms=True),
        "learning": SMALL.learning.model_copy(
            update={"object_windows": 0.25, "start_windows": 0.25, "landed_windows": 0.25}
        ),
    }
)
AGENTS = {
    "all_actions": SMALL,
    "dqn2018": DQN,
    "all of it, sampled": SAMPLED,
    "prioritised images": PRIORITISED,
    "windows landed on": LANDING,
}


def steady(network: QNetwork) -> dict[str, float]:
    """A validation that depends on the weights, so that a difference shows."""
    assert not network.training
    return {"score": float(network.values.weight.sum().detach())}


def make_training(agent: Agent, seed: int = 0, ranks: Ranks = ALONE) -> Training:
    generator = torch.Generator().manual_seed(seed)
    network = build_network(agent, STORE.categories, generator)
    return Training(network, STORE, STORE.tasks(), agent, steady, generator, ranks)


def finish(training: Training) -> list[ValidationReport]:
    return [tick.report for tick in training.run() if tick.report is not None]


@dataclass(frozen=True)
class Straight:
    """A training of ``AGENTS`` from its beginning to its end. Read only.

    Attributes:
        training: finished.
        reports: with the number of the tick that each came with.
        states: by the number of the tick after which it was copied.
    """

    training: Training
    reports: tuple[tuple[int, ValidationReport], ...]
    states: dict[int, dict[str, Any]]

    @property
    def metrics(self) -> list[dict[str, float]]:
        """Of each report."""
        return [report.metrics for _, report in self.reports]


STOPS = (3, 31)


@cache
def straight(name: str) -> Straight:
    """The training that several tests compare with: run once."""
    training = make_training(AGENTS[name])
    reports, states = [], {}
    for count, tick in enumerate(training.run(), 1):
        if tick.report is not None:
            reports.append((count, tick.report))
        if count in STOPS:
            assert not training.finished
            states[count] = copy.deepcopy(training.state_dict())
    return Straight(training, tuple(reports), states)


def equal(first: Any, second: Any) -> bool:
    if isinstance(first, torch.Tensor):
        return torch.equal(first, second)
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(equal(first[k], second[k]) for k in first)
    if isinstance(first, list | tuple):
        return len(first) == len(second) and all(map(equal, first, second))
    both_nan = isinstance(first, float) and math.isnan(first) and math.isnan(second)
    return bool(first == second or both_nan)


@pytest.mark.parametrize("name", AGENTS)
def test_the_same_seed_gives_the_same_run(name: str) -> None:
    first, second = straight(name), make_training(AGENTS[name])
    assert equal(first.metrics, [report.metrics for report in finish(second)])
    assert equal(first.training.state_dict(), second.state_dict())
    other = make_training(AGENTS[name], seed=1)
    report = next(tick.report for tick in other.run() if tick.report is not None)
    assert not equal(first.metrics[0], report.metrics)
    assert not equal(first.training.best_weights, other.best_weights)


def test_what_is_not_there_teaches_wrong_triggers_alone() -> None:
    learning = SAMPLED.learning.model_copy(update={"n_step": 1, "absent_reward": -2.5})
    schedule = SAMPLED.schedule.model_copy(update={"absent_episodes": 1.0})
    training = make_training(
        SAMPLED.model_copy(update={"learning": learning, "schedule": schedule})
    )
    finish(training)
    memory = training.state_dict()["memory"]
    there = STORE.presence()[memory["image"].long(), memory["category"].long()]
    trigger = training.learner.online.num_actions - 1
    assert (~there).any()
    assert (memory["action_tm1"][~there] == trigger).all()
    assert (memory["reward_t"][~there] == -2.5).all()
    assert memory["terminated_t"][~there].all()
    assert (memory["action_tm1"][there] != trigger).any()


def test_images_replayed_by_priority_teach_otherwise() -> None:
    plain, prioritised = straight("all_actions"), straight("prioritised images")
    assert not equal(plain.metrics, prioritised.metrics)
    assert "priorities" not in plain.training.state_dict()["memory"]
    # Every image was taught, and has an error of its own.
    assert len(set(prioritised.training.state_dict()["memory"]["priorities"].tolist())) == 12


def test_the_target_network_is_validated_and_kept_where_asked() -> None:
    learning = SMALL.learning.model_copy(update={"kept": "target", "target_rate": 0.1})
    agent = SMALL.model_copy(update={"learning": learning})
    training = make_training(agent)
    reports = finish(training)
    target, online = training.learner.target, training.learner.online
    assert reports[-1].metrics["score"] == steady(target)["score"]
    assert steady(target)["score"] != steady(online.eval())["score"]
    assert training.learner.kept is target
    assert make_training(SMALL).learner.kept is not target


def test_training_ends_after_so_many_updates_with_all_its_validations() -> None:
    schedule = SMALL.schedule.model_copy(update={"max_updates": 7, "evaluations": 3})
    training = make_training(SMALL.model_copy(update={"schedule": schedule}))
    ticks = list(training.run())
    assert training.learner.updates == 7
    assert ticks[-1].progress == 1
    assert [tick.updates for tick in ticks if tick.report is not None] == [3, 5, 7]


def test_training_stops_early_when_validation_grows_no_better() -> None:
    scores = iter([0.5, 0.6, 0.6, 0.4, 0.9, 1.0])
    schedule = SMALL.schedule.model_copy(update={"evaluations": 6, "patience": 2})
    agent = SMALL.model_copy(update={"schedule": schedule})
    generator = torch.Generator().manual_seed(0)
    network = build_network(agent, STORE.categories, generator)
    training = Training(
        network, STORE, STORE.tasks(), agent, lambda _: {"score": next(scores)}, generator
    )
    assert [report.metrics["score"] for report in finish(training)] == [0.5, 0.6, 0.6, 0.4]
    assert training.best_score == 0.6
    # What stopped stays stopped when it is taken up again.
    resumed = Training(network, STORE, STORE.tasks(), agent, lambda _: {"score": 1.0}, generator)
    resumed.load_state_dict(training.state_dict())
    assert resumed.finished


@pytest.mark.parametrize("name", AGENTS)
@pytest.mark.parametrize("ticks", STOPS)
def test_stopping_and_going_on_equals_not_stopping(name: str, ticks: int) -> None:
    expected = straight(name)
    resumed = make_training(AGENTS[name])
    resumed.load_state_dict(copy.deepcopy(expected.states[ticks]))
    before = [report for count, report in expected.reports if count <= ticks]
    after = before + finish(resumed)
    assert len(after) > len(before)
    assert equal([report.metrics for report in after], expected.metrics)
    assert equal(resumed.state_dict(), expected.training.state_dict())


def test_a_finished_run_can_be_extended_and_plays_what_a_longer_one_would() -> None:
    longer = SMALL.model_copy(update={"schedule": SMALL.schedule.model_copy(update={"passes": 3})})
    whole = make_training(longer)
    finish(whole)
    short = straight("all_actions").training
    extended = make_training(longer)
    extended.load_state_dict(copy.deepcopy(short.state_dict()))
    finish(extended)
    # The shorter run's last slots idle at its end, so only the schedule is the same.
    assert extended.finished
    assert extended.learner.updates > short.learner.updates
    assert torch.equal(extended.state_dict()["queue"], whole.state_dict()["queue"])


def test_every_episode_of_the_schedule_is_played_and_none_more() -> None:
    found = straight("all_actions")
    expected = len(STORE.tasks()) * 2 * 2
    assert found.training.finished
    assert len(found.metrics) == 3
    assert found.metrics[-1]["episode"] == expected
    assert found.metrics[-1]["step"] <= expected * 12


def test_the_best_weights_are_those_of_the_best_score() -> None:
    found = straight("all_actions")
    training, best = found.training, max(metrics["score"] for metrics in found.metrics)
    assert training.best_score == best
    assert float(training.best_weights["values.weight"].sum()) == pytest.approx(best, rel=1e-6)


def test_the_sampled_agent_makes_one_update_a_step_once_the_memory_is_filled() -> None:
    metrics = straight("dqn2018").training.report().metrics
    assert metrics["update"] == metrics["step"] - 10 + 1


def test_epsilon_falls_linearly_and_stays() -> None:
    exploration = Exploration(epsilon_start=1.0, epsilon_end=0.2, epsilon_decay_steps=500)
    assert [epsilon_at(exploration, steps) for steps in (0, 250, 500, 9000)] == [
        1.0,
        pytest.approx(0.6),
        pytest.approx(0.2),
        pytest.approx(0.2),
    ]


def test_nothing_outside_is_seeded() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    finish(make_training(DQN))
    assert torch.equal(torch.rand(3), expected)


def test_it_learns_to_find_a_coloured_rectangle() -> None:
    agent = SMALL.model_copy(
        update={
            "mdp": Mdp(max_steps=30),
            "head": Head(hidden=(64,)),
            "learning": Learning(
                images_per_batch=12, windows_per_image=16, object_windows=0.5, discount=0.0,
                updates_per_step=1.0, target_update_every=1, target_rate=0.05,
            ),
            "replay": Replay(size=5000, init_size=100),
            "exploration": Exploration(guided=True, epsilon_decay_steps=1000),
            "schedule": Schedule(environments=8, episodes_per_image=5, passes=2, evaluations=1),
        }
    )  # fmt: skip
    training = make_training(agent)
    finish(training)
    network = training.learner.online.eval()
    episodes = rollout(STORE, GreedyPolicy(network), agent.mdp, STORE.tasks(), torch.Generator())
    success = (episodes.terminated & (episodes.final_iou > 0.5)).double().mean().item()
    # The whole image overlaps no object by 0.5: blind guessing scores nothing.
    assert success >= 0.6


def divided(agent: Agent) -> Agent:
    """The agent, with something to do for two processes."""
    schedule = agent.schedule.model_copy(update={"environments": 3})
    learning = agent.learning.model_copy(update={"batch_parts": 2})
    return agent.model_copy(update={"schedule": schedule, "learning": learning})


@pytest.mark.parametrize("name", ["dqn2018", "windows landed on"])
def test_two_processes_train_as_one_does_and_one_goes_on_from_their_state(name: str) -> None:
    agent = divided(AGENTS[name])

    def make(ranks: Ranks) -> Training:
        return make_training(agent, ranks=ranks)

    def begin(training: Training) -> tuple[Training, ValidationReport, dict[str, Any]]:
        run = training.run()
        while training.learner.updates < 4:
            next(run)
        return training, training.report(), copy.deepcopy(training.state_dict())

    one, report, state = begin(make(ALONE))
    (first, its, whole), (second, other, _) = in_threads(2, make, begin)
    for each in (its, other):
        assert each.metrics == pytest.approx(report.metrics, rel=1e-3, abs=1e-5, nan_ok=True)
    there, here = (each._episodes._environment.observation().boxes for each in (first, one))
    assert torch.equal(there, here)
    for training in (first, second):
        for key, column in training._memory.state_dict().items():
            assert torch.allclose(column, one._memory.state_dict()[key], atol=1e-4), key
    assert whole["views"].shape == state["views"].shape
    restored = make(ALONE)
    restored.load_state_dict(whole)
    for mine, theirs in zip(one.run(), restored.run(), strict=True):
        assert (mine.steps, mine.episodes) == (theirs.steps, theirs.episodes)
        if mine.updates == 6:
            break
