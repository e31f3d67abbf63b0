from dataclasses import dataclass

import pytest
import torch

from objloc.data.image_batch import Images
from objloc.data.sample import Coordinates
from objloc.data.store import SampleStore
from objloc.diagnosis.misses import (
    Miss,
    Misses,
    NeverTriggering,
    continue_past_triggers,
    explain_misses,
)
from objloc.diagnosis.oracle import Reach, reach_of
from objloc.mdp.environment import Observation
from objloc.params import Mdp
from objloc.search.policy import Choice, RandomPolicy
from objloc.search.rollout import rollout
from tests.helpers.budgeted_searches import Episode, make_rollout, make_sample, make_store

CAT: Coordinates = (20, 20, 60, 60)
WHOLE: Coordinates = (0, 0, 100, 80)
RIGHT: Coordinates = (20, 20, 60, 50)  # IoU .75
BESIDE: Coordinates = (50, 20, 90, 60)  # IoU 1/7
AWAY: Coordinates = (70, 60, 100, 80)
NEW: Coordinates = (0, 0, 60, 80)  # IoU 1/3


def reach(store: SampleStore, best: float = 1.0) -> Reach:
    """What the oracle found: as good for every object."""
    found = reach_of(store, Mdp(max_steps=2), 1)
    return Reach(found.image, found.column, found.category, torch.full((len(found.image), 2), best))


def explain(
    store: SampleStore,
    *searches: Episode,
    later: Coordinates | None = None,
    best: float = 1.0,
) -> Misses:
    """Reasons of searches; ``later``: where a wrong trigger would have led in the end."""
    rollout = make_rollout(store, searches, limit=6)
    continued = rollout.boxes.clone()
    if later is not None:
        continued[:, -1] = torch.tensor(later, dtype=torch.float64)
    return explain_misses(store, rollout, continued, reach(store, best), 0.5)


def one_cat() -> SampleStore:
    return make_store(make_sample("a", ("cat", CAT)))


def triggered(*boxes: Coordinates) -> Episode:
    return Episode(0, 0, boxes, [0.0] * len(boxes))


def truncated(*boxes: Coordinates) -> Episode:
    return Episode(0, 0, boxes, [0.0] * (len(boxes) - 1), truncated=True)


@pytest.mark.parametrize(
    ("search", "reason"),
    [
        (triggered(WHOLE, RIGHT, AWAY), Miss.MISTIMED),  # an earlier window was right
        (triggered(WHOLE, BESIDE), Miss.BESIDE),
        (triggered(WHOLE, AWAY), Miss.ELSEWHERE),
        (truncated(WHOLE, NEW, RIGHT), Miss.NEVER_TRIGGERED),  # it ended on the object
        (truncated(WHOLE, NEW, RIGHT, NEW), Miss.NEVER_TRIGGERED),  # it circles over it
        (truncated(WHOLE, RIGHT, NEW, AWAY), Miss.LEFT),
        (truncated(WHOLE, RIGHT, AWAY, BESIDE, AWAY), Miss.LEFT),  # it circles elsewhere
        (truncated(WHOLE, NEW, BESIDE, NEW), Miss.CIRCLES),
        (truncated(WHOLE, AWAY, AWAY), Miss.CIRCLES),  # a move that is not allowed
        (truncated(WHOLE, NEW, BESIDE), Miss.OUT_OF_STEPS),
    ],
)
def test_a_search_that_fails_has_the_first_reason_that_applies(
    search: Episode, reason: Miss
) -> None:
    found = explain(one_cat(), search)
    assert (found.found.tolist(), found.reason.tolist()) == ([False], [reason])
    assert (found.search_failed.tolist(), found.search_reason.tolist()) == ([True], [reason])


def test_a_trigger_was_too_early_if_going_on_would_have_led_to_the_object() -> None:
    assert explain(one_cat(), triggered(WHOLE, BESIDE)).reason.item() == Miss.BESIDE
    early = explain(one_cat(), triggered(WHOLE, BESIDE), later=RIGHT)
    assert early.reason.item() == Miss.MISTIMED


def test_what_the_oracle_does_not_reach_is_no_fault_of_the_agent() -> None:
    assert explain(one_cat(), triggered(WHOLE, AWAY), best=0.5).reason.item() == Miss.OUT_OF_REACH
    # But what the agent itself looked at is within reach.
    seen = explain(one_cat(), triggered(WHOLE, RIGHT, AWAY), best=0.5)
    assert seen.reason.item() == Miss.MISTIMED


def test_a_right_trigger_finds_one_object_and_misses_the_others() -> None:
    store = make_store(make_sample("a", ("cat", AWAY), ("cat", CAT), ("cat", RIGHT)))
    found = explain(store, triggered(WHOLE, CAT))
    # The window overlaps two cats by more than a half: the best-matching one is found.
    assert found.found.tolist() == [False, True, False]
    assert found.reason[[0, 2]].tolist() == [Miss.ANOTHER_OBJECT] * 2
    assert found.search_failed.tolist() == [False]


def test_of_two_objects_alike_one_is_found() -> None:
    store = make_store(make_sample("a", ("cat", CAT), ("cat", CAT)))
    found = explain(store, triggered(WHOLE, CAT))
    assert found.found.tolist() == [True, False]


def test_a_failed_search_has_the_reason_of_the_object_it_came_nearest_to() -> None:
    store = make_store(make_sample("a", ("cat", (0, 60, 10, 70)), ("cat", CAT)))
    found = explain(store, triggered(WHOLE, RIGHT, AWAY))
    assert found.reason.tolist() == [Miss.ELSEWHERE, Miss.MISTIMED]
    assert found.search_reason.tolist() == [Miss.MISTIMED]
    assert found.nearest.tolist() == pytest.approx([100 / 8000, 0.75])


def test_objects_that_were_not_searched_for_are_not_asked_about() -> None:
    store = make_store(
        make_sample("a", ("dog", CAT)), make_sample("b", ("cat", CAT), ("dog", AWAY))
    )
    found = explain(store, Episode(1, 0, [WHOLE, CAT], [0.0, 0.0]))
    assert found.column.tolist() == [0]
    assert found.found.tolist() == [True]


@dataclass
class Stubborn:
    """Triggers at once, though it would rather move right than left."""

    frames: int = 1
    action_history: int = 0

    def look(self, images: Images, rows: torch.Tensor) -> None:
        """It looks at nothing."""

    def forget(self) -> None:
        """It keeps nothing."""

    def act(
        self,
        observation: Observation,
        index: torch.Tensor,  # noqa: ARG002 - it looks at nothing
        sizes: torch.Tensor,  # noqa: ARG002
        generator: torch.Generator,  # noqa: ARG002
    ) -> Choice:
        values = torch.zeros(len(observation.image), 9)
        values[:, 6], values[:, 8] = 1.0, 2.0  # smaller; the trigger
        return Choice(values.argmax(dim=1), values)


def test_a_search_goes_on_with_its_best_move_where_it_triggered_on_a_wrong_window() -> None:
    store = make_store(make_sample("a", ("cat", CAT)), make_sample("b", ("cat", WHOLE)))
    mdp = Mdp(max_steps=4, step_size=0.2)
    tasks = torch.tensor([[0, 0], [1, 0]])
    searches = rollout(store, Stubborn(), mdp, tasks, torch.Generator())
    assert searches.steps.tolist() == [1, 1]
    boxes = continue_past_triggers(store, Stubborn(), mdp, searches, 0.5)
    # It shrinks by a fifth each time, round its middle.
    widths = (boxes[0, :, 2] - boxes[0, :, 0]).tolist()
    assert widths == pytest.approx([100, 80, 64, 51.2, 40.96])
    # The other was right, and stays as it is.
    assert torch.equal(boxes[1], searches.boxes[1])


def test_a_policy_without_trigger_never_ends_by_itself() -> None:
    store = one_cat()
    policy = NeverTriggering(Stubborn())
    searches = rollout(store, policy, Mdp(max_steps=3), torch.tensor([[0, 0]]), torch.Generator())
    assert searches.steps.tolist() == [3]
    assert not searches.terminated.any()
    assert searches.actions.tolist() == [[6, 6, 6]]


def test_every_miss_of_a_random_agent_is_in_one_bin() -> None:
    boxes: list[Coordinates] = [(5.0 * k, 3.0 * k, 30.0 + 6 * k, 25.0 + 5 * k) for k in range(10)]
    store = make_store(
        *(make_sample(str(k), ("cat", box), ("cat", AWAY)) for k, box in enumerate(boxes))
    )
    mdp = Mdp(max_steps=20)
    tasks = torch.tensor([[k, 0] for k in range(10)])
    searches = rollout(store, RandomPolicy(9), mdp, tasks, torch.Generator().manual_seed(1))
    found = explain_misses(store, searches, searches.boxes, reach_of(store, mdp, 8), 0.5)
    assert len(found.reason) == 20
    assert set(found.reason[~found.found].tolist()) <= {int(each) for each in Miss}
    right = searches.terminated & (searches.final_iou > 0.5)
    assert torch.equal(found.search_failed, ~right)
    assert found.found.sum() == right.sum()
