from dataclasses import replace

import numpy as np
import pytest
import torch

from objloc.box import iou
from objloc.diagnosis.oracle import beam_search, reach_of, reached_detections
from objloc.evaluation.average_precision import precision_recall, voc2007
from objloc.evaluation.detections import objects_of
from objloc.mdp.action import Moves
from objloc.params import Mdp
from tests.helpers.budgeted_searches import make_sample, make_store

WHOLE = torch.tensor([[0.0, 0.0, 1.0, 1.0]], dtype=torch.float64)
OBJECTS = torch.tensor(
    [[10, 10, 50, 40], [60, 5, 95, 75], [0, 0, 20, 15], [30, 30, 34, 70]], dtype=torch.float64
)
SIZES = torch.tensor([[100.0, 80.0]], dtype=torch.float64)


def brute_force(target: torch.Tensor, moves: Moves, depth: int) -> list[float]:
    """The best IoU within 0, 1, … moves: every way there is, none left out."""
    boxes = torch.cat([torch.zeros(1, 2), SIZES], dim=1).double()
    best = [float(iou(boxes, target))]
    for _ in range(depth):
        boxes = moves.every(boxes, SIZES.expand(len(boxes), 2))[:, :-1].flatten(0, 1)
        best.append(max(best[-1], *iou(boxes, target).tolist()))
    assert len(boxes) == (len(moves.actions) - 1) ** depth
    return best


@pytest.mark.parametrize("actions", ["paper", "dissertation"])
def test_a_beam_wide_enough_finds_what_trying_every_way_does(actions: str) -> None:
    moves = Moves(Mdp.model_validate({"actions": actions, "step_size": 0.3}))
    found = beam_search(OBJECTS, SIZES.expand(4, 2), moves, 3, 10_000, WHOLE)
    for row, target in enumerate(OBJECTS):
        assert found[row].tolist() == pytest.approx(brute_force(target, moves, 3), abs=1e-12)


def test_a_narrow_beam_finds_no_more_than_a_wide_one_and_never_forgets() -> None:
    moves = Moves(Mdp())
    widths = [beam_search(OBJECTS, SIZES.expand(4, 2), moves, 12, w, WHOLE) for w in (1, 4, 400)]
    assert bool((widths[0][:, -1] < widths[2][:, -1]).any())
    assert bool((widths[1] <= widths[2] + 1e-12).all())
    for found in widths:
        assert bool((found.diff(dim=1) >= 0).all())


def test_one_object_is_searched_as_among_many() -> None:
    moves = Moves(Mdp())
    together = beam_search(OBJECTS, SIZES.expand(4, 2), moves, 8, 5, WHOLE)
    alone = [beam_search(OBJECTS[[row]], SIZES, moves, 8, 5, WHOLE) for row in range(4)]
    assert torch.equal(together, torch.cat(alone))


def test_a_search_ends_where_no_window_is_new() -> None:
    # Every move is forbidden: the window stays as it is.
    moves = Moves(Mdp(min_side=0.99))
    found = beam_search(OBJECTS, SIZES.expand(4, 2), moves, 5, 8, WHOLE)
    assert torch.equal(found, found[:, :1].expand(-1, 6))


def test_searches_may_begin_at_several_windows() -> None:
    starts = torch.tensor([[0.0, 0.0, 1.0, 1.0], [0.1, 0.125, 0.5, 0.5]], dtype=torch.float64)
    moves = Moves(Mdp())
    found = beam_search(OBJECTS[:1], SIZES, moves, 3, 4, starts)
    assert found[0, 0] == pytest.approx(1.0)  # the second start is the object


def test_the_step_limit_keeps_a_step_for_the_trigger() -> None:
    store = make_store(make_sample("a", ("cat", (10, 10, 50, 40))))
    assert reach_of(store, Mdp(max_steps=1), 8).iou.tolist() == [[pytest.approx(1200 / 8000)]]
    assert reach_of(store, Mdp(max_steps=6), 8).iou.shape == (1, 6)


def test_each_search_has_its_nearest_object_and_unknown_categories_none() -> None:
    store = make_store(
        make_sample("a", ("cat", (10, 10, 50, 40)), ("cat", (0, 0, 3, 3)), ("cow", (0, 0, 99, 79))),
        make_sample("b", ("?dog", (60, 5, 95, 75))),
    )
    reach = reach_of(store, Mdp(), 16)
    assert list(zip(reach.image.tolist(), reach.column.tolist(), strict=True)) == [
        (0, 0), (0, 1), (1, 0),
    ]  # fmt: skip
    table = reach.of_searches(2, 2)
    assert table[0, 0] == reach.best[0] > reach.best[1]
    assert table[0, 1] == 0
    assert table[1, 1] == reach.best[2]


def test_what_the_oracle_claims_is_what_it_reached_and_not_difficult() -> None:
    store = make_store(
        make_sample("a", ("cat", (10, 10, 50, 40)), ("cat", (60, 5, 95, 75))),
        make_sample("b", ("?cat", (60, 5, 95, 75)), ("dog", (20, 20, 80, 60))),
    )
    reach = reach_of(store, Mdp(), 8)
    iou_of = reach.iou.clone()
    iou_of[:, -1] = torch.tensor([0.6, 0.8, 0.9, 0.4])
    reach = replace(reach, iou=iou_of)
    every = reached_detections(store, reach, one=False)
    assert every["cat"].boxes.tolist() == [[10, 10, 50, 40], [60, 5, 95, 75]]
    assert len(every["dog"]) == 0
    nearest = reached_detections(store, reach, one=True)
    assert nearest["cat"].boxes.tolist() == [[60, 5, 95, 75]]
    curve = precision_recall(nearest["cat"], objects_of(store)["cat"])
    assert curve is not None
    # Half of the two objects: the recalls 0 to .5 have precision 1.
    assert voc2007(curve) == pytest.approx(6 / 11)
    assert np.all(every["cat"].scores == 1)
