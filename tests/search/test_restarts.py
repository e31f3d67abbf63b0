import pytest
import torch

from objloc.data.store import SampleStore
from objloc.errors import ObjlocError
from objloc.mdp.action import Moves, actions_of, start_windows
from objloc.network.ensemble import Ensemble
from objloc.network.q_network import QNetwork
from objloc.network.windows import Windows
from objloc.params import Agent, Encoder, Head, Learning, Mdp, Search
from objloc.search.budgeted import Searcher
from objloc.search.restarts import hide, run_restarts
from objloc.search.trace import SearchTrace
from tests.helpers.budgeted_searches import promising_network
from tests.helpers.stores import make_store

MDP = Mdp(starts=((1, 1.0), (2, 0.75)), max_steps=4, min_side=0.05)
AGENT = Agent(
    mdp=MDP,
    encoder=Encoder(image_size=64, widths=(4, 8), cell_width=4, pool=3),
    head=Head(hidden=(8,), action_history=3),
    learning=Learning(backup="sampled"),
)
BUDGET = 25


@pytest.fixture(scope="module")
def store() -> SampleStore:
    return make_store(5)


def network_that_triggers(bias: float) -> QNetwork:
    network = promising_network(AGENT)
    actions = len(actions_of(MDP))
    with torch.no_grad():
        network.values.bias[actions - 1 :: actions] += bias
    return network


def traces(store: SampleStore, network: QNetwork, **changes: object) -> list[SearchTrace]:
    """A trace for each category."""
    searcher = Searcher(network, MDP, Search().model_copy(update=changes))
    found = list(run_restarts(store, searcher, BUDGET))
    assert [category for category, _ in found] == [0, 1]
    return [trace for _, trace in found]


def plainly(store: SampleStore, network: QNetwork, image: int, category: int) -> list[list[float]]:
    """The windows of one search, step by step, with a cross over what was found."""
    moves, trigger = Moves(MDP), len(actions_of(MDP)) - 1
    size = store.sizes[image : image + 1]
    limit = size.repeat(1, 2)
    starts = start_windows(MDP.starts)
    with torch.no_grad():
        views = network.encode(store.images[torch.tensor([image])])
    episode, seen = 0, []
    while True:
        number = 0 if episode == 0 else 1 + (episode - 1) % 4
        box, past = starts[number : number + 1] * limit, [-1, -1, -1]
        for _ in range(MDP.max_steps):
            seen.append(box[0].tolist())
            if len(seen) == BUDGET:
                return seen
            windows = Windows(
                torch.tensor([0]), (box / limit).float()[:, None], torch.tensor([past])
            )
            with torch.no_grad():
                action = int(network(views, windows)[0, category].argmax())
            if action == trigger:
                hide(views, torch.tensor([0]), (box / limit).float(), 0.2)
                break
            box = moves.apply(box, size, torch.tensor([action]))
            past = [*past[1:], action]
        episode += 1


@pytest.mark.parametrize("bias", [-50.0, 1.0, 50.0])
def test_a_search_is_one_episode_after_another(store: SampleStore, bias: float) -> None:
    network = network_that_triggers(bias)
    for category, trace in enumerate(traces(store, network)):
        assert (trace.num_windows == BUDGET).all()
        for image in range(len(store)):
            expected = torch.tensor(plainly(store, network, image, category))
            torch.testing.assert_close(trace.boxes[image], expected.double())


def test_an_agent_that_never_triggers_takes_the_start_windows_in_turn(store: SampleStore) -> None:
    trace = traces(store, network_that_triggers(-50.0))[0]
    assert not trace.triggered.any()
    begun = trace.parent[0] < 0
    assert begun.nonzero()[:, 0].tolist() == [0, 4, 8, 12, 16, 20, 24]
    limit = torch.cat([store.sizes[0], store.sizes[0]])
    starts = start_windows(MDP.starts)[[0, 1, 2, 3, 4, 1, 2]]
    torch.testing.assert_close(trace.boxes[0, begun] / limit, starts)
    assert trace.depth[0, :6].tolist() == [1, 2, 3, 4, 1, 2]
    assert (trace.moves[0, begun] == -1).all()
    assert (trace.moves[0, ~begun] >= 0).all()


def test_a_trigger_notes_the_look_and_ends_the_episode(store: SampleStore) -> None:
    trace = traces(store, network_that_triggers(50.0))[1]
    assert (trace.triggered[:, :, 0] == torch.arange(1, BUDGET + 1)).all()
    assert (trace.depth == 1).all()


def test_a_found_object_is_hidden_from_the_episodes_after(store: SampleStore) -> None:
    network = network_that_triggers(50.0)
    hidden, seen = traces(store, network)[0], traces(store, network, cross=None)[0]
    # The whole image is looked at once; the four others come again after it.
    torch.testing.assert_close(hidden.q_values[:, 0], seen.q_values[:, 0])
    assert not torch.allclose(hidden.q_values[:, 1], seen.q_values[:, 1])
    torch.testing.assert_close(seen.q_values[:, 1], seen.q_values[:, 5])


def test_a_cross_has_two_bars_as_long_as_the_window_and_one_cell_wide_at_least() -> None:
    views = torch.ones(2, 3, 8, 8)
    hide(views, torch.tensor([1]), torch.tensor([[0.25, 0.0, 0.75, 1.0]]), 0.25)
    assert (views[0] == 1).all()
    assert (views[1] == views[1, :1]).all()
    assert [f"{''.join('.#'[int(cell == 0)] for cell in row)}" for row in views[1, 0]] == [
        "...##...",
        "...##...",
        "...##...",
        "..####..",
        "..####..",
        "...##...",
        "...##...",
        "...##...",
    ]
    hide(views, torch.tensor([0]), torch.tensor([[0.0, 0.0, 0.2, 0.2]]), 0.0)
    assert (views[0] == 0).any()


def test_several_networks_cannot_be_crossed_out(store: SampleStore) -> None:
    together = Ensemble([promising_network(AGENT), promising_network(AGENT)]).eval()
    with pytest.raises(ObjlocError, match=r"expected best_first or tree .*; found restarts"):
        list(run_restarts(store, Searcher(together, MDP, Search()), BUDGET))
