"""The Q-network's outputs, however they are asked for."""

from typing import Any

import pytest
import torch

from objloc.network.q_network import QNetwork
from objloc.network.windows import Pairs
from objloc.params import Agent
from tests.helpers.networks import CATEGORIES, SMALL, states


def network_of(category_channels: int, history: int, **head: Any) -> QNetwork:
    """A small network with random weights."""
    return QNetwork(
        Agent.model_validate(
            {
                "encoder": SMALL | {"category_channels": category_channels, "levels": 2},
                "head": {"hidden": (16, 8), "action_history": history, **head},
            }
        ),
        CATEGORIES,
    ).eval()


@pytest.mark.parametrize("dueling", [False, True])
@pytest.mark.parametrize("history", [0, 3])
@pytest.mark.parametrize(("category_channels", "joint"), [(0, ()), (2, ()), (2, (8,))])
def test_some_pairs_have_the_outputs_that_all_have(
    category_channels: int, joint: tuple[int, ...], history: int, dueling: bool
) -> None:
    network = network_of(category_channels, history, joint=joint, presence=True, dueling=dueling)
    views, windows = states(network)
    pairs = Pairs(torch.tensor([4, 0, 2, 2]), torch.tensor([1, 2, 0, 1]))
    all_pairs = network.outputs(views, windows)
    assert all_pairs.shape == (5, 3, network.num_actions + 1)
    some = network.outputs_for(views, windows, pairs)
    assert torch.allclose(some, all_pairs[pairs.window, pairs.category], atol=1e-5)


def test_the_shared_part_enters_the_first_layer_as_if_put_before_the_own() -> None:
    """Weights saved before the two were kept apart mean the same."""
    network = network_of(2, history=3)
    views, windows = states(network)
    past = windows.action_history
    features = network.encoder.observe(views, windows).features()
    assert features.shared is not None
    shared = features.shared[:, None].expand(-1, 3, -1)
    own = features.own
    one_hot = torch.zeros(5, 3, network.num_actions)
    for step in range(3):
        for state in range(5):
            if past[state, step] >= 0:
                one_hot[state, step, past[state, step]] = 1
    remembered = one_hot.flatten(1)[:, None].expand(-1, 3, -1)
    whole = torch.cat([shared, own, remembered], dim=2)
    expected = network.values(network.hidden(whole))
    assert torch.allclose(network.outputs(views, windows), expected, atol=1e-5)


@pytest.mark.parametrize("per_category", [True, False])
def test_dueling_outputs_are_value_and_advantages_joined(per_category: bool) -> None:
    network = network_of(0, 0, dueling=True, presence=per_category, per_category=per_category)
    views, windows = states(network)
    features = network.encoder.observe(views, windows).features().own
    sets, actions = 3 if per_category else 1, network.num_actions
    rows = network.values(network.hidden(features)).view(5, sets, -1)
    assert rows.shape[2] == actions + per_category + 1
    outputs = network.outputs(views, windows)
    assert outputs.shape == (5, 3, actions + per_category)
    for state in range(5):
        for category in range(3):
            row = rows[state, category if per_category else 0].tolist()
            mean = sum(row[:actions]) / actions
            expected = [row[-1] + advantage - mean for advantage in row[:actions]]
            expected += row[actions:-1]  # presence as it is
            assert outputs[state, category].tolist() == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("joint", [False, True])
def test_dueling_joins_both_heads(joint: bool) -> None:
    """Advantages that all grow change nothing; the value moves all actions, not presence."""
    network = network_of(2, 0, joint=(8,), presence=True, dueling=True)
    views, windows = states(network)
    before = network.outputs(views, windows)
    assert network.joint is not None
    last = network.joint[-1] if joint else network.values
    assert isinstance(last, torch.nn.Linear)
    rows = last.bias.data.view(-1, network.num_actions + 2)
    rows[:, : network.num_actions] += 5
    assert torch.allclose(network.outputs(views, windows), before, atol=1e-5)
    rows[:, -1] += 2
    moved = network.outputs(views, windows) - before
    assert torch.allclose(moved[..., :-1], torch.tensor(2.0), atol=1e-5)
    assert torch.allclose(moved[..., -1], torch.tensor(0.0), atol=1e-5)


def test_dueling_outputs_are_log_odds_with_the_logistic_loss() -> None:
    agent = Agent.model_validate(
        {"encoder": {"widths": (4, 8)}, "head": {"dueling": True}, "learning": {"loss": "logistic"}}
    )
    network = QNetwork(agent, CATEGORIES).eval()
    views, windows = states(network)
    values = network(views, windows)
    assert network.bounds is not None
    least, greatest = network.bounds
    shares = torch.sigmoid(network.outputs(views, windows))
    assert torch.allclose(values, least + (greatest - least) * shares, atol=1e-5)
