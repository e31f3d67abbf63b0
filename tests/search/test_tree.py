import pytest
import torch
from torch import Tensor

from objloc.data.store import SampleStore
from objloc.errors import ObjlocError
from objloc.mdp.action import Moves, actions_of
from objloc.network.q_network import QNetwork
from objloc.network.windows import Windows
from objloc.params import Agent, Encoder, Head, Learning, Mdp, Search
from objloc.search.budgeted import Searcher
from objloc.search.trace import SearchTrace
from objloc.search.tree import run_tree_search
from tests.helpers.budgeted_searches import promising_network
from tests.helpers.stores import make_store

MDP = Mdp(zooms=True, min_side=0.05)
AGENT = Agent(
    mdp=MDP,
    encoder=Encoder(image_size=64, widths=(4, 8), cell_width=4, pool=3),
    head=Head(hidden=(8,), action_history=2),
    learning=Learning(backup="sampled"),
)


@pytest.fixture(scope="module")
def store() -> SampleStore:
    return make_store(5)


@pytest.fixture(scope="module")
def network() -> QNetwork:
    return promising_network(AGENT)


def trace_of(
    store: SampleStore, network: QNetwork, budget: int, images: Tensor | None = None
) -> SearchTrace:
    searcher = Searcher(network, MDP, Search())
    return SearchTrace.concatenate(run_tree_search(store, searcher, budget, images))


def grow(
    store: SampleStore, network: QNetwork, box: list[float], past: list[int], levels: int
) -> list[list[list[float]]]:
    """The tree below a window of the first image, depth first: the windows of each level."""
    size = store.sizes[:1]
    with torch.no_grad():
        views = network.encode(store.images[torch.tensor([0])])
        shares = torch.tensor([box]) / size.repeat(1, 2)
        values = network(
            views, Windows(torch.tensor([0]), shares.float()[:, None], torch.tensor([past]))
        )[0]
    own = values[values[:, -1].argmax()].tolist()
    names = [action.value for action in actions_of(MDP)[:-1]]
    below: list[list[list[float]]] = [[] for _ in range(levels - 1)]
    for zooming in (True, False):
        group = [n for n, name in enumerate(names) if name.startswith("zoom") == zooming]
        best = max(group, key=lambda n: own[n])
        moved = Moves(MDP).apply(
            torch.tensor([box], dtype=torch.float64), size, torch.tensor([best])
        )
        if levels > 1:
            deeper = grow(store, network, moved[0].tolist(), [*past[1:], best], levels - 1)
            below = [above + more for above, more in zip(below, deeper, strict=True)]
    return [[box], *below]


def test_each_window_is_followed_by_its_best_zoom_and_its_best_move(
    store: SampleStore, network: QNetwork
) -> None:
    whole = [0.0, 0.0, *store.sizes[0].tolist()]
    levels = grow(store, network, whole, [-1, -1], 4)
    assert [len(level) for level in levels] == [1, 2, 4, 8]
    trace = trace_of(store, network, 15)
    expected = torch.tensor([box for level in levels for box in level], dtype=torch.float64)
    torch.testing.assert_close(trace.boxes[0], expected)


def test_levels_that_a_budget_does_not_hold_are_left_out(
    store: SampleStore, network: QNetwork
) -> None:
    for budget, looks in ((1, 1), (2, 1), (3, 3), (30, 15), (31, 31), (32, 31)):
        trace = trace_of(store, network, budget)
        assert (trace.num_windows == looks).all()
        assert trace.boxes.shape[1] == looks
    smaller = trace_of(store, network, 15)
    assert torch.equal(trace.boxes[:, :15], smaller.boxes)
    assert trace.parent[0, :7].tolist() == [-1, 0, 0, 1, 1, 2, 2]
    assert trace.depth[0, :7].tolist() == [1, 2, 2, 3, 3, 3, 3]


def test_one_image_is_searched_as_many_are(store: SampleStore, network: QNetwork) -> None:
    together = trace_of(store, network, 31)
    alone = SearchTrace.concatenate(
        trace_of(store, network, 31, torch.tensor([image])) for image in range(len(store))
    )
    torch.testing.assert_close(together.boxes, alone.boxes)
    assert torch.equal(together.moves, alone.moves)
    assert torch.equal(together.category, alone.category)


def test_a_window_is_triggered_on_for_the_categories_whose_best_action_it_is(
    store: SampleStore,
) -> None:
    network = promising_network(AGENT)
    with torch.no_grad():
        network.values.bias[len(actions_of(MDP)) - 1 :: len(actions_of(MDP))] += 2.5
    trace = trace_of(store, network, 31)
    best = trace.q_values.argmax(dim=3) == len(actions_of(MDP)) - 1
    assert 0 < best.sum() < best.numel()
    assert torch.equal(trace.triggered > 0, best)
    _, window, _ = (trace.triggered > 0).nonzero(as_tuple=True)
    assert torch.equal(trace.triggered[trace.triggered > 0], window + 1)


@pytest.mark.parametrize("mdp", [Mdp(), Mdp(actions="hierarchical")])
def test_a_tree_needs_zooms_and_moves(store: SampleStore, network: QNetwork, mdp: Mdp) -> None:
    with pytest.raises(ObjlocError, match="expected an agent with zooms and moves for a tree"):
        list(run_tree_search(store, Searcher(network, mdp, Search()), 7))
