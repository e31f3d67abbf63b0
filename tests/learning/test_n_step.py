"""Returns of several steps, beside a loop over recorded episodes."""

from typing import Any, NamedTuple

import pytest
import torch

from objloc.learning.n_step import Played, Successors
from objloc.learning.replay import Drawn, ReplayBuffer, Transition
from objloc.learning.td_targets import Backup
from objloc.mdp.environment import Environment, Observation
from objloc.network.q_network import build_network
from objloc.network.windows import Windows
from objloc.params import Agent, Mdp
from objloc.search.policy import shares
from tests.helpers.stores import make_store

STORE = make_store(8)
MDP = Mdp(max_steps=6)
SLOTS, FRAMES, HISTORY, DISCOUNT = 3, 2, 3, 0.9


class Step(NamedTuple):
    """One step as the environment told it."""

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
            Played(torch.arange(SLOTS), outcome.ended),
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
    return ReplayBuffer(size, FRAMES, HISTORY, Successors(size, SLOTS, n_step, DISCOUNT))


def drawn_in_order(memory: ReplayBuffer) -> Drawn:
    return memory._drawn(torch.arange(len(memory)), torch.ones(len(memory)))


@pytest.mark.parametrize("n_step", [2, 3, 8])
@pytest.mark.parametrize("size", [1000, 40])
def test_returns_equal_a_loop_over_recorded_episodes(size: int, n_step: int) -> None:
    """Also in a memory that forgets."""
    memory = memory_of(size, n_step)
    episodes, added = play(memory, 60)
    number = len(memory)
    assert number == min(size, len(added))
    row_of = {index % size: place for index, place in enumerate(added)}
    drawn = drawn_in_order(memory)
    ends = set()
    for row in range(number):
        episode, first = row_of[row]
        steps = episodes[episode][first : first + n_step]
        expected = sum(DISCOUNT**k * step.reward for k, step in enumerate(steps))
        assert drawn.reward_t[row] == pytest.approx(expected, abs=1e-5)
        assert drawn.steps[row] == len(steps)
        assert drawn.action_tm1[row] == steps[0].action
        assert drawn.terminated_t[row] == steps[-1].terminated
        assert torch.equal(drawn.box_t[row], steps[-1].after.boxes[0, -1])
        for found, told in (
            (drawn.observation_tm1, steps[0].seen),
            (drawn.observation_t, steps[-1].after),
        ):
            assert found.image[row] == told.image[0]
            assert found.category[row] == told.category[0]
            assert torch.equal(found.boxes[row], told.boxes[0])
            assert torch.equal(found.actions[row], told.actions[0])
        truncated = first + len(steps) == MDP.max_steps and not steps[-1].terminated
        ends.add((len(steps) < n_step, steps[-1].terminated, truncated))
    # Short returns that terminate, that are truncated; and long ones.
    assert {(True, True, False), (True, False, True)} <= ends
    assert n_step > MDP.max_steps or (False, False, False) in ends


def test_one_step_draws_what_was_drawn_without_successors() -> None:
    plain, several = ReplayBuffer(50, FRAMES, HISTORY), memory_of(50, 1)
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
        memory.add(step, Played(torch.tensor([2]), no))

    for reward in (1.0, 2.0, 4.0):
        add(straight, reward)
    for reward in (1.0, 2.0):
        add(stopped, reward)
    resumed.load_state_dict(stopped.state_dict())
    add(resumed, 4.0)
    assert drawn_in_order(straight).reward_t.tolist() == pytest.approx([6.04, 5.6, 4.0])
    assert torch.equal(drawn_in_order(resumed).reward_t, drawn_in_order(straight).reward_t)


def test_where_a_transition_comes_from_must_be_told() -> None:
    memory, other = memory_of(10, 2), ReplayBuffer(10, FRAMES, HISTORY)
    play(other, 1)
    with pytest.raises(ValueError, match="played: expected for returns of several steps"):
        memory.add(drawn_in_order(other))


def agent_of(**learning: Any) -> Agent:
    return Agent.model_validate(
        {
            "mdp": MDP.model_dump(),
            "encoder": {"image_size": 64, "widths": (4, 8), "pool": 3, "frames": FRAMES},
            "head": {"hidden": (16,), "action_history": HISTORY},
            "learning": {"backup": "sampled", "discount": DISCOUNT, "n_step": 3, **learning},
        }
    )


@pytest.mark.parametrize("double", [False, True])
def test_targets_are_returns_and_the_discounted_value_after_them(double: bool) -> None:
    agent = agent_of(double=double)
    generator = torch.Generator().manual_seed(0)
    network = build_network(agent, STORE.categories, generator)
    target = build_network(agent, STORE.categories, generator).eval()
    backup = Backup(network, target, STORE, agent.mdp, agent.learning, generator)
    memory = memory_of(100, 3)
    play(memory, 30)
    state = generator.get_state()
    taught = backup(memory)
    generator.set_state(state)
    drawn = memory.sample(agent.learning.images_per_batch, 1, generator)
    network.eval()
    kinds = set()
    for row in range(len(drawn.reward_t)):
        after = drawn.observation_t[torch.tensor([row])]
        boxes = shares(after.boxes, STORE.sizes[after.image])
        windows = Windows(torch.tensor([0]), boxes, after.actions)
        category = int(after.category)
        values, choice = (
            each(each.encode(STORE.images[after.image]), windows)[0, category].detach()
            for each in (target, network if double else target)
        )
        steps, terminated = int(drawn.steps[row]), bool(drawn.terminated_t[row])
        expected = float(drawn.reward_t[row])
        if not terminated:
            expected += DISCOUNT**steps * float(values[choice.argmax()])
        assert taught.targets[row] == pytest.approx(expected, abs=1e-4)
        kinds.add((steps, terminated))
    assert {(3, False), (1, True)} <= kinds


def test_bounded_values_reach_the_return_of_a_wrong_trigger_that_was_taken() -> None:
    """Targets beyond the bounds would have no minimum of cross-entropy."""
    agent = agent_of(loss="logistic", discount=0.5)
    dear = agent.model_copy(update={"mdp": Mdp(trigger_cost=9.0)})
    network = build_network(dear, ("cat",))
    assert network.bounds is not None
    assert network.bounds[0].tolist() == [-(1 + 0.5 * 9.0)] * 8 + [-9.0]
    assert network.bounds[1].tolist() == [1 + 0.5 * 3.0] * 8 + [3.0]
