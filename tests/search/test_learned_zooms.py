"""Zooms of learned extent: where a search goes by them."""

import pytest
import torch

from objloc.box import quarters
from objloc.mdp.action import Moves
from objloc.network.q_network import QNetwork
from objloc.network.valuer import NUM_STEPS, QUARTERS, STEP_UNIT
from objloc.params import Agent, Encoder, Head, Learning, Mdp, Search
from objloc.search.budgeted import Searcher, run_budgeted_search
from objloc.search.trace import SearchTrace
from tests.helpers.budgeted_searches import promising_network
from tests.helpers.stores import make_store

AGENT = Agent(
    mdp=Mdp(step_size=0.3, zooms=True, starts=((1, 1.0), (2, 0.6)), min_side=0.05),
    encoder=Encoder(image_size=64, widths=(4, 8), cell_width=4, category_channels=2, pool=3),
    head=Head(hidden=(8,), presence=True, learned_steps=True, learned_zooms=True),
    learning=Learning(backup="all_actions", discount=0.0, loss="logistic", step_iou=0.3),
)
STORE = make_store(6)
STEPS = torch.tensor([0.1, -0.2, -0.3, 0.1])
WIDTH = QUARTERS * (1 + NUM_STEPS)


def zooming(quarter: int, chance: float = 0.9) -> QNetwork:
    """A network that sees something in one quarter of every window, in the same place."""
    network = promising_network(AGENT)
    first = network.num_actions + 1
    numbers = torch.full((QUARTERS, 1 + NUM_STEPS), -9.0)
    numbers[quarter, 0] = torch.logit(torch.tensor(chance))
    numbers[quarter, 1:] = STEPS / STEP_UNIT
    with torch.no_grad():
        network.values.weight[first : first + WIDTH] = 0
        network.values.bias[first : first + WIDTH] = numbers.flatten()
        network.values.weight[-NUM_STEPS:] = 0
        network.values.bias[-NUM_STEPS:] = 0  # steps lead nowhere
    return network


def trace_of(network: QNetwork, **params: float | None) -> SearchTrace:
    settings = Search.model_validate({"least_presence": 0.0, **params})
    searcher = Searcher(network, AGENT.mdp, settings)
    return SearchTrace.concatenate(run_budgeted_search(STORE, searcher, 30))


def by_zooms(network: QNetwork, trace: SearchTrace) -> torch.Tensor:
    return (trace.moves[..., 0] == network.num_actions + 1) & trace.visited()


@pytest.mark.parametrize("quarter", range(QUARTERS))
def test_a_search_looks_where_a_zoom_leads(quarter: int) -> None:
    network = zooming(quarter)
    trace = trace_of(network, learned_zooms=3.0)
    image, window = by_zooms(network, trace).nonzero(as_tuple=True)
    assert len(image) > 10
    parents = trace.boxes[image, trace.parent[image, window]]
    begin = quarters(parents)[:, quarter]
    expected = Moves(AGENT.mdp).by(begin, STORE.sizes[image], STEPS.double().expand(len(image), -1))
    torch.testing.assert_close(trace.boxes[image, window], expected)


def test_a_search_need_not_zoom_by_them() -> None:
    network = zooming(0)
    assert not by_zooms(network, trace_of(network, learned_zooms=None)).any()


def test_unlikely_zooms_are_not_made() -> None:
    network = zooming(0, chance=0.2)
    trace = trace_of(network, learned_zooms=3.0, least_presence=0.3)
    assert not by_zooms(network, trace).any()
    assert by_zooms(network, trace_of(network, learned_zooms=3.0, least_presence=0.1)).any()


def test_no_zoom_leads_to_where_the_category_was_looked_for() -> None:
    network = zooming(3)
    fewer, more = (
        by_zooms(network, trace_of(network, learned_zooms=3.0, zoom_inhibition=overlap)).sum()
        for overlap in (0.05, 0.9)
    )
    assert 0 < fewer < more
