"""Rounds of a search: the windows of a naive search, by operations of fixed shapes."""

from collections.abc import Mapping
from typing import Any

import pytest
import torch

from objloc.data.store import SampleStore
from objloc.network.q_network import QNetwork
from objloc.params import Agent, Encoder, Head, Learning, Mdp, Search
from objloc.search.budgeted import BudgetedSearch, Searcher, run_budgeted_search
from objloc.search.trace import SearchTasks
from tests.helpers.budgeted_searches import promising_network
from tests.helpers.naive_search import NaiveSearch
from tests.helpers.stores import make_store
from tests.helpers.watching import Watch, force_stalling

MDP = Mdp(
    step_size=0.15,
    further_step_sizes=(0.4,),
    zooms=True,
    starts=((1, 1.0), (2, 0.6)),
    min_side=0.05,
)
AGENT = Agent(
    mdp=MDP,
    encoder=Encoder(
        image_size=64, widths=(4, 8), cell_width=4, category_channels=2, pool=3, frames=2
    ),
    head=Head(
        hidden=(8,), joint=(8,), presence=True, learned_steps=True, learned_zooms=True,
        action_history=3,
    ),
    learning=Learning(backup="all_actions", discount=0.0, loss="logistic"),
)  # fmt: skip
STORE = make_store(4)


@pytest.fixture(scope="module")
def network() -> QNetwork:
    made = promising_network(AGENT)
    with torch.no_grad():
        made.values.bias[made.num_actions - 1] += 2  # triggers now and then
    return made


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"first_starts": 1, "start_promise": 0.9},
        {"first_starts": 2, "searches_per_round": 1, "moves_per_look": 1},
        {"searches_per_round": 7, "branches": 4, "beyond_triggers": True, "inhibition": 0.3},
        {"learned_steps": 0.6, "zoom_inhibition": 0.9, "least_presence": 0.4},
        {"learned_steps": None, "learned_zooms": None, "branch_cost": 0.0},
        {"starts": ((2, 0.9), (1, 0.95)), "first_starts": 3, "learned_zooms": 0.5},
    ],
)
def test_windows_are_those_of_a_naive_search(
    network: QNetwork, settings: Mapping[str, Any]
) -> None:
    params = Search.model_validate({"least_presence": 0.0, **settings})
    searcher, budget = Searcher(network, MDP, params), 40
    searched = torch.tensor([[True, True], [True, True], [True, False], [False, True]])
    tasks = SearchTasks(torch.tensor([3, 0, 2, 1]), searched)
    (trace,) = run_budgeted_search(STORE, searcher, budget, tasks)
    triggers = 0
    for row, image in enumerate(tasks.images.tolist()):
        wanted = set(searched[row].nonzero()[:, 0].tolist())
        windows = NaiveSearch(STORE, searcher, image, budget, wanted).windows
        number = int(trace.num_windows[row])
        assert number == len(windows)
        torch.testing.assert_close(
            trace.boxes[row, :number],
            torch.stack([each.box for each in windows]),
            rtol=0,
            atol=1e-3,
        )
        for name in ("depth", "parent", "category"):
            found = getattr(trace, name)[row, :number].tolist()
            assert found == [getattr(each, name) for each in windows]
        moves = [[each for each in made if each >= 0] for made in trace.moves[row].tolist()]
        assert moves[:number] == [each.moves for each in windows]
        torch.testing.assert_close(
            trace.q_values[row, :number], torch.stack([each.q_values for each in windows]),
            rtol=1e-4, atol=1e-5,
        )  # fmt: skip
        expected = torch.zeros_like(trace.triggered[row])
        for window, each in enumerate(windows):
            for category, when in each.triggered.items():
                expected[window, category] = when
        assert torch.equal(trace.triggered[row], expected)
        triggers += int((expected > 0).sum())
    assert triggers > 0


def rounds(network: QNetwork, store: SampleStore, number: int) -> list[Watch]:
    """Watch the first rounds of a search as on a device that stalls when it is asked."""
    params = Search(least_presence=0.0, first_starts=1, moves_per_look=4)
    search = BudgetedSearch(
        store, Searcher(network, MDP, params), 60, SearchTasks.every(store), triggering=True
    )
    search.start()
    watches = []
    for _ in range(number):
        with Watch() as watch:
            search.round(60, 60)
        watches.append(watch)
    return watches


def test_no_round_waits_for_the_device_and_all_have_the_same_shapes(
    network: QNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    force_stalling(monkeypatch)
    first, *others = rounds(network, STORE, 6)
    assert len(first.done) > 100
    for watch in (first, *others):
        assert watch.stalls == []
        assert watch.done == first.done


def test_the_watch_sees_who_waits() -> None:
    numbers = torch.arange(4.0)
    with Watch() as watch:
        numbers[numbers > 1]
        (numbers > 1).nonzero()
        float(numbers.sum())
        numbers.masked_select(numbers > 1)
        numbers.unique()  # type: ignore[no-untyped-call]
        numbers.to("meta")
        numbers[numbers > 1] = numbers.sum()
    assert len(watch.stalls) >= 6


def test_the_network_looks_at_the_same_whether_idle_searches_are_shown_or_not(
    network: QNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    searcher = Searcher(network, MDP, Search(least_presence=0.0))
    (alone,) = run_budgeted_search(STORE, searcher, 40)
    force_stalling(monkeypatch)
    (padded,) = run_budgeted_search(STORE, searcher, 40)
    for name in ("boxes", "num_windows", "triggered", "depth", "parent", "category", "moves"):
        assert torch.equal(getattr(alone, name), getattr(padded, name))
    torch.testing.assert_close(alone.q_values, padded.q_values)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_a_round_on_a_gpu_does_not_synchronise_and_comes_to_the_same_windows() -> None:
    here, there = promising_network(AGENT), promising_network(AGENT).cuda()
    params = Search(least_presence=0.0)
    traces = []
    for each in (here, there):
        searcher = Searcher(each, MDP, params)
        search = BudgetedSearch(STORE, searcher, 60, SearchTasks.every(STORE), triggering=True)
        search.start()
        search.round(60, 60)
        if each is there:
            torch.cuda.set_sync_debug_mode("error")
        try:
            search.round(60, 60)
        finally:
            torch.cuda.set_sync_debug_mode("default")
        traces.append(search.run())
    for name in ("num_windows", "parent", "category", "moves"):
        assert torch.equal(getattr(traces[0], name), getattr(traces[1], name))
    torch.testing.assert_close(traces[0].boxes, traces[1].boxes, rtol=1e-4, atol=1e-2)
    torch.testing.assert_close(traces[0].q_values, traces[1].q_values, rtol=1e-3, atol=1e-4)
