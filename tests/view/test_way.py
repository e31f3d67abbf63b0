import math

import pytest
from PIL import Image

from objloc.data.photograph import Photograph
from objloc.errors import ObjlocError
from objloc.search.localiser import Localiser
from objloc.search.result import Found, Look, Result, Search
from objloc.view.frames import frames
from objloc.view.way import search_within
from tests.helpers.subjects import make_checkpoint

PICTURE = Photograph("photo", Image.linear_gradient("L").resize((200, 100)).convert("RGB"))
ACTIONS = ("move_right", "smaller", "trigger")
LOOKS = (
    Look((0.0, 0.0, 200.0, 100.0), "smaller", (0.5, 1.0, -3.0), "dog", ("move_right",)),
    Look((100.0, 0.0, 200.0, 100.0), "trigger", (-1.0, -1.0, 2.0), "cat"),
)


@pytest.fixture
def agent(monkeypatch: pytest.MonkeyPatch) -> Localiser:
    """An agent that finds a cat in the right half, on a way made for a dog."""
    way = Search("cat", LOOKS, LOOKS[1].box, True, after=5)
    found = (Found("cat", LOOKS[1].box, 2.0, way),)
    result = Result("photo", PICTURE.image, ("cat", "dog"), ACTIONS, found, (way,), ("cat", "dog"))
    monkeypatch.setattr(Localiser, "__call__", lambda *_: result)
    return Localiser(make_checkpoint())


def test_the_way_to_the_best_box_is_a_search_like_any_other(agent: Localiser) -> None:
    search = search_within(PICTURE, agent, None, (101.0, 1.0, 200.0, 100.0), 9)
    run = search.trajectory
    assert (run.category, run.terminated, run.success, run.final_iou) == ("cat", True, True, 1.0)
    assert [step.iou for step in run.steps] == [0.5, 1.0]
    assert [step.action for step in run.steps] == ["smaller", "trigger"]
    assert run.steps[0].further == ("move_right",)
    assert [step.category for step in run.steps] == ["dog", None]
    assert all(math.isnan(step.reward) for step in run.steps)
    assert search.verdict()[0] == "Found the cat"
    assert search_within(PICTURE, agent, None, None, 9).verdict()[0] == "Triggered"


def test_a_way_is_drawn_with_all_its_moves(agent: Localiser) -> None:
    search = search_within(PICTURE, agent, None, None, 9)
    told = frames(search, 240, 2.0)
    assert len(told) == 3
    alone = Look(LOOKS[0].box, "smaller", LOOKS[0].values, "cat")
    way = Search("cat", (alone, LOOKS[1]), LOOKS[1].box, True)
    found = (Found("cat", LOOKS[1].box, 2.0, way),)
    other = Result("photo", PICTURE.image, ("cat",), ACTIONS, found, (way,))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Localiser, "__call__", lambda *_: other)
        plain = frames(search_within(PICTURE, agent, None, None, 9), 240, 2.0)
    assert plain[0].image.tobytes() != told[0].image.tobytes()
    assert plain[1].image.tobytes() == told[1].image.tobytes()


def test_without_a_trigger_there_is_no_way() -> None:
    checkpoint = make_checkpoint()
    checkpoint.state["values.bias"][8::9] -= 50
    with pytest.raises(ObjlocError, match=r"photo: expected a trigger .*; found none in 9 windows"):
        search_within(PICTURE, Localiser(checkpoint), None, None, 9)
