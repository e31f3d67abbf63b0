import math

import pytest
import torch

from objloc.box import iou
from objloc.data.store import SampleStore
from objloc.mdp.action import LEARNED_STEP, LEARNED_ZOOM, names_of
from objloc.params import Mdp
from objloc.search.rollout import rollout
from objloc.search.trace import SearchTrace
from objloc.search.trajectory import Step, TraceReader, Trajectory, trajectories_of
from tests.helpers.stores import make_store
from tests.search.test_rollout import Planned

MDP = Mdp(max_steps=3)
ACTIONS = names_of(MDP)
SMALLER, TRIGGER = 6, 8


@pytest.fixture(scope="module")
def store() -> SampleStore:
    return make_store(2)


def test_the_trajectories_of_a_rollout_are_its_episodes_step_by_step(store: SampleStore) -> None:
    tasks = torch.tensor([[0, 0], [1, 1]])
    episodes = rollout(store, Planned(SMALLER, SMALLER, SMALLER), MDP, tasks, torch.Generator())
    truncated, triggered = trajectories_of(episodes, store, MDP)
    assert (truncated.image_id, truncated.category) == ("000000", "cat")
    assert (triggered.image_id, triggered.category) == ("000001", "dog")
    assert [step.action for step in truncated.steps] == ["smaller"] * 3
    assert [step.action for step in triggered.steps] == ["trigger"]
    assert (truncated.terminated, triggered.terminated) == (False, True)
    assert truncated.steps[0].box == (0.0, 0.0, 120.0, 90.0)
    for number, step in enumerate(truncated.steps):
        assert step.iou == float(episodes.iou[0, number])
        after = float(episodes.iou[0, number + 1])
        assert step.reward == (1.0 if after > step.iou else -1.0)
        assert step.q_values == tuple(episodes.q_values[0, number].tolist())
    assert triggered.steps[0].reward == -MDP.trigger_cost, "the whole image is no dog"
    assert truncated.final_box == tuple(episodes.boxes[0, 3].tolist())
    assert triggered.score == 1.0
    assert truncated.windows_at_trigger == triggered.windows_at_trigger == 0


def traced(store: SampleStore) -> SearchTrace:
    """Four windows of the first image: two starts, and a way from the first.

    The third was reached for a dog by two moves, the fourth from there for a cat by learned
    steps. The cat is triggered on first in the fourth, then in the second.
    """
    boxes = torch.zeros(2, 4, 4, dtype=torch.float64)
    boxes[0, 0] = torch.tensor([0.0, 0.0, 120.0, 90.0])
    boxes[0, 1] = torch.tensor([0.0, 0.0, 60.0, 45.0])
    boxes[0, 2] = torch.tensor([10.0, 10.0, 100.0, 80.0])
    boxes[0, 3] = store.boxes[0, 0]
    q_values = torch.arange(2 * 4 * 2 * 9, dtype=torch.float32).view(2, 4, 2, 9)
    triggered = torch.zeros(2, 4, 2, dtype=torch.int64)
    triggered[0, 3, 0], triggered[0, 1, 0] = 4, 5
    moves = torch.full((2, 4, 2), -1)
    moves[0, 2] = torch.tensor([SMALLER, 1])
    moves[0, 3, 0] = len(ACTIONS)
    return SearchTrace(
        boxes=boxes,
        num_windows=torch.tensor([4, 0]),
        q_values=q_values,
        triggered=triggered,
        depth=torch.tensor([[1, 1, 2, 3], [0] * 4]),
        parent=torch.tensor([[-1, -1, 0, 2], [-1] * 4]),
        category=torch.tensor([[-1, -1, 1, 0], [-1] * 4]),
        moves=moves,
    )


def test_the_trajectories_of_a_trace_are_the_ways_to_its_triggers(store: SampleStore) -> None:
    trace = traced(store)
    way, start = TraceReader(trace, store, MDP).trajectories()
    assert (way.category, start.category) == ("cat", "cat")
    assert (way.windows_at_trigger, start.windows_at_trigger) == (4, 5)
    assert way.terminated
    assert way.actions == ACTIONS
    assert [step.box for step in way.steps] == [
        tuple(trace.boxes[0, window].tolist()) for window in (0, 2, 3)
    ]
    assert [step.action for step in way.steps] == ["smaller", LEARNED_STEP, "trigger"]
    assert [step.further for step in way.steps] == [(ACTIONS[1],), (), ()]
    assert [step.category for step in way.steps] == ["dog", None, None]
    # The values are of the category for which the step was taken.
    assert way.steps[0].q_values == tuple(trace.q_values[0, 0, 1].tolist())
    assert way.score == float(trace.q_values[0, 3, 0, -1])
    assert all(math.isnan(step.reward) for step in way.steps)
    truth = store.boxes[0, 0]
    assert [step.iou for step in way.steps] == [
        float(iou(trace.boxes[0, window], truth)) for window in (0, 2, 3)
    ]
    assert way.final_iou == 1.0
    assert [step.action for step in start.steps] == ["trigger"]


def test_the_visited_windows_of_a_trace_are_records_in_their_order(store: SampleStore) -> None:
    trace = traced(store)
    first, second, third, fourth = TraceReader(trace, store, MDP).visited([1, 0])
    assert [each.parent for each in (first, second, third, fourth)] == [-1, -1, 0, 2]
    assert [each.category for each in (first, second, third, fourth)] == [None, None, "dog", "cat"]
    assert (first.actions, third.actions) == ((), ("smaller", ACTIONS[1]))
    assert fourth.actions == (LEARNED_STEP,)
    assert (second.triggered, third.triggered, fourth.triggered) == (("cat",), (), ("cat",))
    assert first.scores == tuple(trace.q_values[0, 0, [1, 0], -1].tolist())
    assert fourth.box == tuple(store.boxes[0, 0].tolist())
    assert list(TraceReader(trace, store, MDP, 1).visited([0])) == []


def test_a_learned_zoom_has_the_last_name(store: SampleStore) -> None:
    trace = traced(store)
    trace.moves[0, 3, 0] = len(ACTIONS) + 1
    assert list(TraceReader(trace, store, MDP).visited([0]))[3].actions == (LEARNED_ZOOM,)


def test_a_trajectory_scores_by_its_last_trigger_value() -> None:
    steps = tuple(
        Step((0.0, 0.0, 1.0, 1.0), (1.0, value), "trigger", 0.0, 0.0) for value in (3.0, 2.0)
    )
    run = Trajectory("x", "cat", ("smaller", "trigger"), steps, steps[0].box, 0.0, True)
    assert run.score == 2.0
