import math
from dataclasses import fields, replace

import pytest
import torch

from objloc.data.store import SampleStore
from objloc.errors import ObjlocError
from objloc.evaluation.budget_curve import BudgetCurve, DetectionRules, detections_of
from objloc.evaluation.metrics import StepsToTrigger
from objloc.network.value_range import TriggerRange
from objloc.params import Evaluate, Mdp, Search
from objloc.search.budgeted import Searcher
from objloc.search.trace import SearchTrace
from tests.helpers.budgeted_searches import AGENT, BUDGET, MDP, promising_network, trace_of
from tests.helpers.stores import make_store

RULES = DetectionRules(0.3)


@pytest.fixture(scope="module")
def store() -> SampleStore:
    return make_store(6)


def hand_made(store: SampleStore) -> SearchTrace:
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
    return SearchTrace(
        boxes, torch.tensor([2, 2]), values[..., None], triggered, depth, depth - 2,
        none, none[..., None],
    )  # fmt: skip


def test_detections_are_scored_by_the_triggers_value(store: SampleStore) -> None:
    found = detections_of(hand_made(store), store, torch.tensor([0, 1]), RULES)
    assert found["triggered"]["cat"].scores.tolist() == [2.0]
    assert len(found["triggered"]["dog"]) == 0
    assert found["attended"]["dog"].scores.tolist()[0] == 1.0
    one = detections_of(
        hand_made(store), store, torch.tensor([0, 1]), DetectionRules(0.3, per_image=1)
    )
    assert sum(len(each) for each in one["attended"].values()) == 2  # one an image


def test_overlapping_windows_get_lower_scores_and_triggered_ones_are_not(
    store: SampleStore,
) -> None:
    trace = hand_made(store)
    # A second window on the cat, and a trigger on it.
    trace.boxes[0, 0] = trace.boxes[0, 1]
    trace.trigger_values[0, 0, 0] = 1.5
    trace.triggered[0, 0, 0] = 1
    images = torch.tensor([0, 1])
    hard = detections_of(trace, store, images, RULES)
    soft = detections_of(
        trace, store, images, DetectionRules(0.3, 100, 0.5, TriggerRange(-3.0, 3.0))
    )
    assert hard["attended"]["cat"].scores.tolist()[0] == 2.0
    lowered = -3 + 4.5 * math.exp(-1 / 0.5)
    assert soft["attended"]["cat"].scores.tolist()[:2] == [2.0, pytest.approx(lowered)]
    assert soft["triggered"]["cat"].scores.tolist() == [2.0]


def test_a_curve_counts_windows_recall_and_precision_by_budget(store: SampleStore) -> None:
    two = replace(
        store,
        image_ids=store.image_ids[:2],
        sizes=store.sizes[:2],
        boxes=store.boxes[:2],
        object_category=store.object_category[:2],
        difficult=store.difficult[:2],
    )
    curve = BudgetCurve(two, RULES, 3)
    curve.add([curve.part_of(hand_made(two), torch.arange(2))])
    summary = curve.summary()
    (point,) = summary.curve
    assert point.budget == 3
    assert point.windows == 2.0
    assert point.recall_70 == 1.0
    assert point.ap_triggered == 0.5  # the cat is found, the dog is not triggered on
    assert point.ap_attended == 1.0
    assert summary.triggers_per_image == 0.5
    assert summary.steps_to_trigger == StepsToTrigger(median=2.0, mean=2.0)
    first = detections_of(hand_made(two), two, torch.tensor([0, 1]), RULES, budget=1)
    assert len(first["triggered"]["cat"]) == 0
    assert len(curve.detections()["triggered"]["cat"]) == 1


def test_categories_may_come_one_by_one_with_windows_of_their_own(store: SampleStore) -> None:
    two = store.first(2)
    whole = hand_made(two)
    together, apart = BudgetCurve(two, RULES, 3), BudgetCurve(two, RULES, 3)
    together.add([together.part_of(whole, torch.arange(2))])
    for category in range(2):
        for image in range(2):
            rows, columns = slice(image, image + 1), slice(category, category + 1)
            alone = {each.name: getattr(whole, each.name)[rows] for each in fields(whole)}
            alone |= {
                "q_values": whole.q_values[rows, :, columns],
                "triggered": whole.triggered[rows, :, columns],
            }
            part = apart.part_of(SearchTrace(**alone), torch.tensor([image]), category)
            apart.add([part])
    one, other = apart.summary(), together.summary()
    # Each category has looked at its own two windows.
    assert one.curve[0].windows == 2 * other.curve[0].windows == 4.0
    assert one.curve[0].model_copy(update={"windows": 2.0}) == other.curve[0]
    assert one.triggers_per_image == other.triggers_per_image
    assert one.steps_to_trigger == other.steps_to_trigger


def test_the_curve_of_a_search_is_that_of_its_batches(store: SampleStore) -> None:
    network = promising_network(AGENT)
    lines: list[str] = []
    searcher = Searcher(network, MDP, Search(least_presence=0.0))
    curve = BudgetCurve.of(store, searcher, RULES, BUDGET, lines.append)
    assert lines == [f"search with {BUDGET} looks: 6 of 6 images"]
    expected = BudgetCurve(store, RULES, BUDGET)
    expected.add([expected.part_of(trace_of(store, network), torch.arange(6))])
    assert curve.summary() == expected.summary()
    assert [point.budget for point in curve.summary().curve] == [14, 20, BUDGET]
    alike = BudgetCurve.of(store, searcher, RULES, BUDGET).summary()
    assert alike == curve.summary(), "the log changes nothing"


def test_rules_are_those_of_the_evaluation() -> None:
    params = Evaluate(nms=0.4, search=Search(detections_per_image=7, soft_nms=0.25))
    values = TriggerRange(-1.0, 2.0)
    assert DetectionRules.of(params, values) == DetectionRules(0.4, 7, 0.25, values)


def test_a_tree_is_refused_before_any_search_without_zooms() -> None:
    store = make_store(2)
    curve = BudgetCurve(store, RULES, BUDGET)
    searcher = Searcher(promising_network(AGENT), Mdp(), Search(order="tree"))
    with pytest.raises(ObjlocError, match="expected an agent with zooms and moves for a tree"):
        curve.jobs(store, searcher, lambda _: None)
