"""Heads beside their equations: dense layers, the recurrent unit, the dueling join."""

from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from objloc.learning.extra_windows import windows_around_objects
from objloc.learning.learner import Learner
from objloc.learning.memory.n_step import EpisodeStep
from objloc.learning.memory.replay import ReplayBuffer, Transition
from objloc.network.heads import (
    Dropout,
    Recurrent,
    apply_dense,
    dense,
    fresh_mask,
    join_dueling,
    joint_layers,
    one_hot,
)
from objloc.network.map_encoder import MapEncoder
from objloc.network.q_network import QNetwork, build_network
from objloc.network.windows import Features, Pairs
from objloc.params import Agent
from tests.helpers.networks import CATEGORIES, SMALL, states, windows_of
from tests.helpers.stores import make_store

FRAMES = 3
KINDS = [(0, ()), (2, ()), (2, (8,))]


def test_dense_layers_have_the_widths_asked() -> None:
    layers, width = dense(5, (4, 3), 0.25)
    assert width == 3
    assert [type(each) for each in layers] == [Dropout, nn.Linear, nn.ReLU] * 2
    shapes = [tuple(each.shape) for name, each in layers.named_parameters() if "weight" in name]
    assert shapes == [(4, 5), (3, 4)]
    assert {each.p for each in layers if isinstance(each, nn.Dropout)} == {0.25}
    nothing, width = dense(5, (), 0.25)
    assert (len(nothing), width) == (0, 5)
    joint = joint_layers(5, (4,), 0.0, 7)
    assert joint(torch.zeros(2, 5)).shape == (2, 7)


def test_dropout_drops_a_fraction_and_keeps_the_mean() -> None:
    drop, ones = Dropout(0.25), torch.ones(20_000)
    masks = partial(fresh_mask, generator=torch.Generator().manual_seed(0))
    dropped = drop(ones, masks)
    assert sorted(set(dropped.tolist())) == pytest.approx([0, 4 / 3])
    assert float((dropped == 0).float().mean()) == pytest.approx(0.25, abs=0.02)
    assert torch.equal(drop.eval()(ones), ones)


@pytest.mark.parametrize("hidden", [(), (4,), (4, 3)])
def test_features_in_two_parts_are_as_one_vector(hidden: tuple[int, ...]) -> None:
    """Shared before own, for all categories and for some pairs."""
    layers, width = dense(2 + 3, hidden, 0.0)
    last = nn.Linear(width, 6)
    shared, own = torch.randn(4, 2), torch.randn(4, 7, 3)
    whole = torch.cat([shared[:, None].expand(-1, 7, -1), own], dim=2)
    expected = last(layers(whole))
    torch.testing.assert_close(apply_dense(layers, last, Features(shared, own), None), expected)
    pairs = Pairs(torch.tensor([3, 0, 3]), torch.tensor([6, 1, 0]))
    some = Features(shared, own[pairs.window, pairs.category])
    torch.testing.assert_close(
        apply_dense(layers, last, some, pairs), expected[pairs.window, pairs.category]
    )
    together = apply_dense(layers, last, Features(None, whole), None)
    torch.testing.assert_close(together, expected)


def test_past_actions_are_one_hot_and_none_is_zero() -> None:
    assert one_hot(torch.tensor([[2, -1], [0, 1]]), 3).tolist() == [
        [0, 0, 1, 0, 0, 0],
        [1, 0, 0, 0, 1, 0],
    ]


def test_a_value_and_advantages_are_joined_and_further_outputs_stay() -> None:
    """Advantages 1, 2 and 6 have the mean 3; the value is 10, presence 7."""
    numbers = torch.tensor([1.0, 2.0, 6.0, 7.0, 10.0])
    assert join_dueling(numbers, 3).tolist() == [8, 9, 13, 7]


def agent_of(category_channels: int = 0, joint: tuple[int, ...] = (), **other: Any) -> Agent:
    return Agent.model_validate(
        {
            "encoder": {
                **SMALL,
                "category_channels": category_channels,
                "frames": FRAMES,
                **other.pop("encoder", {}),
            },
            "head": {"hidden": (16,), "joint": joint, "recurrent": 6, **other.pop("head", {})},
            **other,
        }
    )


def network_of(category_channels: int, joint: tuple[int, ...], **other: Any) -> QNetwork:
    agent = agent_of(category_channels, joint, **other)
    return build_network(agent, CATEGORIES, torch.Generator().manual_seed(0)).eval()


def by_hand(unit: Recurrent, steps: Tensor) -> Tensor:
    """The unit's equations, of one state's windows ``[frames, features]``."""
    weights = dict(unit.unit.named_parameters())
    state = torch.zeros(unit.width)
    for step in steps:
        given = weights["weight_ih_l0"] @ step + weights["bias_ih_l0"]
        kept = weights["weight_hh_l0"] @ state + weights["bias_hh_l0"]
        (r_in, z_in, n_in), (r_old, z_old, n_old) = given.chunk(3), kept.chunk(3)
        update = torch.sigmoid(z_in + z_old)
        new = torch.tanh(n_in + torch.sigmoid(r_in + r_old) * n_old)
        state = (1 - update) * new + update * state
    return state


@pytest.mark.parametrize(("category_channels", "joint"), KINDS)
def test_outputs_are_those_of_windows_taken_in_one_after_another(
    category_channels: int, joint: tuple[int, ...]
) -> None:
    """What one frame alone would show, through the unit's equations, through the heads."""
    network = network_of(category_channels, joint)
    views, windows = states(network)
    single = MapEncoder(
        agent_of(category_channels, joint).encoder.model_copy(update={"frames": 1}),
        len(CATEGORIES),
        apart=bool(joint),
    ).eval()
    assert isinstance(network.encoder, MapEncoder)
    single.load_state_dict(network.encoder.state_dict())
    outputs = network.outputs(views, windows)
    assert network.recurrent is not None
    for state in range(5):
        pooled = [
            single.observe(views, windows_of(box.view(1, 1, 4), windows.image[state, None]))
            for box in windows.boxes[state]
        ]
        seen = [each.features() for each in pooled]
        for category in range(3):
            row = category if category_channels else 0
            parts = [
                each.own[0, row]
                if each.shared is None
                else torch.cat([each.shared[0], each.own[0, row]])
                for each in seen
            ]
            values = network.values(network.hidden(by_hand(network.recurrent, torch.stack(parts))))
            expected = values if category_channels else values.view(3, -1)[category]
            if network.joint is not None:
                assert network.joint_recurrent is not None
                shared = torch.stack([each.shared_features()[0] for each in pooled])
                together = network.joint(by_hand(network.joint_recurrent, shared))
                expected = expected + together.view(3, -1)[category]
            assert torch.allclose(outputs[state, category], expected, atol=1e-5)


@pytest.mark.parametrize(("category_channels", "joint"), KINDS)
def test_the_order_of_windows_counts(category_channels: int, joint: tuple[int, ...]) -> None:
    network = network_of(category_channels, joint)
    views, windows = states(network)
    outputs = network.outputs(views, windows)
    turned = network.outputs(views, windows._replace(boxes=windows.boxes.flip(1)))
    assert (outputs - turned).abs().amax(dim=(1, 2)).min() > 1e-4
    one = windows._replace(boxes=windows.boxes[:, :1].expand(-1, FRAMES, -1))
    same = network.outputs(views, one)
    assert torch.allclose(same, network.outputs(views, one._replace(boxes=one.boxes.flip(1))))


@pytest.mark.parametrize("history", [0, 2])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize(("category_channels", "joint"), KINDS)
def test_some_pairs_have_the_outputs_that_all_have(
    category_channels: int, joint: tuple[int, ...], precision: str, history: int
) -> None:
    network = network_of(
        category_channels,
        joint,
        encoder={"precision": precision},
        head={"dueling": True, "presence": True, "action_history": history},
    )
    views, windows = states(network)
    pairs = Pairs(torch.tensor([4, 0, 2, 2]), torch.tensor([1, 2, 0, 1]))
    all_pairs = network.outputs(views, windows)
    assert all_pairs.shape == (5, 3, network.num_actions + 1)
    some = network.outputs_for(views, windows, pairs)
    assert torch.allclose(
        some, all_pairs[pairs.window, pairs.category], atol=1e-5 if precision == "float32" else 0.02
    )


def test_an_update_teaches_the_units_of_both_heads() -> None:
    store = make_store(6, CATEGORIES)
    agent = agent_of(
        2, (8,), learning={"images_per_batch": 3, "windows_per_image": 4, "object_windows": 0.5}
    )
    generator = torch.Generator().manual_seed(0)
    network = build_network(agent, CATEGORIES, generator)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    memory = ReplayBuffer(6, FRAMES, 0, slots=6)
    seen = windows_around_objects(store, torch.arange(6), FRAMES, 0, generator)
    rows = torch.arange(6)
    ended = EpisodeStep(rows, rows >= 0)
    memory.add(Transition(seen, rows, rows.float(), seen.boxes[:, -1], rows < 0), ended)
    Learner(network, store, agent.mdp, agent.learning, generator).update(memory)
    after = network.state_dict()
    units = [name for name in before if "recurrent" in name]
    assert len(units) == 8
    assert not any(torch.equal(before[name], after[name]) for name in units)


def test_without_it_windows_are_stacked_as_ever() -> None:
    network = QNetwork(agent_of(head={"recurrent": 0}), CATEGORIES)
    assert network.recurrent is None
    assert network.hidden[1].in_features == network.encoder.features
    assert not any("recurrent" in name for name in network.state_dict())
