"""Targets of all actions: which pairs are trained, with which weights and targets."""

from typing import Any

import pytest
import torch

from objloc.learning.extra_windows import windows_around_objects
from objloc.learning.memory.replay import ReplayBuffer, SampledTransition, Transition
from objloc.learning.targets.td_targets import AllActionTargets, online_outputs
from objloc.network.q_network import QNetwork, build_network
from objloc.network.training_pass import TrainingPass
from objloc.network.windows import Pairs
from objloc.params import Agent, Head, Learning
from tests.helpers.stores import make_store

STORE = make_store(6, ("cat", "dog", "cow"))
ENCODER = {"image_size": 64, "widths": (4, 8), "pool": 3}


def memory() -> ReplayBuffer:
    """Four windows of each of six images."""
    memory = ReplayBuffer(24, 1, 0)
    generator = torch.Generator().manual_seed(0)
    seen = windows_around_objects(STORE, torch.arange(6).repeat(4), 1, 0, generator)
    rows = torch.arange(24)
    memory.add(Transition(seen, rows % 9, rows.float(), seen.boxes[:, -1], rows % 9 == 8))
    return memory


def made(head: Head | None = None, **learning: Any) -> tuple[AllActionTargets, QNetwork]:
    given = {"images_per_batch": 3, "windows_per_image": 4, **learning}
    head = head or Head(hidden=(8,))
    agent = Agent.model_validate({"encoder": ENCODER, "head": head, "learning": given})
    generator = torch.Generator().manual_seed(0)
    online, target = (build_network(agent, STORE.categories, generator) for _ in range(2))
    make_targets = AllActionTargets(
        TrainingPass(online), target, STORE, agent.mdp, agent.learning, generator
    )
    return make_targets, online


def sampled(make_targets: AllActionTargets, images: int = 3) -> SampledTransition:
    generator = torch.Generator().manual_seed(0)
    return memory().sample(images, make_targets.replayed, generator)


def test_all_actions_of_present_categories_and_triggers_of_absent_ones_are_trained() -> None:
    make_targets, network = made(absent_weight=2.0, move_weight=0.5, discount=0.0)
    batch = make_targets(sampled(make_targets))
    # Of 12 windows: 9 actions for the category in the image, the trigger for two others.
    assert len(batch.outputs) == len(batch.targets) == 12 * (9 + 2)
    assert batch.outputs.requires_grad
    assert torch.bincount(batch.actions).tolist() == [*[12] * 8, 36]
    assert (batch.weights[batch.actions < 8] == 0.5).all()
    absent = batch.targets == -3.0
    assert int((batch.weights == 2.0).sum()) == 24
    assert absent[batch.weights == 2.0].all()
    assert set(batch.targets[batch.actions < 8].tolist()) <= {1.0, -1.0}
    assert (batch.importance == 1).all()
    assert len(set(batch.keys.tolist())) == 3
    assert batch.auxiliary == ()
    assert network.training


def test_a_fraction_of_the_absent_categories_is_trained() -> None:
    make_targets, _ = made(absent_share=0.25, windows_per_image=20)
    batch = make_targets(sampled(make_targets, images=6))
    absent = len(batch.outputs) - 120 * 9
    assert 30 < absent < 90


def test_a_discount_adds_the_target_networks_values_to_moves_alone() -> None:
    plain, _ = made(discount=0.0)
    discounted, _ = made(discount=0.9)
    without, within = plain(sampled(plain)), discounted(sampled(discounted))
    trigger = within.actions == 8
    assert torch.equal(without.targets[trigger], within.targets[trigger])
    assert (without.targets[~trigger] != within.targets[~trigger]).all()


def test_outputs_are_the_networks_for_pairs_of_window_and_category() -> None:
    make_targets, network = made()
    batch, importance = make_targets.batch_of(sampled(make_targets))
    assert importance.tolist() == [1.0] * 12
    pairs = Pairs(torch.tensor([3, 11, 3]), torch.tensor([0, 2, 1]))
    online = TrainingPass(network)
    outputs = online_outputs(online, batch, pairs)
    every = [
        online_outputs(online, batch, Pairs(torch.arange(12), torch.full((12,), each)))
        for each in range(3)
    ]
    expected = torch.stack([every[c][w] for w, c in zip(*pairs, strict=True)])
    torch.testing.assert_close(outputs, expected)


@pytest.mark.parametrize("fraction", [0.0, 0.5])
def test_landed_windows_are_part_of_the_state_where_they_are_used(fraction: float) -> None:
    head = Head(hidden=(8,), learned_zooms=True)
    settings = Learning(landed_windows=fraction).model_dump(include={"landed_windows"})
    make_targets, _ = made(head, **settings)
    make_targets(sampled(make_targets))
    state = make_targets.state_dict()
    assert set(state) == ({"landings"} if fraction else set())
    other, _ = made(head, **settings)
    other.load_state_dict({**state, "updates": 3})
    for name, value in state.get("landings", {}).items():
        assert torch.equal(other.state_dict()["landings"][name], value)
