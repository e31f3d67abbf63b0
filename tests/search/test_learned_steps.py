"""Steps whose length is learned: where a search goes by them."""

import torch

from objloc.mdp.action import Moves
from objloc.network.q_network import QNetwork
from objloc.network.valuer import NUM_STEPS, STEP_UNIT
from objloc.params import Agent, Encoder, Head, Learning, Mdp, Search
from objloc.search.budgeted import Searcher, run_budgeted_search
from objloc.search.trace import SearchTrace
from tests.helpers.budgeted_searches import promising_network
from tests.helpers.stores import make_store

AGENT = Agent(
    mdp=Mdp(step_size=0.3, zooms=True, starts=((1, 1.0), (2, 0.6)), min_side=0.05),
    encoder=Encoder(image_size=64, widths=(4, 8), cell_width=4, category_channels=2, pool=3),
    head=Head(hidden=(8,), presence=True, learned_steps=True),
    learning=Learning(backup="all_actions", discount=0.0, loss="logistic", step_iou=0.3),
)
STORE = make_store(6)
STEPS = torch.tensor([0.1, -0.2, -0.3, 0.1])


def stepping(steps: torch.Tensor = STEPS) -> QNetwork:
    """A network that wants the same steps of every window."""
    network = promising_network(AGENT)
    with torch.no_grad():
        network.values.weight[-NUM_STEPS:] = 0
        network.values.bias[-NUM_STEPS:] = steps / STEP_UNIT
        network.values.bias[network.num_actions - 1] += 0.5  # it triggers now and then
    return network


def trace_of(network: QNetwork, learned_steps: float | None) -> SearchTrace:
    params = Search(least_presence=0.0, learned_steps=learned_steps)
    searcher = Searcher(network, AGENT.mdp, params)
    return SearchTrace.concatenate(run_budgeted_search(STORE, searcher, 30))


def test_a_search_looks_where_the_steps_lead() -> None:
    network = stepping()
    trace = trace_of(network, 0.0)
    moves = Moves(AGENT.mdp)
    by_steps = (trace.moves[..., 0] == network.num_actions) & trace.visited()
    image, window = by_steps.nonzero(as_tuple=True)
    assert len(image) > 10
    parents = trace.boxes[image, trace.parent[image, window]]
    steps = STEPS.double().expand(len(image), -1)
    torch.testing.assert_close(
        trace.boxes[image, window], moves.by(parents, STORE.sizes[image], steps)
    )
    assert not by_steps.all()


def test_nothing_is_triggered_on_before_the_steps_were_looked_at() -> None:
    network = stepping()
    trace = trace_of(network, 0.0)
    image, window, category = (trace.triggered > 0).nonzero(as_tuple=True)
    assert len(image)
    led = (trace.moves[..., 0] == network.num_actions) & trace.visited()
    for one, parent, mine in zip(image.tolist(), window.tolist(), category.tolist(), strict=True):
        children = (led[one] & (trace.parent[one] == parent)).nonzero()[:, 0].tolist()
        # Where there is no such window it was known already, or for another category.
        for child in children:
            if trace.category[one, child] == mine:
                assert trace.triggered[one, parent, mine] > child
                assert (
                    trace.trigger_values[one, child, mine]
                    <= trace.trigger_values[one, parent, mine]
                )


def test_a_search_need_not_go_by_them() -> None:
    without, with_steps = trace_of(stepping(), None), trace_of(stepping(), 0.0)
    assert (without.moves < stepping().num_actions).all()
    other = trace_of(stepping(-STEPS), None)
    assert torch.equal(without.boxes, other.boxes)
    assert not torch.equal(without.boxes, with_steps.boxes)


def test_steps_that_lead_nowhere_cost_no_look() -> None:
    still, without = trace_of(stepping(torch.zeros(4)), 0.0), trace_of(stepping(), None)
    assert (still.moves < stepping().num_actions).all()
    assert set(map(tuple, still.boxes[0].tolist())) & set(map(tuple, without.boxes[0].tolist()))
