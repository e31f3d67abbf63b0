import re

import pytest
from PIL import Image

from objloc.result import Found, Look, Result, Search
from objloc.view.app import markup
from objloc.view.app.live import moments
from objloc.view.app.markup import Moment

ACTIONS = ("move_right", "smaller", "trigger")


def search(
    category: str, values: list[tuple[float, float, float]], triggered: bool = True
) -> Search:
    looks = tuple(
        Look((10.0 * step, 0.0, 100.0, 50.0), ACTIONS[each.index(max(each))], each)
        for step, each in enumerate(values)
    )
    return Search(category, looks, looks[-1].box, triggered)


def result(*searches: Search, found: tuple[int, ...] = ()) -> Result:
    """A picture of 200 x 100 pixels; ``found`` are numbers of the searches with a box."""
    boxes = tuple(
        Found(searches[at].category, searches[at].final_box, searches[at].score, searches[at])
        for at in found
    )
    image = Image.new("RGB", (200, 100))
    return Result("x", image, ("cat", "dog"), ACTIONS, boxes, searches)


CAT = search("cat", [(1.0, 0.5, -3.0), (-1.0, -0.5, 2.5)])
DOG = search("dog", [(-1.0, 0.25, -3.0)], triggered=False)


def test_a_box_lies_at_its_share_of_the_picture() -> None:
    shown = markup.watched(Moment(result(CAT), 0, 1, 2))
    boxes = re.findall(r'class="ob-box ob-(\w+)" style="([^"]+)"', shown)
    assert [kind for kind, _ in boxes] == ["trail", "window"]
    assert boxes[1][1] == "left:5.0000%;top:0.0000%;width:45.0000%;height:50.0000%;"
    assert "--ratio:2.000000" in shown


def test_what_earlier_searches_found_stays_in_sight() -> None:
    both = result(CAT, DOG, found=(0,))
    assert "ob-found" not in markup.watched(Moment(both, 0, 1, 2))
    assert "cat 2.50" in markup.watched(Moment(both, 1, 0, 3))
    assert markup.ended(both).count("ob-box") == 1


def test_bars_are_on_one_scale_for_the_search_and_the_chosen_one_is_marked() -> None:
    shown = markup.thoughts(Moment(result(CAT), 0, 1, 2))
    widths = [float(each) for each in re.findall(r"width:([\d.]+)%", shown)]
    # Values of -1, -0.5 and 2.5 on a scale from -3 to 2.5.
    assert widths == pytest.approx([100 / 5.5, 50 / 5.5, 250 / 5.5], abs=0.01)
    (chosen,) = re.findall(r'<li class="ob-chosen"[^>]*><span>([^<]+)', shown)
    assert chosen == "trigger"
    assert "2 windows of 2" in shown
    assert "2.50</span>" in shown


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (result(CAT, DOG, found=(0,)), "Found 1 object: cat; no dog. It looked at 3 windows."),
        (result(CAT, found=(0,)), "Found 1 object: cat. It looked at 2 windows."),
        (result(CAT, CAT, found=(0, 1)), "Found 2 objects: cat (2). It looked at 4 windows."),
        (result(CAT, DOG, found=(0, 1)), "Found 2 objects: cat and dog. It looked at 3 windows."),
        (result(DOG), "No dog found. It looked at 1 window."),
    ],
)
def test_the_summary_is_a_sentence(told: Result, expected: str) -> None:
    assert markup.summary(told) == expected


def test_a_name_is_no_markup() -> None:
    wicked = search("<script>", [(1.0, 0.0, 0.0)])
    told = Result("x", Image.new("RGB", (9, 9)), ("<script>",), ACTIONS, (), (wicked,))
    moment = Moment(told, 0, 0, 1)
    for shown in (markup.watched(moment), markup.thoughts(moment), markup.said("<script>")):
        assert "<script>" not in shown


def test_every_step_of_every_search_is_a_moment() -> None:
    seen = [(each.search, each.look, each.windows) for each in moments(result(CAT, DOG))]
    assert seen == [(0, 0, 1), (0, 1, 2), (1, 0, 3)]


def test_a_large_photograph_is_scaled_down_for_the_screen() -> None:
    small, large = (markup.photograph(Image.effect_noise((side, side), 90)) for side in (900, 2400))
    assert len(large) < 1.5 * len(small)
    assert "--ratio:1.000000" in large
