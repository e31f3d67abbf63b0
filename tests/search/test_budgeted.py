import math
from dataclasses import replace

import pytest
import torch

from objloc.box import iou
from objloc.data.store import SampleStore
from objloc.evaluation.budget_curve import Ledger, Overlapping, detections_of
from objloc.evaluation.metrics import StepsToTrigger
from objloc.mdp.action import Moves, actions_of, start_windows
from objloc.network.q_network import QNetwork, build_network
from objloc.network.value_range import TriggerRange
from objloc.network.windows import Windows
from objloc.params import Agent, Encoder, Head, Learning, Mdp, Search, Starts
from objloc.search.budgeted import search
from objloc.search.trace import Looks, Tasks, joined
from tests.helpers.budgeted_searches import promising_network
from tests.helpers.networks import windows_of
from tests.helpers.stores import make_store

MDP = Mdp(step_size=0.3, zooms=True, starts=((1, 1.0), (2, 0.6)), min_side=0.05)
AGENT = Agent(
    mdp=MDP,
    encoder=Encoder(image_size=64, widths=(4, 8), cell_width=4, category_channels=2, pool=3),
    head=Head(hidden=(8,), joint=(8,), presence=True),
    learning=Learning(backup="all_actions", discount=0.0, loss="logistic"),
)
BUDGET = 30


@pytest.fixture(scope="module")
def store() -> SampleStore:
    return make_store(6)


@pytest.fixture(scope="module")
def network() -> QNetwork:
    return promising_network(AGENT)


def looks_of(
    store: SampleStore,
    network: QNetwork,
    budget: int = BUDGET,
    batch: int = 64,
    **changes: float | Starts,
) -> Looks:
    params = Search().model_copy(update={"least_presence": 0.0} | changes)
    return joined(list(search(store, network, MDP, params, budget, batch)))


def test_the_first_looks_are_the_start_windows(store: SampleStore, network: QNetwork) -> None:
    looks = looks_of(store, network)
    starts = start_windows(MDP.starts)
    assert len(starts) == 5
    limit = torch.cat([store.sizes, store.sizes], dim=1)[:, None]
    torch.testing.assert_close(looks.boxes[:, :5] / limit, starts.expand(6, -1, -1))
    assert (looks.depth[:, :5] == 1).all()
    assert (looks.parent[:, :5] == -1).all()


def test_a_search_may_begin_elsewhere_than_the_agent_was_trained_to(
    store: SampleStore, network: QNetwork
) -> None:
    starts = ((1, 0.9), (3, 0.5))
    looks = looks_of(store, network, starts=starts)
    limit = torch.cat([store.sizes, store.sizes], dim=1)[:, None]
    torch.testing.assert_close(looks.boxes[:, :10] / limit, start_windows(starts).expand(6, -1, -1))
    assert (looks.parent[:, :10] == -1).all()


def test_later_start_windows_are_looked_through_while_searches_go_on(
    store: SampleStore, network: QNetwork
) -> None:
    looks = looks_of(store, network, first_starts=1, start_promise=0.6)
    limit = torch.cat([store.sizes, store.sizes], dim=1)[:, None]
    shares = looks.boxes / limit
    for row, number in enumerate(looks.number.tolist()):
        begun = (looks.parent[row, :number] == -1).nonzero()[:, 0].tolist()
        assert begun[0] == 0
        # Searches were on their way before the last start window came.
        assert begun[-1] > len(begun) - 1
        assert (looks.depth[row, begun] == 1).all()
        # Each start window is there, or one that is as good as it.
        for window in start_windows(MDP.starts):
            assert iou(window[None], shares[row, :number]).max() > 0.9


def test_a_search_keeps_to_its_budget_and_never_looks_twice_at_a_window(
    store: SampleStore, network: QNetwork
) -> None:
    looks = looks_of(store, network)
    assert (looks.number <= BUDGET).all()
    assert (looks.number > 5).all()
    for boxes, number in zip(looks.boxes, looks.number.tolist(), strict=True):
        mine = boxes[:number]
        overlap = iou(mine[5:, None], mine[None]) - torch.eye(number)[5:]
        assert float(overlap.max()) <= 0.9


@pytest.mark.parametrize(("triggering", "beyond"), [(True, True), (False, False), (False, True)])
def test_a_search_may_go_on_from_where_it_would_end(
    store: SampleStore, triggering: bool, beyond: bool
) -> None:
    network = promising_network(AGENT)
    with torch.no_grad():
        network.values.bias[len(actions_of(MDP)) - 1] += 50  # every window looks good enough
    ends = looks_of(store, network)
    assert (ends.number == len(start_windows(MDP.starts))).all()
    assert (ends.triggered > 0).any(dim=1).any(dim=1).all()
    params = Search(least_presence=0.0, beyond_triggers=beyond)
    on = joined(list(search(store, network, MDP, params, BUDGET, triggering=triggering)))
    assert (on.number > ends.number).all()
    assert ((on.triggered > 0).sum(dim=(1, 2)) > 1).all() == triggering
    assert (on.triggered > 0).any() == triggering


def test_every_window_is_reached_from_one_looked_at_before(
    store: SampleStore, network: QNetwork
) -> None:
    looks = looks_of(store, network)
    for image in range(6):
        for window in range(5, int(looks.number[image])):
            parent = int(looks.parent[image, window])
            assert 0 <= parent < window
            assert looks.depth[image, window] == looks.depth[image, parent] + 1


def test_one_image_is_searched_as_many_are(store: SampleStore, network: QNetwork) -> None:
    together, alone = looks_of(store, network), looks_of(store, network, batch=1)
    assert torch.equal(together.number, alone.number)
    torch.testing.assert_close(together.boxes, alone.boxes)
    assert torch.equal(together.triggered, alone.triggered)


def test_a_smaller_budget_gives_the_first_looks_of_a_larger(
    store: SampleStore, network: QNetwork
) -> None:
    # One search at a time: a round of several may be cut in its middle.
    large = looks_of(store, network, searches_per_round=1)
    small = looks_of(store, network, budget=12, searches_per_round=1)
    number = small.number
    for image in range(6):
        mine = slice(0, int(number[image]))
        torch.testing.assert_close(small.boxes[image, mine], large.boxes[image, mine])


def test_values_are_those_of_the_network(store: SampleStore, network: QNetwork) -> None:
    looks = looks_of(store, network)
    limit = torch.cat([store.sizes, store.sizes], dim=1)
    with torch.no_grad():
        views = network.encode(store.images[torch.arange(6)])
        shares = (looks.boxes[:, 7] / limit).float()[:, None]
        values = network(views, windows_of(shares, torch.arange(6)))
    real = looks.number > 7
    torch.testing.assert_close(looks.values[real, 7], values[real][..., -1])


def test_a_found_object_inhibits_searches_of_its_category_near_it(
    store: SampleStore, network: QNetwork
) -> None:
    with torch.no_grad():
        before = network.values.bias.clone()
        network.values.bias[len(actions_of(MDP)) - 1] += 50  # always triggers
    try:
        looks = looks_of(store, network, inhibition=0.2)
    finally:
        with torch.no_grad():
            network.values.bias.copy_(before)
    for image in range(6):
        for category in range(2):
            found = looks.boxes[image, (looks.triggered[image, :, category] > 0)]
            overlap = iou(found[:, None], found[None]) - torch.eye(len(found))
            assert float(overlap.max()) <= 0.2 or len(found) == 1


def test_only_what_is_searched_for_is_looked_for_and_triggered_on(
    store: SampleStore, network: QNetwork
) -> None:
    searched = torch.tensor([[True, False], [False, True], [False, False]])
    tasks = Tasks(torch.tensor([4, 1, 2]), searched)
    params = Search(least_presence=0.0)
    looks = joined(list(search(store, network, MDP, params, BUDGET, 2, tasks)))
    assert looks.number.tolist()[2] == 5, "the starts alone"
    assert min(looks.number.tolist()[:2]) > 5
    pulled = (looks.triggered > 0).any(dim=1)
    assert not (pulled & ~searched).any()
    # As if the other category were nowhere: its mask alone makes the difference.
    other = Tasks(tasks.images[:1], torch.tensor([[False, True]]))
    (otherwise,) = search(store, network, MDP, params, BUDGET, 2, other)
    assert not torch.equal(otherwise.boxes[0], looks.boxes[0])
    sizes = torch.cat([store.sizes, store.sizes], dim=1)[tasks.images]
    assert (looks.boxes[:, 0] == sizes * torch.tensor([0, 0, 1, 1])).all(), "the images asked for"
    # Values are for all categories, whatever is searched for.
    assert looks.values[0, :10].isfinite().all()


def test_everything_is_searched_for_unless_told(store: SampleStore, network: QNetwork) -> None:
    tasks = Tasks(torch.arange(6), torch.ones(6, 2, dtype=torch.bool))
    params = Search(least_presence=0.0)
    told = joined(list(search(store, network, MDP, params, BUDGET, tasks=tasks)))
    assert torch.equal(told.boxes, looks_of(store, network).boxes)


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
    tasks = Tasks(torch.tensor([0]), torch.tensor([[True, True]]))
    params = Search(least_presence=0.0, moves_per_look=moves, searches_per_round=1)
    (looks,) = search(store, network, agent.mdp, params, BUDGET, tasks=tasks)
    boxes, past = (torch.cat(each) for each in zip(*asked, strict=True))
    assert (past[:5] == -1).all(), "a start has done nothing"
    limit = store.sizes[0].repeat(2)
    size = store.sizes[:1]
    step = Moves(agent.mdp)
    lengths = set()
    for window in range(5, int(looks.number[0])):
        parent = int(looks.parent[0, window])
        # The parent's memory is the beginning of the window's; the rest leads from there.
        made = next(
            number
            for number in range(1, moves + 1)
            if torch.equal(past[window, : history - number], past[parent, number:])
            and torch.equal(_led(step, looks.boxes[0, parent], size, past[window, -number:]),
                            looks.boxes[0, window])
        )  # fmt: skip
        lengths.add(made)
        way = [*boxes[parent], *[
            (_led(step, looks.boxes[0, parent], size, past[window, history - made:][:done])
             / limit).float()
            for done in range(1, made + 1)
        ]]  # fmt: skip
        torch.testing.assert_close(boxes[window], torch.stack(way[-frames:]))
    assert lengths == {1} if moves == 1 else max(lengths) > 1


def _led(step: Moves, box: torch.Tensor, size: torch.Tensor, actions: torch.Tensor) -> torch.Tensor:
    for action in actions:
        box = step.apply(box[None], size, action[None])[0]
    return box


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
        return joined(list(search(store, network, mdp, params, BUDGET))).boxes

    assert torch.equal(boxes(3.0), boxes(3.0))
    assert not torch.equal(boxes(3.0), boxes(0.01))


def hand_made(store: SampleStore) -> Looks:
    """Of two images: the object itself at the second look, and the whole image."""
    boxes = torch.zeros(2, 3, 4, dtype=torch.float64)
    boxes[:, 0] = torch.tensor([0.0, 0.0, 120.0, 90.0])
    boxes[:, 1] = store.boxes[:2, 0]
    values = torch.full((2, 3, 2), -3.0)
    values[0, 1, 0], values[1, 1, 1] = 2.0, 1.0  # the first is a cat, the second a dog
    triggered = torch.zeros(2, 3, 2, dtype=torch.int64)
    triggered[0, 1, 0] = 2
    depth = torch.tensor([[1, 2, 0], [1, 2, 0]])
    none = torch.full((2, 3), -1)
    return Looks(
        boxes, torch.tensor([2, 2]), values, values[..., None], triggered, depth, depth - 2,
        none, none[..., None],
    )  # fmt: skip


def test_detections_are_scored_by_the_triggers_value(store: SampleStore) -> None:
    found = detections_of(hand_made(store), store, torch.tensor([0, 1]), Overlapping(0.3), 100)
    assert found["triggered"]["cat"].scores.tolist() == [2.0]
    assert len(found["triggered"]["dog"]) == 0
    assert found["attended"]["dog"].scores.tolist()[0] == 1.0
    one = detections_of(hand_made(store), store, torch.tensor([0, 1]), Overlapping(0.3), 1)
    assert sum(len(each) for each in one["attended"].values()) == 2  # one an image


def test_overlapping_windows_are_weakened_and_triggered_ones_are_not(store: SampleStore) -> None:
    looks = hand_made(store)
    # A second window on the cat, and a trigger on it.
    looks.boxes[0, 0] = looks.boxes[0, 1]
    looks.values[0, 0, 0] = 1.5
    looks.triggered[0, 0, 0] = 1
    images = torch.tensor([0, 1])
    hard = detections_of(looks, store, images, Overlapping(0.3), 100)
    soft = detections_of(looks, store, images, Overlapping(0.3, 0.5, TriggerRange(-3.0, 3.0)), 100)
    assert hard["attended"]["cat"].scores.tolist()[0] == 2.0
    weakened = -3 + 4.5 * math.exp(-1 / 0.5)
    assert soft["attended"]["cat"].scores.tolist()[:2] == [2.0, pytest.approx(weakened)]
    assert soft["triggered"]["cat"].scores.tolist() == [2.0]


def test_a_ledger_counts_windows_recall_and_precision_by_budget(store: SampleStore) -> None:
    two = replace(
        store,
        image_ids=store.image_ids[:2],
        sizes=store.sizes[:2],
        boxes=store.boxes[:2],
        object_category=store.object_category[:2],
        difficult=store.difficult[:2],
    )
    ledger = Ledger(two, Overlapping(0.3), 100, 3)
    ledger.add(hand_made(two))
    summary = ledger.summary()
    (point,) = summary.curve
    assert point.budget == 3
    assert point.windows == 2.0
    assert point.recall_70 == 1.0
    assert point.ap_triggered == 0.5  # the cat is found, the dog is not triggered on
    assert point.ap_attended == 1.0
    assert summary.triggers_per_image == 0.5
    assert summary.steps_to_trigger == StepsToTrigger(median=2.0, mean=2.0)
    first = detections_of(
        hand_made(two), two, torch.tensor([0, 1]), Overlapping(0.3), 100, budget=1
    )
    assert len(first["triggered"]["cat"]) == 0
