"""Returns of several steps, beside a loop over recorded episodes."""

from typing import NamedTuple

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from objloc.learning.memory.n_step import EpisodeStep, NStepReturns
from objloc.learning.memory.replay import ReplayBuffer, SampledTransition, Transition
from objloc.mdp.environment import Environment, Observation
from objloc.params import Mdp
from tests.helpers.stores import make_store

STORE = make_store(8)
MDP = Mdp(max_steps=6)
SLOTS, FRAMES, HISTORY, DISCOUNT = 3, 2, 3, 0.9


class Step(NamedTuple):
    """One step as the environment recorded it."""

    seen: Observation
    action: int
    reward: float
    after: Observation
    terminated: bool


def play(memory: ReplayBuffer, lock_steps: int) -> tuple[list[list[Step]], list[tuple[int, int]]]:
    """Random episodes, side by side, remembered.

    Returns:
        The episodes, and for each transition in the order in which it was added its
        episode and its step in that.
    """
    generator = torch.Generator().manual_seed(0)
    environment = Environment(STORE, MDP, FRAMES, HISTORY)
    tasks = STORE.tasks()
    environment.reset(tasks[:SLOTS])
    episodes: list[list[Step]] = [[] for _ in range(SLOTS)]
    current, added = list(range(SLOTS)), []
    for _ in range(lock_steps):
        seen = environment.observation()
        actions = torch.randint(environment.trigger + 1, (SLOTS,), generator=generator)
        outcome = environment.step(actions)
        after = environment.observation()
        memory.add(
            Transition(seen, actions, outcome.reward, after.boxes[:, -1], outcome.terminated),
            EpisodeStep(torch.arange(SLOTS), outcome.ended),
        )
        for slot in range(SLOTS):
            row, episode = torch.tensor([slot]), current[slot]
            added.append((episode, len(episodes[episode])))
            episodes[episode].append(
                Step(
                    seen[row],
                    int(actions[slot]),
                    float(outcome.reward[slot]),
                    after[row],
                    bool(outcome.terminated[slot]),
                )
            )
            if outcome.ended[slot]:
                environment.reset_slots(row, tasks[len(episodes) % len(tasks)][None])
                current[slot] = len(episodes)
                episodes.append([])
    return episodes, added


def memory_of(size: int, n_step: int) -> ReplayBuffer:
    n_steps = NStepReturns(size, SLOTS, n_step, DISCOUNT)
    return ReplayBuffer(size, FRAMES, HISTORY, n_steps, slots=SLOTS)


def all_rows(memory: ReplayBuffer) -> SampledTransition:
    return memory._sampled(torch.arange(len(memory)), torch.ones(len(memory)))


@pytest.mark.parametrize("n_step", [2, 3, 8])
@pytest.mark.parametrize("size", [1000, 40])
def test_returns_equal_a_loop_over_recorded_episodes(size: int, n_step: int) -> None:
    """Also in a memory that forgets."""
    memory = memory_of(size, n_step)
    episodes, added = play(memory, 60)
    number = len(memory)
    assert number == min(size, len(added))
    row_of = {index % size: place for index, place in enumerate(added)}
    sampled = all_rows(memory)
    ends = set()
    for row in range(number):
        episode, first = row_of[row]
        steps = episodes[episode][first : first + n_step]
        expected = sum(DISCOUNT**k * step.reward for k, step in enumerate(steps))
        assert sampled.reward_t[row] == pytest.approx(expected, abs=1e-5)
        assert sampled.steps[row] == len(steps)
        assert sampled.action_tm1[row] == steps[0].action
        assert sampled.terminated_t[row] == steps[-1].terminated
        assert torch.equal(sampled.box_t[row], steps[-1].after.boxes[0, -1])
        for found, recorded in (
            (sampled.observation_tm1, steps[0].seen),
            (sampled.observation_t, steps[-1].after),
        ):
            assert found.image[row] == recorded.image[0]
            assert found.category[row] == recorded.category[0]
            assert torch.equal(found.boxes[row], recorded.boxes[0])
            assert torch.equal(found.actions[row], recorded.actions[0])
        truncated = first + len(steps) == MDP.max_steps and not steps[-1].terminated
        ends.add((len(steps) < n_step, steps[-1].terminated, truncated))
    # Short returns that terminate, that are truncated; and long ones.
    assert {(True, True, False), (True, False, True)} <= ends
    assert n_step > MDP.max_steps or (False, False, False) in ends


def test_one_step_returns_are_those_without_the_add_on() -> None:
    plain, several = ReplayBuffer(50, FRAMES, HISTORY, slots=SLOTS), memory_of(50, 1)
    for memory in (plain, several):
        play(memory, 30)
    first = plain.sample(64, 1, torch.Generator().manual_seed(3))
    second = several.sample(64, 1, torch.Generator().manual_seed(3))
    assert torch.equal(first.reward_t, second.reward_t)
    assert torch.equal(first.observation_t.boxes, second.observation_t.boxes)
    assert torch.equal(first.steps, second.steps)
    assert (first.steps == 1).all()


def test_a_restored_memory_continues_the_episodes_under_way() -> None:
    straight, stopped, resumed = memory_of(100, 3), memory_of(100, 3), memory_of(100, 3)
    seen = Observation(
        torch.zeros(1, dtype=torch.int64),
        torch.zeros(1, dtype=torch.int64),
        torch.zeros(1, FRAMES, 4, dtype=torch.float64),
        torch.zeros(1, HISTORY, dtype=torch.int64),
    )

    def add(memory: ReplayBuffer, reward: float) -> None:
        no = torch.tensor([False])
        step = Transition(seen, torch.tensor([1]), torch.tensor([reward]), seen.boxes[:, -1], no)
        memory.add(step, EpisodeStep(torch.tensor([2]), no))

    for reward in (1.0, 2.0, 4.0):
        add(straight, reward)
    for reward in (1.0, 2.0):
        add(stopped, reward)
    resumed.load_state_dict(stopped.state_dict())
    add(resumed, 4.0)
    assert all_rows(straight).reward_t.tolist() == pytest.approx([6.04, 5.6, 4.0])
    assert torch.equal(all_rows(resumed).reward_t, all_rows(straight).reward_t)


def test_the_place_of_a_transition_in_its_episode_must_be_given() -> None:
    memory, other = memory_of(10, 2), ReplayBuffer(10, FRAMES, HISTORY, slots=SLOTS)
    play(other, 1)
    with pytest.raises(ValueError, match="step: expected for n-step returns"):
        memory.add(all_rows(other))


@given(
    st.integers(1, 4),
    st.integers(0, 12),
    st.integers(1, 5),
    st.sampled_from([0.0, 0.5, 0.9, 1.0]),
    st.lists(st.tuples(st.integers(-8, 8), st.integers(0, 3)), min_size=4, max_size=60),
)
def test_returns_equal_naive_sums_across_ends_of_episodes(
    slots: int, more: int, n_step: int, discount: float, played: list[tuple[int, int]]
) -> None:
    """Also in a memory barely as large as the environments are many."""
    size = slots + more
    steps = NStepReturns(size, slots, n_step, discount)
    rewards = torch.zeros(size)
    episodes: list[list[int]] = [[] for _ in range(slots)]
    rest: dict[int, list[int]] = {}
    values: list[int] = []
    for tick in range(len(played) // slots):
        now = played[tick * slots : (tick + 1) * slots]
        first = tick * slots
        rows = torch.arange(first, first + slots) % size
        rewards[rows] = torch.tensor([reward for reward, _ in now]).float()
        ended = torch.tensor([end == 0 for _, end in now])
        steps.add(rows, EpisodeStep(torch.arange(slots), ended))
        for slot, (reward, end) in enumerate(now):
            values.append(reward)
            episodes[slot].append(first + slot)
            for number, each in enumerate(episodes[slot]):
                rest[each] = episodes[slot][number:][:n_step]
            if end == 0:
                episodes[slot] = []
    kept = range(max(0, len(values) - size), len(values))
    total, count, last = steps.returns(torch.tensor([each % size for each in kept]), rewards)
    expected = [[values[each] for each in rest[one]] for one in kept]
    assert count.tolist() == [len(each) for each in expected]
    assert last.tolist() == [rest[one][-1] % size for one in kept]
    sums = [sum(discount**k * reward for k, reward in enumerate(each)) for each in expected]
    assert total.tolist() == pytest.approx(sums, abs=1e-4)
