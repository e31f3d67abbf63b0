import pytest
import torch

from objloc.data.sample import Coordinates
from objloc.data.store import SampleStore
from objloc.diagnosis.curves_by_windows import (
    NEVER,
    budgets,
    curves_of,
    limited,
    mean_recall,
    spend,
)
from objloc.evaluation.detections import objects_of
from tests.helpers.budgeted_searches import Episode, make_rollout, make_sample, make_store

CAT: Coordinates = (20, 20, 60, 60)
DOG: Coordinates = (60, 10, 90, 70)
WHOLE: Coordinates = (0, 0, 100, 80)


def searched() -> tuple[SampleStore, list[Episode]]:
    """The cat is looked at in the second window and triggered on in the third."""
    store = make_store(
        make_sample("a", ("cat", CAT), ("?cat", DOG)), make_sample("b", ("dog", DOG))
    )
    return store, [
        Episode(0, 0, [WHOLE, CAT, CAT], [0.1, 0.9, 0.9]),
        Episode(0, 1, [WHOLE, DOG], [0.1], truncated=True),
        Episode(1, 0, [WHOLE, WHOLE], [0.2, 0.2]),
        Episode(1, 1, [WHOLE, WHOLE, DOG, CAT], [0.1, 0.1, 0.8, 0.9]),
    ]


def test_budgets_end_at_the_step_limit() -> None:
    assert budgets(1) == (1,)
    assert budgets(8) == (1, 2, 3, 4, 5, 7, 8)
    assert budgets(50)[-2:] == (40, 50)


def test_a_search_cut_short_has_not_triggered() -> None:
    store, searches = searched()
    cut = limited(make_rollout(store, searches), 2)
    assert cut.steps.tolist() == [2, 1, 2, 2]
    assert cut.terminated.tolist() == [False, False, True, False]


def test_curves_by_windows_are_those_counted_by_hand() -> None:
    store, searches = searched()
    windows = (1, 2, 3, 4)
    parts = [
        spend(store, make_rollout(store, some), windows, 0.3)
        for some in (searches[:2], searches[2:])
    ]
    curves = curves_of(store, objects_of(store), parts)
    assert list(curves.windows) == [1, 2, 3, 4]
    # The cat is looked at second, the dog of b third; the dog of a is none, a's cat at
    # the dog's place is difficult.
    assert list(curves.recall) == pytest.approx([0, 0.5, 1, 1])
    # A trigger on the cat counts with the third window; the one on b's dog is wrong.
    assert list(curves.ap_triggered) == pytest.approx([0, 0, 0.5, 0.5])
    # b's window on the dog outranks all others of dogs until the fourth, which is wrong.
    assert list(curves.ap_attended) == pytest.approx([0, 0.5, 1, 0.5 + 0.25])


def test_the_last_budget_is_the_whole_search() -> None:
    store, searches = searched()
    rollout = make_rollout(store, searches)
    part = spend(store, rollout, (4,), 0.3)
    whole = spend(store, rollout, (99,), 0.3)
    for category in store.categories:
        assert part.triggered[4][category].boxes.tolist() == (
            whole.triggered[99][category].boxes.tolist()
        )
    assert part.first_hit[0].tolist() == [2, NEVER]


def test_difficult_objects_stay_out_of_recall_and_empty_categories_out_of_its_mean() -> None:
    store = make_store(make_sample("a", ("cat", CAT), ("?cat", DOG)))
    assert mean_recall(store, torch.tensor([[True, False]])) == 1.0
    assert mean_recall(store, torch.tensor([[False, True]])) == 0.0
