import pytest
import torch

from objloc.data.store import SampleStore
from objloc.mdp.action import Moves
from objloc.network.q_network import QNetwork, build_network
from objloc.network.windows import Windows
from objloc.params import Agent, Search
from objloc.search.budgeted import Searcher, run_budgeted_search
from objloc.search.trace import SearchTasks, SearchTrace
from tests.helpers.budgeted_searches import AGENT, BUDGET, promising_network, trace_of
from tests.helpers.networks import windows_of
from tests.helpers.stores import make_store


@pytest.fixture(scope="module")
def store() -> SampleStore:
    return make_store(6)


@pytest.fixture(scope="module")
def network() -> QNetwork:
    return promising_network(AGENT)


def test_the_windows_of_a_smaller_budget_are_the_first_ones(
    store: SampleStore, network: QNetwork
) -> None:
    trace = trace_of(store, network)
    for budget in (None, 3, BUDGET + 1):
        visited = trace.visited(budget)
        expected = trace.num_windows.clamp(max=BUDGET if budget is None else budget)
        assert torch.equal(visited.sum(dim=1), expected)
        assert (visited.int().diff(dim=1) <= 0).all(), "the real windows come first"


def test_the_triggers_values_are_those_of_the_last_action(
    store: SampleStore, network: QNetwork
) -> None:
    trace = trace_of(store, network)
    assert torch.equal(trace.trigger_values, trace.q_values[:, :, :, network.num_actions - 1])


def test_traces_of_batches_are_concatenated_in_their_order(
    store: SampleStore, network: QNetwork
) -> None:
    one = trace_of(store, network, batch=1)
    for name in ("num_windows", "triggered", "parent", "category", "moves", "depth"):
        assert torch.equal(getattr(one, name), getattr(trace_of(store, network), name))


def test_tasks_are_split_into_batches() -> None:
    tasks = SearchTasks(torch.tensor([4, 1, 2]), torch.eye(3, dtype=torch.bool))
    parts = list(tasks.split(2))
    assert [part.images.tolist() for part in parts] == [[4, 1], [2]]
    assert torch.equal(torch.cat([part.searched for part in parts]), tasks.searched)


def test_values_are_those_of_the_network(store: SampleStore, network: QNetwork) -> None:
    trace = trace_of(store, network)
    limit = torch.cat([store.sizes, store.sizes], dim=1)
    with torch.no_grad():
        views = network.encode(store.images[torch.arange(6)])
        shares = (trace.boxes[:, 7] / limit).float()[:, None]
        values = network(views, windows_of(shares, torch.arange(6)))
    real = trace.num_windows > 7
    torch.testing.assert_close(trace.trigger_values[real, 7], values[real][..., -1])


def remembering(frames: int, history: int) -> tuple[Agent, QNetwork]:
    encoder = AGENT.encoder.model_copy(update={"frames": frames})
    head = AGENT.head.model_copy(update={"action_history": history})
    agent = AGENT.model_copy(update={"encoder": encoder, "head": head})
    made = build_network(agent, ("cat", "dog"), torch.Generator().manual_seed(1)).eval()
    with torch.no_grad():
        made.values.weight *= 8
    return agent, made


@pytest.mark.parametrize("moves", [1, 4])
def test_each_look_remembers_the_windows_and_actions_that_led_to_it(
    store: SampleStore, monkeypatch: pytest.MonkeyPatch, moves: int
) -> None:
    frames, history = 3, 5
    agent, network = remembering(frames, history)
    asked: list[tuple[torch.Tensor, torch.Tensor]] = []
    outputs = network.outputs

    def spied(views: torch.Tensor, windows: Windows) -> torch.Tensor:
        asked.append((windows.boxes, windows.action_history))
        return outputs(views, windows)

    monkeypatch.setattr(network, "outputs", spied)
    tasks = SearchTasks(torch.tensor([0]), torch.tensor([[True, True]]))
    params = Search(least_presence=0.0, moves_per_look=moves, searches_per_round=1)
    (trace,) = run_budgeted_search(store, Searcher(network, agent.mdp, params), BUDGET, tasks)
    boxes, past = (torch.cat(each) for each in zip(*asked, strict=True))
    assert (past[:5] == -1).all(), "a start has done nothing"
    limit = store.sizes[0].repeat(2)
    size = store.sizes[:1]
    step = Moves(agent.mdp)
    lengths = set()
    for window in range(5, int(trace.num_windows[0])):
        parent = int(trace.parent[0, window])
        # The parent's memory is the beginning of the window's; the rest leads from there.
        made = next(
            number
            for number in range(1, moves + 1)
            if torch.equal(past[window, : history - number], past[parent, number:])
            and torch.equal(_led(step, trace.boxes[0, parent], size, past[window, -number:]),
                            trace.boxes[0, window])
        )  # fmt: skip
        lengths.add(made)
        way = [*boxes[parent], *[
            (_led(step, trace.boxes[0, parent], size, past[window, history - made:][:done])
             / limit).float()
            for done in range(1, made + 1)
        ]]  # fmt: skip
        torch.testing.assert_close(boxes[window], torch.stack(way[-frames:]))
    assert lengths == {1} if moves == 1 else max(lengths) > 1


def _led(step: Moves, box: torch.Tensor, size: torch.Tensor, actions: torch.Tensor) -> torch.Tensor:
    for action in actions:
        box = step.apply(box[None], size, action[None])[0]
    return box


def test_windows_that_agree_outvote_a_single_surer_one() -> None:
    boxes = torch.tensor(
        [[[0.0, 0, 10, 10], [50, 50, 60, 60], [51, 50, 61, 60], [50, 51, 60, 61], [0, 0, 9, 9]]]
    ).double()
    none = torch.zeros(1, 5, dtype=torch.int64)
    values = torch.zeros(1, 5, 1, 1)
    trace = SearchTrace(
        boxes, torch.tensor([4]), values, values.long()[..., 0], none, none, none, none[..., None]
    )
    chances = torch.tensor([[0.9, 0.5, 0.5, 0.5, 5.0]])
    assert trace.consensus(chances).tolist() == [1], "the last was not visited"
    assert trace.consensus(chances * torch.tensor([1.0, 0, 0, 1, 1])).tolist() == [0]
    # No chance is above 1.
    assert trace.consensus(chances + torch.tensor([4.0, 0, 0, 0, 0])).tolist() == [1]
