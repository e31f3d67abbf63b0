import torch

from objloc.mdp.action import Moves, axes_of
from objloc.params import Search
from objloc.search.frontier import Slots
from objloc.search.visits import Visits
from objloc.search.ways import WayFinder
from tests.helpers.budgeted_searches import AGENT, MDP, promising_network
from tests.helpers.stores import make_store

STORE = make_store(2)
BOXES = torch.tensor([[10.0, 10, 60, 60], [40, 20, 100, 70]]).double()


def finder(moves: int, values: torch.Tensor) -> tuple[Visits, WayFinder, Slots]:
    """One window in each image with these values, and a search onward from it."""
    visits = Visits(STORE, promising_network(AGENT), torch.arange(2), 3, moves)
    visits.num_windows[:] = 1
    visits.boxes[:, 0] = BOXES
    visits.frames[:, 0] = BOXES[:, None]
    visits.q_values[:, 0] = values
    params = Search(moves_per_look=moves)
    yes, zero = torch.ones(2, 1, dtype=torch.bool), torch.zeros(2, 1, dtype=torch.int64)
    return visits, WayFinder(visits, MDP, params), Slots(~yes, ~yes, yes, zero, zero, zero)


def test_start_windows_are_fractions_of_each_image() -> None:
    _, ways, _ = finder(1, torch.zeros(()))
    found = ways.to_starts(torch.tensor([[0, 1], [2, 0]]))
    assert found.boxes[0, 0].tolist() == [0, 0, *STORE.sizes[0].tolist()]
    assert torch.allclose(found.boxes[1, 0] / STORE.sizes[1].repeat(2), ways.starts[2])
    assert (found.parent == -1).all()
    assert (found.moves == -1).all()


def test_one_move_follows_a_look() -> None:
    _, ways, slots = finder(1, torch.ones(()))
    action = torch.tensor([[0], [4]])
    found = ways.by_actions(slots, action)
    assert torch.equal(found.boxes[:, 0], Moves(MDP).apply(BOXES, STORE.sizes, action[:, 0]))
    assert torch.equal(found.moves[..., 0], action)


def test_further_moves_are_along_other_axes_and_above_zero() -> None:
    axes = axes_of(MDP)
    values = torch.full((len(axes) + 1,), -1.0)
    helping = [0, 1, 2, 4]  # right and left are of one axis
    values[helping] = torch.tensor([0.1, 0.9, 0.5, 0.8])
    _, ways, slots = finder(4, values)
    found = ways.by_actions(slots, torch.tensor([[4], [1]]))
    assert found.moves[0, 0].tolist() == [4, 1, 2, -1]
    assert found.moves[1, 0].tolist() == [1, 4, 2, -1]
    cut = int((axes < 0).nonzero()[0])
    alone = ways.by_actions(slots, torch.tensor([[cut], [cut]]))
    assert alone.moves[0, 0].tolist() == [cut, -1, -1, -1]
    box = BOXES[:1]
    for move in (4, 1, 2):
        box = Moves(MDP).apply(box, STORE.sizes[:1], torch.tensor([move]))
    assert torch.allclose(found.boxes[0, 0], box[0])
