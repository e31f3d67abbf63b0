import re
from dataclasses import replace

import pytest
from PIL import Image

from objloc.search.result import Found, Result
from objloc.search.trajectory import Step, Trajectory, VisitedWindow
from objloc.view.app import markup
from objloc.view.app.live import moments
from objloc.view.app.markup import Glance, Moment

ACTIONS = ("move_right", "smaller", "trigger")


def search(
    category: str, values: list[tuple[float, float, float]], triggered: bool = True
) -> Trajectory:
    steps = tuple(
        Step((10.0 * number, 0.0, 100.0, 50.0), each, ACTIONS[each.index(max(each))], 0.0, 0.0)
        for number, each in enumerate(values)
    )
    return Trajectory("x", category, ACTIONS, steps, steps[-1].box, 0.0, triggered)


def result(*searches: Trajectory, found: tuple[int, ...] = ()) -> Result:
    """A picture of 200 x 100 pixels; ``found`` are numbers of the searches with a box."""
    boxes = tuple(
        Found(searches[at].category, searches[at].final_box, searches[at].score, searches[at])
        for at in found
    )
    image = Image.new("RGB", (200, 100))
    asked = tuple(dict.fromkeys(each.category for each in searches))
    return Result("x", image, ("cat", "dog"), ACTIONS, boxes, searches, asked)


CAT = search("cat", [(1.0, 0.5, -3.0), (-1.0, -0.5, 2.5)])
DOG = search("dog", [(-1.0, 0.25, -3.0)], triggered=False)


def test_a_box_lies_at_its_share_of_the_picture() -> None:
    shown = Moment(result(CAT), 0, 1, 2).boxes()
    boxes = re.findall(r'class="ob-box ob-(\w+)" style="([^"]+)"', shown)
    assert [kind for kind, _ in boxes] == ["trail", "window"]
    assert boxes[1][1] == "left:5.0000%;top:0.0000%;width:45.0000%;height:50.0000%;"
    assert "--ratio:2.000000" in shown


def test_what_earlier_searches_found_stays_in_sight() -> None:
    both = result(CAT, DOG, found=(0,))
    assert "ob-found" not in Moment(both, 0, 1, 2).boxes()
    assert "cat 2.50" in Moment(both, 1, 0, 3).boxes()
    assert markup.ended(both).count("ob-box") == 1


def test_bars_are_on_one_scale_for_the_search_and_the_chosen_one_is_marked() -> None:
    shown = Moment(result(CAT), 0, 1, 2).thoughts()
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


def test_many_categories_are_counted_not_listed() -> None:
    names = tuple(f"thing {number}" for number in range(7))
    told = replace(budgeted(), categories=("cat", *names), searched=("cat", *names))
    sentence = "Found 1 object: cat; nothing of the other 7 categories. It looked at 3 windows."
    assert markup.summary(told) == sentence
    nothing = replace(told, found=(), searched=names)
    assert markup.summary(nothing) == "Nothing found of 7 categories. It looked at 3 windows."
    scored = replace(told, seen=tuple(replace(each, scores=(0.0,) * 8) for each in told.seen))
    assert "Searching for <b>8 categories</b>" in Glance(scored, 0).thoughts()


def test_a_name_is_no_markup() -> None:
    name = """<script>'">"""
    way = search(name, [(1.0, 0.0, 0.0)])
    found = (Found(name, way.final_box, 2.0, way),)
    picture = Image.new("RGB", (9, 9))
    told = Result("x", picture, (name,), ACTIONS, found, (way, way), (name,))
    seen = VisitedWindow((0.0, 0.0, 9.0, 9.0), -1, name, (), (1.0,), ())
    moment, glance = Moment(told, 1, 0, 1), Glance(replace(told, seen=(seen,)), 0)
    pieces = (
        moment.boxes(), moment.thoughts(), glance.boxes(), glance.thoughts(), markup.ended(told),
        markup.table(told), markup.said(name), markup.note(name),
    )  # fmt: skip
    for shown in pieces:
        assert "&lt;script&gt;&#39;&#34;&gt;" in shown
        assert "<script" not in shown


def test_every_step_of_every_search_is_a_moment() -> None:
    seen = list(moments(result(CAT, DOG)))
    assert seen == [Moment(result(CAT, DOG), *at) for at in ((0, 0, 1), (0, 1, 2), (1, 0, 3))]


def budgeted() -> Result:
    """Three windows seen for a cat and a dog: the cat is found in the third, from the first."""
    boxes = ((0.0, 0.0, 200.0, 100.0), (50.0, 0.0, 150.0, 100.0), (20.0, 0.0, 60.0, 50.0))
    seen = (
        VisitedWindow(boxes[0], -1, None, (), (-2.0, -3.0), ()),
        VisitedWindow(boxes[1], -1, None, (), (0.5, -1.0), ()),
        VisitedWindow(boxes[2], 0, "dog", ("smaller", "move_right"), (2.0, -2.0), ("cat",)),
    )
    steps = (
        Step(boxes[0], (0.5, 1.0, -3.0), "smaller", 0.0, 0.0, ("move_right",), "dog"),
        Step(boxes[2], (-1.0, -1.0, 2.0), "trigger", 0.0, 0.0),
    )
    way = Trajectory("x", "cat", ACTIONS, steps, boxes[2], 0.0, True, windows_at_trigger=3)
    found = (Found("cat", boxes[2], 2.0, way),)
    picture = Image.new("RGB", (200, 100))
    return Result("x", picture, ("cat", "dog"), ACTIONS, found, (way,), ("cat", "dog"), seen)


def test_with_a_budget_every_window_is_a_moment_with_its_way_and_what_it_is_taken_for() -> None:
    told = budgeted()
    shown = list(moments(told))
    assert shown == [Glance(told, number) for number in range(3)]
    first, second, third = (each.boxes() for each in shown)
    assert "ob-trail" not in first + second, "start windows have come from nowhere"
    (trail,) = re.findall(r'ob-trail" style="([^"]+)"', third)
    assert trail.startswith("left:0.0000%;top:0.0000%;width:100.0000%")
    assert "<span>dog</span>" in third, "for which it went there"
    assert "ob-found" not in third, "the trigger comes after the look"
    assert "a first window" in shown[1].thoughts()
    panel = shown[2].thoughts()
    assert "from window 1, for dog: smaller, move right" in panel
    assert re.findall(r"<li([^>]*)><span>(\w+)</span>", panel) == [
        (' class="ob-chosen" aria-current="step"', "cat"), ("", "dog"),
    ]  # fmt: skip
    # 2 and -2 on one scale for all windows, from -3 to 2.
    assert re.findall(r"width:([\d.]+)%", panel) == ["40.00", "40.00"]
    assert markup.summary(told) == "Found 1 object: cat; no dog. It looked at 3 windows."


def test_what_a_budgeted_search_found_stays_in_sight_from_the_next_look_on() -> None:
    told = budgeted()
    early = replace(told.searches[0], windows_at_trigger=1)
    found = (replace(told.found[0], search=early),)
    told = replace(told, found=found, searches=(early,))
    assert [("ob-found" in each.boxes()) for each in moments(told)] == [False, True, True]


def test_a_large_photograph_is_scaled_down_for_the_screen() -> None:
    small, large = (markup.photograph(Image.effect_noise((side, side), 90)) for side in (900, 2400))
    assert len(large) < 1.5 * len(small)
    assert "--ratio:1.000000" in large
