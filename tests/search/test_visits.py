import torch
from torch import Tensor

from objloc.search.visits import Arrivals, Visits, Ways
from tests.helpers.budgeted_searches import AGENT, promising_network
from tests.helpers.stores import make_store

STORE = make_store(3)
HERE, THERE = [0.0, 0.0, 60.0, 60.0], [30.0, 20.0, 110.0, 80.0]
BESIDE = [31.0, 20.0, 110.0, 80.0]


def empty(budget: int = 4) -> Visits:
    return Visits(STORE, promising_network(AGENT), torch.tensor([2, 0]), budget, 1)


def ways_to(boxes: list[list[list[float]]], parent: int = -1) -> Ways:
    """Ways of each image to windows."""
    places = torch.tensor(boxes, dtype=torch.float64)
    number = torch.full(places.shape[:2], parent)
    none = number[..., None]
    return Ways(places[:, :, None], none[..., :0], none, number, number)


def mask(*rows: list[int]) -> Tensor:
    return torch.tensor(rows) > 0


def visit(visits: Visits, ways: Ways, *groups: Tensor) -> Arrivals:
    limit = visits.spare
    return visits.visit(groups, ways, visits.overlaps(ways.boxes, limit))


def test_new_windows_take_the_next_numbers_of_their_image() -> None:
    visits = empty()
    ways = ways_to([[HERE, THERE], [THERE, HERE]])
    found = visit(visits, ways, mask([1, 1], [0, 1]))
    assert found.fresh.tolist() == [[True, True], [False, True]]
    assert found.window[0].tolist() == [0, 1]
    assert int(found.window[1, 1]) == 0
    trace = visits.trace()
    assert trace.num_windows.tolist() == [2, 1]
    assert trace.boxes.shape == (2, 4, 4), "without the spare window"
    assert trace.boxes[0, :2].tolist() == [HERE, THERE]
    assert trace.boxes[1, 0].tolist() == HERE
    assert trace.q_values.isfinite().all(dim=3).all(dim=2).tolist() == [
        [True, True, False, False],
        [True, False, False, False],
    ]


def test_who_comes_to_a_visited_window_is_there_and_looks_at_nothing() -> None:
    visits = empty()
    visit(visits, ways_to([[THERE], [HERE]]), mask([1], [1]))
    values = visits.q_values.clone()
    found = visit(visits, ways_to([[BESIDE], [BESIDE]], parent=0), mask([0], [0]), mask([1], [1]))
    assert found.fresh.tolist() == [[False], [True]]
    assert found.visited.tolist() == [[True], [True]]
    assert found.window.tolist() == [[0], [1]]
    assert torch.equal(visits.q_values[0, :4], values[0, :4])
    assert visits.depth[1, 1] == 2


def test_of_a_group_the_first_has_the_window_and_a_later_group_finds_it() -> None:
    visits = empty()
    ways = ways_to([[THERE, BESIDE, BESIDE], [HERE, THERE, BESIDE]])
    nobody = mask([0, 0, 0], [0, 0, 0])
    found = visit(visits, ways, nobody, mask([1, 1, 0], [1, 0, 0]), mask([0, 0, 1], [0, 1, 1]))
    assert found.fresh.tolist() == [[True, False, False], [True, True, False]]
    assert found.visited.tolist() == [[True, False, True], [True, True, False]]
    assert found.window[0, 2] == 0
    assert found.before.tolist() == [1, 1], "before the last group"


def test_a_spent_budget_lets_nobody_look() -> None:
    visits = empty(budget=1)
    found = visit(visits, ways_to([[HERE, THERE], [THERE, HERE]]), mask([1, 1], [1, 1]))
    assert found.fresh.tolist() == [[True, False], [True, False]]
    assert visits.num_windows.tolist() == [1, 1]
    assert visits.budget_left.tolist() == [False, False]
    again = visit(visits, ways_to([[THERE], [HERE]]), mask([1], [1]))
    assert not again.visited.any()


def test_images_that_are_done_are_left_as_they_are() -> None:
    visits = empty()
    visits.rows = torch.tensor([1])
    visit(visits, ways_to([[THERE]]), mask([1]))
    assert visits.num_windows.tolist() == [0, 1]
    assert visits.trace().boxes[0].eq(0).all()
