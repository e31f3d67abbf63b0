import builtins
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from objloc.data.sample import Coordinates
from objloc.errors import ObjlocError
from objloc.search.result import Found, Result
from objloc.search.trajectory import Step, Trajectory, VisitedWindow

ACTIONS = ("smaller", "trigger")


def made(category: str, box: Coordinates, score: float, triggered: bool = True) -> Trajectory:
    """A search of two steps."""
    first = Step((0.0, 0.0, 200.0, 100.0), (1.5, 0.5), "smaller", 0.0, 0.0)
    last = Step(box, (0.25, score), ACTIONS[triggered], 0.0, 0.0)
    return Trajectory("photo", category, ACTIONS, (first, last), box, 0.0, triggered)


CAT = made("cat", (10.0, 20.0, 50.0, 70.0), 2.0)
DOG = made("dog", (0.0, 0.0, 200.0, 100.0), -1.0)
NONE = made("dog", (1.0, 2.0, 3.0, 4.0), 9.0, triggered=False)
RESULT = Result(
    "photo",
    Image.new("RGB", (200, 100)),
    ("cow", "dog", "cat"),
    ACTIONS,
    tuple(Found(each.category, each.final_box, each.score, each) for each in (CAT, DOG)),
    (NONE, DOG, CAT),
)
EMPTY = Result("photo", Image.new("RGB", (9, 9)), ("cat",), ACTIONS, (), (NONE,))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("xyxy", [[10, 20, 50, 70], [0, 0, 200, 100]]),
        ("xywh", [[10, 20, 40, 50], [0, 0, 200, 100]]),
        ("xyxyn", [[0.05, 0.2, 0.25, 0.7], [0, 0, 1, 1]]),
        ("voc", [[11, 21, 50, 70], [1, 1, 200, 100]]),
    ],
)
def test_boxes_come_in_named_formats(name: str, expected: list[list[float]]) -> None:
    boxes = getattr(RESULT, name)
    assert boxes.tolist() == expected
    assert boxes.dtype == np.float64
    assert getattr(EMPTY, name).shape == (0, 4)


def test_a_result_shows_itself_in_one_line() -> None:
    assert repr(RESULT) == "Result('photo': cat 2.00, dog -1.00; 6 windows)"
    assert repr(EMPTY) == "Result('photo': nothing; 2 windows)"
    many = repr(replace(RESULT, found=RESULT.found * 9))
    assert many.count("dog") == 5
    assert many.endswith("dog -1.00 and 8 more; 6 windows)")
    assert repr(RESULT.found[0]) == "Found(category='cat', box=(10.0, 20.0, 50.0, 70.0), score=2.0)"


def test_labels_scores_and_windows_are_those_of_the_boxes() -> None:
    assert (RESULT.labels, RESULT.scores.tolist()) == (["cat", "dog"], [2.0, -1.0])
    assert (len(RESULT), RESULT.windows) == (2, 6)
    assert (EMPTY.labels, EMPTY.scores.shape, len(EMPTY)) == ([], (0,), 0)


def test_json_has_each_search_once() -> None:
    told = RESULT.as_json()
    assert (told["image"], told["width"], told["height"], told["windows"]) == ("photo", 200, 100, 6)
    assert told["actions"] == ["smaller", "trigger"]
    assert [box["category"] for box in told["boxes"]] == ["cat", "dog"]
    assert told["boxes"][0] == {
        "category": "cat",
        "score": 2.0,
        "steps": 2,
        "xyxy": [10, 20, 50, 70],
        "voc": [11, 21, 50, 70],
        "trajectory": [
            {
                "xyxy": [0, 0, 200, 100],
                "category": "cat",
                "action": "smaller",
                "further": [],
                "values": [1.5, 0.5],
            },
            {
                "xyxy": [10, 20, 50, 70],
                "category": "cat",
                "action": "trigger",
                "further": [],
                "values": [0.25, 2.0],
            },
        ],
    }
    (other,) = told["without_box"]
    assert (other["category"], other["triggered"], other["steps"]) == ("dog", False, 2)
    assert (told["searched"], told["seen"]) == ([], [])


def test_json_of_a_search_with_a_budget_has_every_window_seen() -> None:
    first = VisitedWindow((0.0, 0.0, 200.0, 100.0), -1, None, (), (0.25,), ())
    second = VisitedWindow((10.0, 20.0, 50.0, 70.0), 0, "cat", ("smaller",), (2.0,), ("cat",))
    result = replace(RESULT, searched=("cow", "cat"), seen=(first, second))
    assert (result.windows, result.missing) == (2, ["cow"])
    told = result.as_json()
    assert told["windows"] == 2
    assert told["searched"] == ["cow", "cat"]
    assert told["seen"] == [
        {"xyxy": [0, 0, 200, 100], "parent": -1, "category": "", "actions": [], "scores": [0.25],
         "triggered": []},
        {"xyxy": [10, 20, 50, 70], "parent": 0, "category": "cat", "actions": ["smaller"],
         "scores": [2.0], "triggered": ["cat"]},
    ]  # fmt: skip


def test_boxes_go_to_supervision() -> None:
    pytest.importorskip("supervision")
    detections = RESULT.to_supervision()
    assert detections.xyxy.tolist() == RESULT.xyxy.tolist()
    assert detections.confidence.tolist() == [2.0, -1.0]
    assert detections.class_id.tolist() == [2, 1]
    assert detections.data["class_name"].tolist() == ["cat", "dog"]
    assert len(EMPTY.to_supervision()) == 0


def test_without_supervision_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def refuse(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "supervision":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.delitem(sys.modules, "supervision", raising=False)
    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(ObjlocError, match=r"pip install 'objloc\[supervision\]'"):
        RESULT.to_supervision()
