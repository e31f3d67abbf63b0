from contextlib import suppress
from pathlib import Path

import pytest
from PIL import Image

from objloc.errors import ObjlocError
from objloc.scenes.write import scene
from objloc.search.localiser import Localiser
from objloc.search.result import Result
from objloc.view.app.live import Shown, Turns, examples, opened, watch
from tests.helpers.subjects import make_checkpoint

AGENT = Localiser(make_checkpoint())
PHOTO = Image.linear_gradient("L").resize((90, 60)).convert("RGB")


def test_every_window_is_shown_and_then_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)
    shown = list(watch(AGENT, PHOTO, ["cat", "dog"], 9, "slow"))
    result = AGENT(PHOTO, ["cat", "dog"], 9)
    assert result.windows == 9
    assert len(shown) == 10
    assert slept == [0.5] * 9
    assert all("ob-window" in boxes and "ob-bars" in panel for boxes, panel, _ in shown[:-1])
    assert "ob-window" not in shown[-1][0]
    assert "It looked at 9 windows" in shown[-1][2]


def test_at_once_shows_the_end_alone() -> None:
    (shown,) = watch(AGENT, PHOTO, ["cat"], 5, "at once")
    assert "It looked at 5 windows" in shown[2]


@pytest.mark.parametrize(
    ("image", "categories", "budget", "told"),
    [
        (None, ["cat"], 9, "There is no photograph yet."),
        (PHOTO, [], 9, "categories: expected some of cat, dog; found none"),
        (PHOTO, ["cow"], 9, "categories: expected some of cat, dog; found &#39;cow&#39;"),
        (PHOTO, ["cat"], 0, "max_windows: expected an integer of at least 1; found 0"),
    ],
)
def test_a_mistake_is_a_sentence(
    image: Image.Image | None, categories: list[str], budget: float, told: str
) -> None:
    (shown,) = watch(AGENT, image, categories, budget, "fast")
    assert told in shown[2]
    assert 'role="alert"' in shown[2]
    assert shown[:2] == ("", "")


def test_a_search_that_is_not_its_turn_is_told_so_and_the_next_one_made() -> None:
    told: list[Shown] = []

    def search(image: Image.Image, names: list[str], budget: int) -> Result:
        # Another visitor comes while this search has the only turn.
        told.extend(watch(turns, image, names, budget, "at once"))
        return AGENT(image, names, budget)

    turns = Turns(search, 1, 0.01)
    for _ in range(2):
        with suppress(ObjlocError):  # Its own time may be over by now.
            turns(PHOTO, ["cat"], 5)
    assert len(told) == 2
    assert all("busy: others are searching; try again later" in each[2] for each in told)


def test_an_uploaded_file_is_called_by_its_name_alone(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "note.jpg"
    path.parent.mkdir()
    path.write_text("a shopping list")
    with pytest.raises(ObjlocError, match=r"^note\.jpg: expected an image"):
        opened(path)


def test_examples_are_scenes_of_no_image_set() -> None:
    drawn = examples(2)
    assert len(drawn) == 2
    assert [each.tobytes() for each in examples(2)] == [each.tobytes() for each in drawn]
    known = [scene(0, image_set, 0).image.tobytes() for image_set in ("train", "val", "test")]
    assert drawn[0].tobytes() not in known
