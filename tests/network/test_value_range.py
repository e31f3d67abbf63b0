"""Ranges of values, computed by hand."""

import pytest
import torch

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
