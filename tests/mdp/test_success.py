import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from objloc.mdp.success import is_success
from objloc.params import SUCCESS_IOU, Evaluate, Schedule


@pytest.mark.parametrize(
    ("triggered", "iou", "expected"),
    [(True, 0.6, True), (True, 0.5, False), (True, 0.4, False), (False, 0.9, False)],
)
def test_success_is_a_trigger_above_the_threshold(
    triggered: bool, iou: float, expected: bool
) -> None:
    assert is_success(triggered, iou) is expected
    rows = is_success(torch.tensor([triggered]), torch.tensor([iou], dtype=torch.float64))
    assert rows.tolist() == [expected]


def test_the_threshold_may_be_another() -> None:
    assert is_success(True, 0.6, 0.5)
    assert not is_success(True, 0.6, 0.7)


def test_measuring_and_validating_ask_for_the_same_unless_told() -> None:
    assert Evaluate().iou_threshold == Schedule().success_iou == SUCCESS_IOU == 0.5


@given(st.lists(st.tuples(st.booleans(), st.sampled_from([0.0, 0.3, 0.5, 0.7, 1.0]))), st.data())
def test_many_episodes_are_judged_as_each_alone(
    episodes: list[tuple[bool, float]], data: st.DataObject
) -> None:
    threshold = data.draw(st.sampled_from([0.3, 0.5, 0.7]))
    triggered = torch.tensor([episode[0] for episode in episodes], dtype=torch.bool)
    iou = torch.tensor([episode[1] for episode in episodes], dtype=torch.float64)
    found = is_success(triggered, iou, threshold).tolist()
    assert found == [is_success(*episode, threshold) for episode in episodes]
    assert found == [wanted and value > threshold for wanted, value in episodes]
