"""Which detections and objects are shown as the worst, by a table computed by hand."""

import pytest

from objloc.data.sample import Coordinates
from objloc.diagnosis.tide import Status, diagnose
from objloc.diagnosis.worst import largest_overlooked, surest_alarms
from tests.helpers.claims import NEAR_A, NOWHERE, OFF_A, A, B, claims, truth

SIZES = {"i": (100.0, 100.0), "j": (100.0, 50.0)}
WHOLE_J: Coordinates = (0, 0, 100, 50)
CATS = truth(("i", A), ("i", B), ("j", WHOLE_J))
DOGS = truth(("i", (50, 50, 60, 65)), ("j", A))


def test_false_alarms_come_the_surest_first_with_what_they_truly_are() -> None:
    objects = {"cat": CATS, "dog": DOGS}
    detections = {
        "cat": claims(("i", 3, A), ("i", 2.5, OFF_A), ("i", 2, NEAR_A), ("j", 1, NOWHERE)),
        "dog": claims(("i", 2.2, B), ("j", 0.5, OFF_A)),
    }
    found = surest_alarms(diagnose(detections, objects), objects, 10)
    # The dog's window lies on its own object by 100 / 150; j's dog is found; of the
    # cats in i only the duplicate is shown, the surest.
    assert [(each.category, each.image_id, each.status, each.on) for each in found] == [
        ("cat", "i", Status.DUPLICATE, "cat"),
        ("cat", "j", Status.BACKGROUND, ""),
    ]
    assert found[0].iou == pytest.approx(0.8)
    assert found[0].truth == A
    assert found[0].box == OFF_A
    assert (found[1].truth, found[1].iou) == (None, 0.0)


def test_an_alarm_on_another_category_tells_which() -> None:
    objects = {"cat": truth(("j", A)), "dog": truth(("i", B))}
    detections = {"cat": claims(("i", 2, B)), "dog": claims()}
    (alarm,) = surest_alarms(diagnose(detections, objects), objects, 10)
    assert (alarm.status, alarm.on, alarm.truth, alarm.iou) == (Status.CLASS, "dog", B, 1.0)


def test_no_more_alarms_are_shown_than_asked_for() -> None:
    objects = {"cat": truth(), "dog": truth()}
    detections = {"cat": claims(("i", 1, A), ("j", 2, A)), "dog": claims(("j", 3, A))}
    found = surest_alarms(diagnose(detections, objects), objects, 2)
    assert [(each.category, each.score) for each in found] == [("dog", 3.0), ("cat", 2.0)]


def test_missed_objects_come_the_largest_of_each_image_first_with_the_nearest_window() -> None:
    objects = {"cat": CATS, "dog": DOGS}
    detections = {"cat": claims(("i", 3, A), ("j", 2, (0, 0, 40, 50))), "dog": claims()}
    found = largest_overlooked(diagnose(detections, objects), objects, SIZES, 10)
    # In i the dog (150 pixels) is larger than the cat at B; the cat at A is found.
    assert [(each.category, each.image_id) for each in found] == [("cat", "j"), ("dog", "i")]
    assert found[0].share == 1.0
    assert found[0].iou == pytest.approx(0.4)
    assert [each.nearest for each in found] == [(0, 0, 40, 50), None]
    assert found[1].share == pytest.approx(0.015)
    assert found[1].iou == 0.0
    assert len(largest_overlooked(diagnose(detections, objects), objects, SIZES, 1)) == 1


def test_a_difficult_object_is_not_missed() -> None:
    objects = {"cat": truth(("i", A), ("i", B), difficult=(0,))}
    found = largest_overlooked(diagnose({"cat": claims()}, objects), objects, SIZES, 10)
    assert [each.box for each in found] == [B]
