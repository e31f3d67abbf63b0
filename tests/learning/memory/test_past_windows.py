"""Windows of transitions: those that observations showed, and in how few bytes."""

from pathlib import Path

import pytest
import torch

from objloc.learning.memory.n_step import EpisodeStep
from objloc.learning.memory.past_windows import PastWindows, from_rows
from objloc.learning.memory.replay import ReplayBuffer, build_replay
from objloc.params import load_params
from tests.learning.memory.test_replay import transitions

FRAMES, SLOTS, SIZE = 4, 3, 10
PARAMS = load_params(Path("params.yaml"))


def played(memories: list[PastWindows], lock_steps: int, seed: int = 0) -> torch.Tensor:
    """Store windows of random episodes, of environments that end one by one; what they showed."""
    generator = torch.Generator().manual_seed(seed)
    seen: list[torch.Tensor] = []
    shown = torch.rand(SLOTS, 1, 4, generator=generator, dtype=torch.float64).repeat(1, FRAMES, 1)
    active = torch.ones(SLOTS, dtype=torch.bool)
    for step in range(lock_steps):
        slots = active.nonzero().squeeze(1)
        ended = torch.rand(len(slots), generator=generator) < 0.3
        for memory in memories:
            memory.add(shown[slots], EpisodeStep(slots, ended))
        seen.append(shown[slots].clone())
        following = torch.rand(SLOTS, 1, 4, generator=generator, dtype=torch.float64)
        shown = torch.cat([shown[:, 1:], following], dim=1)
        shown[slots[ended]] = following[slots[ended]].repeat(1, FRAMES, 1)
        if step > lock_steps - 4 and len(slots) > 1:
            active[slots[ended]] = False
            active[0] = True
    return torch.cat(seen)


@pytest.mark.parametrize("lock_steps", [1, 3, 5, 23])
def test_windows_are_those_that_the_last_observations_showed(lock_steps: int) -> None:
    memory = PastWindows(SIZE, FRAMES, SLOTS)
    seen = played([memory], lock_steps)
    last = seen[-SIZE:]
    assert torch.equal(memory.of(torch.arange(len(last))), last.flip(0))


@pytest.mark.parametrize("lock_steps", [2, 5, 23])
def test_a_restored_memory_has_the_same_windows_and_goes_on(lock_steps: int) -> None:
    memory, other = PastWindows(SIZE, FRAMES, SLOTS), PastWindows(SIZE + 7, FRAMES, SLOTS)
    played([memory], lock_steps)
    other.load_state_dict(memory.state_dict())
    ages = torch.arange(min(SIZE, lock_steps))
    assert torch.equal(other.of(ages), memory.of(ages))
    seen = played([memory, other], 9, seed=1)
    assert torch.equal(other.of(torch.arange(5)), seen[-5:].flip(0))
    assert torch.equal(other.of(torch.arange(SIZE)), memory.of(torch.arange(SIZE)))


@pytest.mark.parametrize("number", [4, 10, 13])
def test_a_state_of_an_earlier_version_goes_on(number: int) -> None:
    memory, other = ReplayBuffer(10, 1, 2), ReplayBuffer(10, 1, 2)
    memory.add(transitions(0, number))
    state = memory.state_dict()
    rows = torch.arange(len(memory))
    boxes = memory._rows(rows).observation_tm1.boxes
    for name in from_rows(boxes, 0):
        del state[name]
    other.load_state_dict({**state, "boxes": boxes})
    for each in (memory, other):
        each.add(transitions(number, 3))
    again = torch.arange(len(memory))
    assert torch.equal(
        other._rows(again).observation_tm1.boxes, memory._rows(again).observation_tm1.boxes
    )


@pytest.mark.parametrize("name", PARAMS.agents)
def test_a_transition_of_every_agent_takes_at_most_128_bytes(name: str) -> None:
    agent = PARAMS.agents[name]
    memory = build_replay(agent, 5000, agent.schedule.environments, agent.replay.size)
    total = sum(each.numel() * each.element_size() for each in memory.tensors)
    assert 70 < total / agent.replay.size <= 128
