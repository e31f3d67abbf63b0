import json
from pathlib import Path

import pytest
import torch

from benchmarks import walk
from benchmarks.published import Walk, as_json, parse
from benchmarks.walk import BUDGETS, WAYS, Subject, curve_of, trace_of
from benchmarks.walk_windows import Grid, oracle_walks, random_walks, sliding_windows
from objloc.box import iou
from objloc.data.store import SampleStore
from objloc.evaluation.metrics import BudgetPoint, DataName, ModelName
from objloc.mdp.action import Moves
from objloc.network.q_network import QNetwork
from objloc.params import Agent, Encoder, Head, Learning, Mdp, Search
from objloc.search.budgeted import Searcher
from tests.helpers.budgeted_searches import make_sample, promising_network
from tests.helpers.budgeted_searches import make_store as store_of
from tests.helpers.stores import make_store

MDP = Mdp(step_size=0.3, zooms=True, min_side=0.05)
AGENT = Agent(
    mdp=MDP,
    encoder=Encoder(image_size=64, widths=(4, 8), cell_width=4, category_channels=2, pool=3),
    head=Head(hidden=(8,), presence=True, learned_steps=True, learned_zooms=True),
    learning=Learning(backup="all_actions", discount=0.0, loss="logistic"),
)
LOOKS = 14


@pytest.fixture(scope="module")
def store() -> SampleStore:
    return make_store(6)


@pytest.fixture(scope="module")
def network() -> QNetwork:
    return promising_network(AGENT)


@pytest.fixture(scope="module")
def subject(store: SampleStore, network: QNetwork) -> Subject:
    searcher = Searcher(network, MDP, Search(first_starts=1, least_presence=0.0))
    return Subject(store, searcher, LOOKS, Grid.fitted(store, LOOKS, (1.0, 0.5)).windows)


@pytest.mark.parametrize("name", WAYS)
def test_every_way_takes_the_looks_that_it_has_and_no_more(name: str, subject: Subject) -> None:
    (point,) = curve_of(subject, WAYS[name][1](subject))
    assert point.budget == LOOKS
    assert 1 <= point.windows <= LOOKS
    if name in ("grid", "grid_steps", "grid_looks", "random"):
        assert point.windows == LOOKS


def test_an_oracle_covers_more_than_a_grid_and_chance(subject: Subject) -> None:
    recall = {
        name: curve_of(subject, WAYS[name][1](subject))[0].recall_50
        for name in ("grid", "random", "oracle")
    }
    assert recall["oracle"] == 1.0
    assert recall["random"] < 1.0


def test_sliding_windows_lie_a_quarter_of_their_side_apart_and_cover_the_image() -> None:
    windows = sliding_windows((1.0, 0.5))
    # One place of the long side, five of the short one, along each axis.
    assert len(windows) == 36
    small = windows[(windows[:, 2] - windows[:, 0] < 0.6) & (windows[:, 3] - windows[:, 1] < 0.6)]
    assert len(small) == 25
    assert small[:5, 0].tolist() == [0, 0.125, 0.25, 0.375, 0.5]
    assert windows[:, :2].min() == 0
    assert windows[:, 2:].max() == 1


def test_a_grid_begins_with_the_window_that_covers_most_and_goes_on_with_what_is_left() -> None:
    left, right, low = (0.0, 0.0, 40.0, 80.0), (60.0, 0.0, 100.0, 80.0), (0.0, 40.0, 100.0, 80.0)
    samples = [make_sample(f"{n}", ("cat", left), ("?dog", low)) for n in range(3)]
    samples += [make_sample(f"{n}", ("dog", right)) for n in range(3, 5)]
    grid = Grid.fitted(store_of(*samples), 3, (1.0, 0.5)).windows
    # Three objects lie left and two right; difficult ones do not count.
    assert grid[0].tolist() == [0.0, 0.0, 0.5, 1.0]
    assert grid[1].tolist() == [0.5, 0.0, 1.0, 1.0]
    assert len(grid) == 3


def test_random_walks_begin_with_the_whole_image_and_are_of_moves() -> None:
    sizes = torch.tensor([[100.0, 80.0], [60.0, 90.0]], dtype=torch.float64)
    boxes = random_walks(sizes, MDP, 13, torch.Generator().manual_seed(3))
    limit = sizes.repeat(1, 2)
    whole = torch.tensor([0.0, 0.0, 1.0, 1.0]) * limit
    # Ten moves, and the next walk begins: here the whole image is the only start window.
    assert torch.equal(boxes[:, 0], whole)
    assert torch.equal(boxes[:, 11], whole)
    moves = Moves(MDP)
    for look in (*range(1, 11), 12):
        ways = moves.every(boxes[:, look - 1], sizes)[:, :-1]
        assert (ways == boxes[:, look, None]).all(dim=2).any(dim=1).all()
    again = random_walks(sizes, MDP, 13, torch.Generator().manual_seed(3))
    assert torch.equal(boxes, again)


def test_an_oracle_climbs_to_one_object_after_another() -> None:
    one, two = (10.0, 10.0, 30.0, 30.0), (60.0, 40.0, 95.0, 75.0)
    hard = ("?cat", (0.0, 0.0, 8.0, 8.0))
    store = store_of(make_sample("a", ("cat", one), ("dog", two), hard), make_sample("b"))
    boxes, number = oracle_walks(store, torch.tensor([0, 1]), MDP, 40)
    assert number[1] == 1
    seen = boxes[0, : number[0]]
    assert 2 < number[0] < 40
    for target in (one, two):
        best = iou(seen, torch.tensor(target, dtype=torch.float64))
        assert best.max() > 0.5
    assert (boxes[0, number[0] :] == seen[-1]).all()
    short, cut = oracle_walks(store, torch.tensor([0]), MDP, 3)
    assert cut.tolist() == [3]
    assert torch.equal(short[0], boxes[0, :3])


def test_boxes_of_a_one_shot_detector_are_moved_and_keep_their_scores(subject: Subject) -> None:
    still = list(WAYS["grid"][1](subject))
    moved = list(WAYS["grid_steps"][1](subject))
    assert [category for category, _ in moved] == [0, 1]
    for category, trace in moved:
        assert trace.q_values.shape[2] == 1
        torch.testing.assert_close(trace.q_values[:, :, 0], still[0][1].q_values[:, :, category])
        assert not torch.equal(trace.boxes, still[0][1].boxes)
    with torch.no_grad():
        plain = promising_network(
            AGENT.model_copy(
                update={"head": AGENT.head.model_copy(update={"learned_steps": False})}
            )
        )
    unmoved = Subject(subject.store, Searcher(plain, MDP, Search()), LOOKS, subject.grid)
    for _, trace in WAYS["grid_steps"][1](unmoved):
        torch.testing.assert_close(trace.boxes, still[0][1].boxes)


def test_windows_beyond_the_real_ones_count_for_nothing(store: SampleStore) -> None:
    boxes = store.boxes[:2, :1].repeat(1, 3, 1)
    trace = trace_of(boxes, torch.ones(2, 3, 2, 4), torch.tensor([3, 1]))
    assert trace.visited().tolist() == [[True, True, True], [True, False, False]]
    assert trace.trigger_values[1, 1:].isinf().all()


def some_figures() -> Walk:
    points = tuple(
        BudgetPoint.model_validate(
            {"budget": looks, "windows": looks - 0.5, "recall_0.5": looks / 1000,
             "recall_0.6": 0.2, "recall_0.7": 0.1, "ap_triggered": 0.1, "ap_attended": 0.3}
        )
        for looks in (14, *BUDGETS)
    )  # fmt: skip
    return Walk(
        data=DataName(name="voc2007", hash="0" * 64),
        model=ModelName(sha256="1" * 64, categories=("cat", "dog")),
        image_set="test", images=1000, updates=600, ways=dict.fromkeys(WAYS, points),
    )  # fmt: skip


def test_the_table_has_a_line_for_each_way_and_budget(tmp_path: Path) -> None:
    found = some_figures()
    lines = walk.walk_table(found).splitlines()
    assert len(lines) == 2 + len(WAYS) * len(BUDGETS)
    assert lines[2] == "| its own search | 31 | 30 | 3.1 | 20.0 | 10.0 | 30.0 |"
    assert "first 1,000 images of test at 320 px, 2 categories" in found.protocol
    path = tmp_path / "walk.json"
    path.write_text(json.dumps(as_json(found)))
    assert parse(Walk, path.read_text()) == found
    walk.draw(found, tmp_path / "walk.png")
    assert (tmp_path / "walk.png").stat().st_size > 10_000
