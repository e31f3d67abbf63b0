import pytest
import torch

from objloc.box import iou
from objloc.data.store import SampleStore
from objloc.mdp.action import actions_of, start_windows
from objloc.network.q_network import QNetwork, build_network
from objloc.params import Search
from objloc.search.budgeted import Searcher, run_budgeted_search
from objloc.search.trace import SearchTasks, SearchTrace
from tests.helpers.budgeted_searches import AGENT, BUDGET, MDP, promising_network, trace_of
from tests.helpers.stores import make_store


@pytest.fixture(scope="module")
def store() -> SampleStore:
    return make_store(6)


@pytest.fixture(scope="module")
def network() -> QNetwork:
    return promising_network(AGENT)


def test_the_first_looks_are_the_start_windows(store: SampleStore, network: QNetwork) -> None:
    trace = trace_of(store, network)
    starts = start_windows(MDP.starts)
    assert len(starts) == 5
    limit = torch.cat([store.sizes, store.sizes], dim=1)[:, None]
    torch.testing.assert_close(trace.boxes[:, :5] / limit, starts.expand(6, -1, -1))
    assert (trace.depth[:, :5] == 1).all()
    assert (trace.parent[:, :5] == -1).all()


def test_a_search_may_begin_elsewhere_than_the_agent_was_trained_to(
    store: SampleStore, network: QNetwork
) -> None:
    starts = ((1, 0.9), (3, 0.5))
    trace = trace_of(store, network, starts=starts)
    limit = torch.cat([store.sizes, store.sizes], dim=1)[:, None]
    torch.testing.assert_close(trace.boxes[:, :10] / limit, start_windows(starts).expand(6, -1, -1))
    assert (trace.parent[:, :10] == -1).all()


def test_later_start_windows_are_looked_through_while_searches_go_on(
    store: SampleStore, network: QNetwork
) -> None:
    trace = trace_of(store, network, first_starts=1, start_promise=0.6)
    limit = torch.cat([store.sizes, store.sizes], dim=1)[:, None]
    shares = trace.boxes / limit
    for row, number in enumerate(trace.num_windows.tolist()):
        begun = (trace.parent[row, :number] == -1).nonzero()[:, 0].tolist()
        assert begun[0] == 0
        # Searches were on their way before the last start window came.
        assert begun[-1] > len(begun) - 1
        assert (trace.depth[row, begun] == 1).all()
        # Each start window is there, or one that is as good as it.
        for window in start_windows(MDP.starts):
            assert iou(window[None], shares[row, :number]).max() > 0.9


def test_a_search_keeps_to_its_budget_and_never_looks_twice_at_a_window(
    store: SampleStore, network: QNetwork
) -> None:
    trace = trace_of(store, network)
    assert (trace.num_windows <= BUDGET).all()
    assert (trace.num_windows > 5).all()
    for boxes, number in zip(trace.boxes, trace.num_windows.tolist(), strict=True):
        mine = boxes[:number]
        overlap = iou(mine[5:, None], mine[None]) - torch.eye(number)[5:]
        assert float(overlap.max()) <= 0.9


@pytest.mark.parametrize(("triggering", "beyond"), [(True, True), (False, False), (False, True)])
def test_a_search_may_go_on_from_where_it_would_end(
    store: SampleStore, triggering: bool, beyond: bool
) -> None:
    network = promising_network(AGENT)
    with torch.no_grad():
        network.values.bias[len(actions_of(MDP)) - 1] += 50  # every window trace good enough
    ends = trace_of(store, network)
    assert (ends.num_windows == len(start_windows(MDP.starts))).all()
    assert (ends.triggered > 0).any(dim=1).any(dim=1).all()
    params = Search(least_presence=0.0, beyond_triggers=beyond)
    on = SearchTrace.concatenate(
        run_budgeted_search(store, Searcher(network, MDP, params), BUDGET, triggering=triggering)
    )
    assert (on.num_windows > ends.num_windows).all()
    assert ((on.triggered > 0).sum(dim=(1, 2)) > 1).all() == triggering
    assert (on.triggered > 0).any() == triggering


def test_every_window_is_reached_from_one_looked_at_before(
    store: SampleStore, network: QNetwork
) -> None:
    trace = trace_of(store, network)
    for image in range(6):
        for window in range(5, int(trace.num_windows[image])):
            parent = int(trace.parent[image, window])
            assert 0 <= parent < window
            assert trace.depth[image, window] == trace.depth[image, parent] + 1


def test_one_image_is_searched_as_many_are(store: SampleStore, network: QNetwork) -> None:
    together, alone = trace_of(store, network), trace_of(store, network, batch=1)
    assert torch.equal(together.num_windows, alone.num_windows)
    torch.testing.assert_close(together.boxes, alone.boxes)
    assert torch.equal(together.triggered, alone.triggered)


def test_a_smaller_budget_gives_the_first_looks_of_a_larger(
    store: SampleStore, network: QNetwork
) -> None:
    # One search at a time: a round of several may be cut in its middle.
    large = trace_of(store, network, searches_per_round=1)
    small = trace_of(store, network, budget=12, searches_per_round=1)
    number = small.num_windows
    for image in range(6):
        mine = slice(0, int(number[image]))
        torch.testing.assert_close(small.boxes[image, mine], large.boxes[image, mine])


def test_a_found_object_inhibits_searches_of_its_category_near_it(
    store: SampleStore, network: QNetwork
) -> None:
    with torch.no_grad():
        before = network.values.bias.clone()
        network.values.bias[len(actions_of(MDP)) - 1] += 50  # always triggers
    try:
        trace = trace_of(store, network, inhibition=0.2)
    finally:
        with torch.no_grad():
            network.values.bias.copy_(before)
    for image in range(6):
        for category in range(2):
            found = trace.boxes[image, (trace.triggered[image, :, category] > 0)]
            overlap = iou(found[:, None], found[None]) - torch.eye(len(found))
            assert float(overlap.max()) <= 0.2 or len(found) == 1


def test_only_what_is_searched_for_is_looked_for_and_triggered_on(
    store: SampleStore, network: QNetwork
) -> None:
    searched = torch.tensor([[True, False], [False, True], [False, False]])
    tasks = SearchTasks(torch.tensor([4, 1, 2]), searched)
    params = Search(least_presence=0.0)
    trace = SearchTrace.concatenate(
        run_budgeted_search(store, Searcher(network, MDP, params), BUDGET, tasks, 2)
    )
    assert trace.num_windows.tolist()[2] == 5, "the starts alone"
    assert min(trace.num_windows.tolist()[:2]) > 5
    pulled = (trace.triggered > 0).any(dim=1)
    assert not (pulled & ~searched).any()
    # As if the other category were nowhere: its mask alone makes the difference.
    other = SearchTasks(tasks.images[:1], torch.tensor([[False, True]]))
    (otherwise,) = run_budgeted_search(store, Searcher(network, MDP, params), BUDGET, other, 2)
    assert not torch.equal(otherwise.boxes[0], trace.boxes[0])
    sizes = torch.cat([store.sizes, store.sizes], dim=1)[tasks.images]
    assert (trace.boxes[:, 0] == sizes * torch.tensor([0, 0, 1, 1])).all(), "the images asked for"
    # Values are for all categories, whatever is searched for.
    assert trace.trigger_values[0, :10].isfinite().all()


def test_everything_is_searched_for_unless_asked_otherwise(
    store: SampleStore, network: QNetwork
) -> None:
    tasks = SearchTasks(torch.arange(6), torch.ones(6, 2, dtype=torch.bool))
    params = Search(least_presence=0.0)
    asked = SearchTrace.concatenate(
        run_budgeted_search(store, Searcher(network, MDP, params), BUDGET, tasks)
    )
    assert torch.equal(asked.boxes, trace_of(store, network).boxes)


def test_a_trigger_without_bounds_is_measured_by_its_reward(store: SampleStore) -> None:
    # Its share of the reward counts beside presence: the greater the reward, the less
    # a difference of values weighs, and the order of looking follows presence.
    learning = AGENT.learning.model_copy(update={"loss": "huber"})
    agent = AGENT.model_copy(update={"learning": learning})
    network = build_network(agent, ("cat", "dog"), torch.Generator().manual_seed(1)).eval()
    assert network.bounds is None
    params = Search(least_presence=0.0, presence_weight=0.5)

    def boxes(reward: float) -> torch.Tensor:
        mdp = MDP.model_copy(update={"trigger_reward": reward})
        return SearchTrace.concatenate(
            run_budgeted_search(store, Searcher(network, mdp, params), BUDGET)
        ).boxes

    assert torch.equal(boxes(3.0), boxes(3.0))
    assert not torch.equal(boxes(3.0), boxes(0.01))
