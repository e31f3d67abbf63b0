"""Targets of the actions taken, beside those made one by one."""

from typing import Any

import pytest
import torch

from objloc.learning.memory.replay import Transition
from objloc.learning.targets.sampled_targets import SampledTargets, sampled_target
from objloc.mdp.environment import Observation
from objloc.network.q_network import build_network
from objloc.network.training_pass import TrainingPass
from objloc.network.windows import Windows
from objloc.params import Agent
from objloc.search.policy import shares
from tests.learning.memory.test_n_step import DISCOUNT, FRAMES, HISTORY, MDP, STORE, memory_of, play


def agent_of(**learning: Any) -> Agent:
    return Agent.model_validate(
        {
            "mdp": MDP.model_dump(),
            "encoder": {"image_size": 64, "widths": (4, 8), "pool": 3, "frames": FRAMES},
            "head": {"hidden": (16,), "action_history": HISTORY},
            "learning": {"backup": "sampled", "discount": DISCOUNT, "n_step": 3, **learning},
        }
    )


def test_nothing_follows_a_terminated_episode() -> None:
    none = torch.zeros(2, dtype=torch.int64)
    transition = Transition(
        Observation(none, none, torch.zeros(2, 1, 4, dtype=torch.float64), torch.zeros(2, 0)),
        torch.tensor([0, 8]),
        torch.tensor([1.0, 3.0]),
        torch.zeros(2, 4, dtype=torch.float64),
        torch.tensor([False, True]),
    )
    targets = sampled_target(transition, torch.tensor([10.0, 10.0]), 0.9)
    assert targets.tolist() == [10.0, 3.0]


@pytest.mark.parametrize("double", [False, True])
def test_targets_are_returns_and_the_discounted_value_after_them(double: bool) -> None:
    agent = agent_of(double=double)
    generator = torch.Generator().manual_seed(0)
    network = build_network(agent, STORE.categories, generator)
    target = build_network(agent, STORE.categories, generator).eval()
    make_targets = SampledTargets(
        TrainingPass(network), target, STORE, agent.mdp, agent.learning, generator
    )
    memory = memory_of(100, 3)
    play(memory, 30)
    sampled = memory.sample(agent.learning.images_per_batch, 1, generator)
    batch = make_targets(sampled)
    network.eval()
    kinds = set()
    for row in range(len(sampled.reward_t)):
        after = sampled.observation_t[torch.tensor([row])]
        boxes = shares(after.boxes, STORE.sizes[after.image])
        windows = Windows(torch.tensor([0]), boxes, after.actions)
        category = int(after.category)
        values, choice = (
            each(each.encode(STORE.images[after.image]), windows)[0, category].detach()
            for each in (target, network if double else target)
        )
        steps, terminated = int(sampled.steps[row]), bool(sampled.terminated_t[row])
        expected = float(sampled.reward_t[row])
        if not terminated:
            expected += DISCOUNT**steps * float(values[choice.argmax()])
        assert batch.targets[row] == pytest.approx(expected, abs=1e-4)
        kinds.add((steps, terminated))
    assert {(3, False), (1, True)} <= kinds
