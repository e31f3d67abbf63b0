"""Gradients computed beside the step backwards are those of ``loss.backward()``, to the bit."""

from typing import Any

import pytest
import torch

from objloc.learning import backward
from objloc.learning.backward import Backward, laid_out_as
from objloc.learning.extra_windows import windows_around_objects
from objloc.learning.learner import Learner
from objloc.learning.replay import ReplayBuffer, Transition
from objloc.network.q_network import build_network
from objloc.params import Agent
from tests.helpers.stores import make_store

STORE = make_store(8, ("cat", "dog", "cow"))
SMALL = {"image_size": 64, "widths": (8, 16), "pool": 3, "neck_width": 8, "cell_width": 4}
AGENTS: dict[str, dict[str, Any]] = {
    "map": {"encoder": SMALL},
    "by category": {
        "encoder": {**SMALL, "category_channels": 2},
        "learning": {"discount": 0.5, "backup": "all_actions"},
    },
    "bfloat16": {"encoder": {**SMALL, "category_channels": 2, "precision": "bfloat16"}},
    "trained backbone": {
        "encoder": {**SMALL, "kind": "pretrained", "fine_tune": "last", "stored": False}
    },
    "crops": {"encoder": {"kind": "crops", "image_size": 36, "window_size": 36}},
    "recurrent": {
        "encoder": {**SMALL, "frames": 2, "category_channels": 2},
        "head": {"recurrent": 8, "joint": (8,)},
    },
}


def learner_of(sections: dict[str, Any]) -> Learner:
    head = {"hidden": (16, 8)} | sections.get("head", {})
    learning = {"images_per_batch": 4, "windows_per_image": 4} | sections.get("learning", {})
    agent = Agent.model_validate({**sections, "head": head, "learning": learning})
    generator = torch.Generator().manual_seed(0)
    network = build_network(agent, STORE.categories, generator)
    store = make_store(8, STORE.categories, agent.encoder.image_size)
    return Learner(network, store, agent.mdp, agent.learning, generator)


def memory_of(learner: Learner) -> ReplayBuffer:
    network, rows = learner.online, torch.arange(8)
    memory = ReplayBuffer(8, network.frames, network.action_history)
    generator = torch.Generator().manual_seed(0)
    seen = windows_around_objects(STORE, rows, network.frames, network.action_history, generator)
    memory.add(Transition(seen, rows % 3, rows.float(), seen.boxes[:, -1], rows < 0))
    return memory


@pytest.mark.parametrize("name", AGENTS)
def test_weights_after_updates_are_those_of_a_plain_step_backwards(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    beside = learner_of(AGENTS[name])
    memory = memory_of(beside)
    for _ in range(3):
        beside.update(memory)
    monkeypatch.setattr(Backward, "__call__", lambda _self, loss: loss.backward())
    plain = learner_of(AGENTS[name])
    for _ in range(3):
        plain.update(memory)
    expected = plain.online.state_dict()
    for key, found in beside.online.state_dict().items():
        assert torch.equal(found, expected[key]), key
    fresh = learner_of(AGENTS[name]).online.state_dict()
    assert any(not torch.equal(expected[key], fresh[key]) for key in expected)


def test_layers_are_left_as_they_were() -> None:
    learner = learner_of(AGENTS["map"])
    learner.update(memory_of(learner))
    assert not any(module._forward_hooks for module in learner.online.modules())


def test_a_failure_beside_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise MemoryError("no room for a gradient")

    monkeypatch.setattr(backward, "_gradients_of", fail)
    learner = learner_of(AGENTS["map"])
    with pytest.raises(MemoryError, match="no room for a gradient"):
        learner.update(memory_of(learner))


def test_a_gradient_is_laid_out_as_its_parameter() -> None:
    parameter = torch.zeros(2, 3, 4, 4)
    gradient = torch.rand(2, 3, 4, 4).contiguous(memory_format=torch.channels_last)
    found = laid_out_as(parameter, gradient)
    assert found.stride() == parameter.stride() != gradient.stride()
    assert torch.equal(found, gradient)
    assert laid_out_as(parameter, found) is found
