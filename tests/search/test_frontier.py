import pytest
import torch

from objloc.network.value_range import TriggerRange
from objloc.params import Search
from objloc.search.frontier import Frontier
from objloc.search.visits import Visits
from tests.helpers.budgeted_searches import AGENT, promising_network
from tests.helpers.stores import make_store

STORE = make_store(3)
PARAMS = Search(least_presence=0.0, searches_per_round=3, start_promise=0.4, inhibition=0.5)
WINDOWS = torch.tensor([[[0.0, 0, 50, 50], [2, 0, 50, 50], [60, 40, 110, 80]]]).double()


@pytest.fixture
def frontier() -> Frontier:
    """Three windows in each of three images, valued at random, all start windows."""
    visits = Visits(STORE, promising_network(AGENT), torch.arange(3), 5, 1)
    visits.num_windows[:] = 3
    visits.boxes[:, :3] = WINDOWS
    generator = torch.Generator().manual_seed(0)
    visits.q_values[:, :3] = torch.rand(visits.q_values[:, :3].shape, generator=generator)
    visits.presence[:, :3] = torch.rand(3, 3, 2, generator=generator)
    searched = torch.tensor([[True, True], [True, False], [True, True]])
    made = Frontier(visits, PARAMS, TriggerRange(0.0, 1.0), searched, starts=5, first=3)
    window = torch.arange(3).expand(3, -1)
    made.learn(window)
    made.open_starts(window)
    return made


def priority(visits: Visits, image: int, window: int, category: int) -> float:
    value, presence = visits.q_values[..., -1], visits.presence
    return float((value + 0.5 * presence)[image, window, category])


def test_the_searches_of_highest_priority_continue(frontier: Frontier) -> None:
    visits = frontier._visits
    slots = frontier.choose(4)
    for image, categories in enumerate([[0, 1], [0], [0, 1]]):
        ranked = [
            (priority(visits, image, window, category), window, category)
            for window in range(3)
            for category in categories
        ]
        best = sorted([*ranked, (0.4, -1, -1)], reverse=True)[:3]
        for slot, (_, window, category) in enumerate(best):
            assert bool(slots.start[image, slot]) == (window < 0)
            if window >= 0:
                assert bool(slots.onward[image, slot])
                assert int(slots.window[image, slot]) == window
                assert int(slots.category[image, slot]) == category
    assert not slots.zoom.any()


def test_nothing_continues_where_the_budget_is_spent_or_all_is_closed(frontier: Frontier) -> None:
    frontier._visits.num_windows[0] = 5
    frontier.started[:] = 5
    frontier.open[1] = False
    every = torch.cartesian_prod(torch.arange(3), torch.arange(2))
    frontier.update(every[:, 0].expand(3, -1), every[:, 1].expand(3, -1))
    slots = frontier.choose(5)
    assert slots.onward.any(dim=1).tolist() == [False, False, True]
    assert not slots.start.any()
    assert (slots.window[:2] == frontier._visits.spare).all()


def test_another_try_has_a_lower_priority(frontier: Frontier) -> None:
    before = frontier._priority.clone()
    frontier.branch[0, 1, 1] = 1
    frontier.update(torch.tensor([[1]] * 3), torch.tensor([[1]] * 3))
    change = before[0, 1, 1, 0] - frontier._priority[0, 1, 1, 0]
    assert float(change) == pytest.approx(PARAMS.branch_cost)
    frontier._priority[0, 1, 1] = before[0, 1, 1]
    assert torch.equal(frontier._priority, before)


def test_a_trigger_ends_the_searches_of_its_category_near_it(frontier: Frontier) -> None:
    visits = frontier._visits
    slots = frontier.choose(5)._replace(
        window=torch.tensor([[0, 1, 2]] * 3), category=torch.tensor([[0, 0, 1]] * 3)
    )
    trigger = torch.tensor([[True, True, False], [False, True, False], [False, False, True]])
    frontier.trigger(slots, trigger, torch.tensor([3, 3, 3]), 5)
    found = visits.triggered[:, :3].nonzero().tolist()
    assert found == [[0, 0, 0], [1, 1, 0], [2, 2, 1]], "the second is beside the first"
    closed = (~frontier.open[:, :3]).nonzero().tolist()
    assert closed == [
        [0, 0, 0], [0, 1, 0],
        [1, 0, 0], [1, 0, 1], [1, 1, 0], [1, 1, 1], [1, 2, 1],
        [2, 2, 1],
    ]  # fmt: skip
    assert (frontier._priority[..., 0][:, :3].isfinite() == frontier.open[:, :3]).all()
    near = frontier.near(torch.tensor([[1, 2]] * 3), 5)
    inhibited = frontier.inhibited(near, torch.zeros(3, 2, dtype=torch.int64))
    assert inhibited.tolist() == [[True, False], [True, False], [False, False]]
