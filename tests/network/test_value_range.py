"""Ranges of values, computed by hand."""

import pytest
import torch

from objloc.network.q_network import build_network
from objloc.network.value_range import TriggerRange, bounds_of
from objloc.params import Agent, Learning, Mdp


def agent_of(discount: float, absent_reward: float = -0.5, **mdp: float) -> Agent:
    learning = Learning(
        backup="all_actions", discount=discount, loss="logistic", absent_reward=absent_reward
    )
    return Agent(mdp=Mdp(trigger_reward=3.0, **mdp), learning=learning)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("discount", "maximum"),
    [
        (0.0, 1.0),
        (0.5, 1 + 0.5 * 3.0),  # a trigger's reward is more than moves for ever, 2
        (0.9, 1 + 0.9 * 10.0),  # moves for ever are more
        (1.0, 1 + 40.0),  # moves until the step limit
    ],
)
def test_a_move_is_worth_its_reward_and_the_best_that_can_follow(
    discount: float, maximum: float
) -> None:
    bounds = bounds_of(agent_of(discount, trigger_cost=0.7, max_steps=40), 5)
    assert bounds is not None
    assert bounds.shape == (2, 5)
    assert bounds[1].tolist() == pytest.approx([maximum] * 4 + [3.0])
    assert bounds[0].tolist() == pytest.approx([-maximum] * 4 + [-0.7])


def test_a_trigger_costs_what_it_costs_most() -> None:
    """A wrong trigger, or one for a category that the image does not hold."""
    dear, absent = agent_of(0.0, trigger_cost=2.0), agent_of(0.0, absent_reward=-4.0)
    for agent, expected in ((dear, -2.0), (absent, -4.0)):
        bounds = bounds_of(agent, 3)
        assert bounds is not None
        assert bounds[0, -1] == expected


def test_other_losses_have_no_bounds() -> None:
    assert bounds_of(Agent(learning=Learning(loss="huber")), 3) is None


def test_the_triggers_range_is_the_last_of_the_bounds_or_its_rewards() -> None:
    mdp = Mdp(trigger_reward=3.0, trigger_cost=0.5)
    bounds = torch.tensor([[-9.0, -9.0, -2.0], [9.0, 9.0, 4.0]])
    assert TriggerRange.of(bounds, mdp) == (-2.0, 4.0)
    assert TriggerRange.of(None, mdp) == (-0.5, 3.0)


def test_values_are_fractions_of_the_range_and_back() -> None:
    values = torch.tensor([-2.0, -0.5, 4.0, 7.0])
    fractions = TriggerRange(-2.0, 4.0).fraction(values)
    assert fractions.tolist() == [0.0, 0.25, 1.0, 1.5]
    assert TriggerRange(-2.0, 4.0).value(fractions).tolist() == values.tolist()


@pytest.mark.parametrize(("discount", "moves"), [(0.0, 1.0), (0.5, 2.5), (0.9, 10.0)])
def test_bounded_values_reach_every_possible_return(discount: float, moves: float) -> None:
    learning = Learning(
        backup="all_actions", discount=discount, loss="logistic", absent_reward=-0.5
    )
    mdp = Mdp(trigger_reward=3.0, trigger_cost=0.7)
    network = build_network(Agent(mdp=mdp, learning=learning), ("cat",))
    assert network.bounds is not None
    least, greatest = network.bounds.tolist()
    assert least == pytest.approx([-moves] * 8 + [-0.7])
    assert greatest == pytest.approx([moves] * 8 + [3.0])
    outputs = torch.tensor([-100.0, 0.0, 100.0] * 3)
    values = network.values_of(outputs)
    assert values[:3].tolist() == pytest.approx([-moves, 0, moves])
    assert values[-1] == 3.0
    assert network.values_of(-outputs)[-1] == pytest.approx(-0.7)


def test_values_have_no_bounds_with_another_loss() -> None:
    network = build_network(Agent(learning=Learning(loss="huber")), ("cat",))
    assert network.bounds is None
    assert network.values_of(torch.full((9,), 77.0)).tolist() == [77.0] * 9


def test_bounded_values_reach_the_return_of_a_wrong_trigger_that_was_taken() -> None:
    """Targets beyond the bounds would have no minimum of cross-entropy."""
    learning = Learning(backup="sampled", n_step=3, discount=0.5, loss="logistic")
    agent = Agent(mdp=Mdp(max_steps=6, trigger_cost=9.0), learning=learning)
    network = build_network(agent, ("cat",))
    assert network.bounds is not None
    assert network.bounds[0].tolist() == [-(1 + 0.5 * 9.0)] * 8 + [-9.0]
    assert network.bounds[1].tolist() == [1 + 0.5 * 3.0] * 8 + [3.0]
