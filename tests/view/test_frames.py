import math
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from objloc.data.sample import VocObject
from objloc.mdp.action import names_of
from objloc.params import Mdp
from objloc.view.canvas import AGENT, QUIET, TRUTH, Colour
from objloc.view.frames import FINAL_SECONDS, frames, marked, shown_rows, summary
from tests.helpers.subjects import NAN, make_search, photograph
from tests.helpers.subjects import TRUTH as TRUTH_BOX


def count(image: Image.Image, colour: Colour) -> int:
    """Pixels of exactly a colour."""
    return int((np.asarray(image) == colour).all(axis=-1).sum())


def right_panel(image: Image.Image) -> np.ndarray:
    """The part right of the photograph."""
    return np.asarray(image)[:, -270:]


def test_there_is_a_frame_for_each_step_and_one_for_the_end() -> None:
    pictures = frames(make_search((0.1, 0.2, 0.3, 0.6)), 120, 2.0)
    assert len(pictures) == 5
    assert [picture.seconds for picture in pictures] == [0.5, 0.5, 0.5, 0.5, FINAL_SECONDS]
    assert len({picture.image.size for picture in pictures}) == 1


def test_the_end_is_held_longer_than_any_slow_step() -> None:
    pictures = frames(make_search((0.1, 0.2)), 120, 0.2)
    assert [picture.seconds for picture in pictures] == [5.0, 5.0, 10.0]


def test_the_same_search_gives_the_same_pixels() -> None:
    once, twice = (frames(make_search(), 200, 2.0) for _ in range(2))
    for first, second in zip(once, twice, strict=True):
        assert first.image.tobytes() == second.image.tobytes()


def test_every_frame_differs_from_the_one_before() -> None:
    pictures = [each.image.tobytes() for each in frames(make_search((0.3, 0.3)), 120, 2.0)]
    assert len(set(pictures)) == len(pictures)


def test_window_and_truth_are_drawn_inside_the_edges_of_their_boxes() -> None:
    window = (20.0, 30.0, 80.0, 70.0)
    picture = np.asarray(marked(photograph(), make_search(), [window]))
    for colour, (left, top, right, bottom) in ((AGENT, window), (TRUTH, TRUTH_BOX)):
        rows, columns = np.nonzero((picture == colour).all(axis=-1))
        found = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        assert found == (left, top, right, bottom)
        inside = picture[int(top) + 8 : int(bottom) - 8, int(left) + 8 : int(right) - 8]
        assert not (inside == colour).all(axis=-1).any()


def test_boxes_follow_the_size_the_photograph_is_shown_in() -> None:
    picture = np.asarray(marked(photograph(400, 300), make_search(), [(20.0, 30.0, 80.0, 70.0)]))
    rows, columns = np.nonzero((picture == AGENT).all(axis=-1))
    # Annotated as 200 x 100: twice as wide, three times as high.
    assert (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1) == (40, 90, 160, 210)


def test_a_window_beyond_the_image_is_drawn_at_its_border() -> None:
    picture = marked(photograph(), make_search(objects=()), [(-5.0, -5.0, 205.0, 105.0)])
    assert picture.getpixel((0, 50)) == AGENT
    assert picture.getpixel((199, 50)) == AGENT


def test_the_trail_fades_with_age() -> None:
    boxes = [(10.0 + 12 * n, 10.0, 40.0 + 12 * n, 90.0) for n in range(6)]
    plain = np.asarray(photograph()).astype(int)
    drawn = np.asarray(marked(photograph(), make_search(objects=()), boxes)).astype(int)
    # The left edges of the windows, oldest first, halfway down; red minus blue
    # tells amber from the grey photograph.
    amber = [int(drawn[50, int(box[0])] @ (1, 0, -1)) for box in boxes]
    assert plain[50, 10] @ (1, 0, -1) == 0
    assert amber[0] > 0
    assert amber == sorted(amber)
    assert amber[-1] == AGENT[0] - AGENT[2]


def test_windows_long_past_are_not_drawn() -> None:
    boxes = [(4.0, 4.0, 60.0, 96.0)] + [(100.0 + n, 10.0, 190.0, 90.0) for n in range(12)]
    drawn = marked(photograph(), make_search(objects=()), boxes)
    assert drawn.getpixel((4, 50)) == photograph().getpixel((4, 50))


def test_difficult_objects_are_dashed() -> None:
    easy = make_search(objects=(VocObject("cat", TRUTH_BOX),))
    hard = make_search(objects=(VocObject("cat", TRUTH_BOX, difficult=True),))
    solid, dashed = (
        np.asarray(marked(photograph(), search, [(0.0, 0.0, 4.0, 4.0)])) for search in (easy, hard)
    )
    edges = [(picture[20, 100:180] == TRUTH).all(axis=-1) for picture in (solid, dashed)]
    assert edges[0].all()
    assert 0.3 < edges[1].mean() < 0.8
    assert edges[1][0]
    assert edges[1][-1]


def test_all_objects_of_the_category_are_drawn() -> None:
    other = VocObject("cat", (10.0, 20.0, 40.0, 60.0))
    one = marked(photograph(), make_search(), [(0.0, 0.0, 4.0, 4.0)])
    two = marked(
        photograph(),
        make_search(objects=(VocObject("cat", TRUTH_BOX), other)),
        [(0.0, 0.0, 4.0, 4.0)],
    )
    assert count(two, TRUTH) > count(one, TRUTH)
    assert two.getpixel((10, 40)) == TRUTH


def test_only_the_chosen_action_is_amber_and_bars_grow_with_their_values() -> None:
    # The trigger, last of nine, is chosen; every other value is zero.
    amber = []
    for value in (0.5, 1.0, 2.0):
        search = make_search((0.6,), q_values=(2.0, *(0.0,) * 7, value), objects=())
        panel = right_panel(frames(search, 360, 2.0)[0].image)
        amber.append(int((panel == AGENT).all(axis=-1).sum()))
        assert (panel == QUIET).all(axis=-1).sum() > 100  # the first action's bar
    assert amber[0] < amber[1] < amber[2]
    assert (amber[2] - amber[1]) == pytest.approx(2 * (amber[1] - amber[0]), rel=0.1)


def test_negative_values_point_left_of_the_zero_line_and_positive_ones_right() -> None:
    sides = {}
    for sign in (-1.0, 1.0):
        values = (sign, -sign, *(0.0,) * 7)
        panel = right_panel(frames(make_search((0.6,), q_values=values), 360, 2.0)[0].image)
        rows, columns = np.nonzero((panel == QUIET).all(axis=-1))
        sides[sign] = columns[rows < rows.min() + 8].mean()
    assert sides[-1.0] < sides[1.0]


def test_all_steps_share_one_scale_of_values() -> None:
    alone = make_search((0.6,), q_values=(0.0,) * 8 + (1.0,), objects=())
    panel = right_panel(frames(alone, 360, 2.0)[0].image)
    together = make_search((0.3, 0.6), objects=())
    first, second = together.trajectory.steps
    object.__setattr__(first, "q_values", (4.0,) + (0.0,) * 8)
    object.__setattr__(second, "q_values", (0.0,) * 8 + (1.0,))
    shared = right_panel(frames(together, 360, 2.0)[1].image)
    assert (shared == AGENT).all(axis=-1).sum() < (panel == AGENT).all(axis=-1).sum()


def test_an_agent_without_values_is_drawn_too() -> None:
    pictures = frames(make_search(q_values=NAN), 200, 2.0)
    assert len(pictures) == 4
    assert (right_panel(pictures[0].image) == QUIET).all(axis=-1).sum() == 0


def test_single_values_that_are_not_finite_leave_out_their_bar() -> None:
    values = (math.inf, math.nan, -math.inf, *(1.0,) * 6)
    assert len(frames(make_search(q_values=values), 200, 2.0)) == 4


def test_the_bar_of_overlap_is_as_long_as_the_iou() -> None:
    lengths = []
    for iou in (0.25, 0.5, 1.0):
        search = make_search((iou,), boxes=((0.0, 0.0, 200.0, 100.0),))
        panel = right_panel(frames(search, 360, 2.0)[0].image)
        lengths.append(int((panel == TRUTH).all(axis=-1).sum(axis=1).max()))
    # The white mark at 0.5 hides two pixels of the last one.
    assert lengths[1] == pytest.approx(2 * lengths[0], abs=2)
    assert lengths[2] == pytest.approx(4 * lengths[0], abs=4)


@pytest.mark.parametrize(("width", "height"), [(2000, 100), (100, 2000), (1, 1), (3, 400)])
def test_photographs_of_any_shape_fit(width: int, height: int) -> None:
    search = make_search(picture=photograph(width, height))
    size = frames(search, 120, 2.0)[0].image.size
    assert size[0] < 700
    assert size[1] < 400


def test_the_photograph_has_the_height_asked_for() -> None:
    red = Image.new("RGB", (200, 100), (250, 3, 3))
    search = make_search(picture=red, objects=(), boxes=((90.0, 40.0, 110.0, 60.0),) * 3)
    for height in (100, 360):
        picture = np.asarray(frames(search, height, 2.0)[0].image)
        rows = (picture == (250, 3, 3)).all(axis=-1).any(axis=1).sum()
        assert rows == height


def test_the_summary_shows_every_search_with_its_window() -> None:
    searches = [make_search(), make_search((0.1, 0.2)), make_search(objects=()), make_search()]
    sheet = summary(searches)
    single = summary(searches[:1])
    assert sheet.width > 2 * single.width
    assert sheet.height > 1.5 * single.height
    assert count(sheet, AGENT) > 3 * count(photograph(), AGENT)
    assert sheet.tobytes() == summary(searches).tobytes()


def test_where_actions_are_many_the_best_and_the_one_taken_are_shown() -> None:
    search = make_search((0.3, 0.4))
    actions = names_of(Mdp(further_step_sizes=(0.1, 0.3), zooms=True))
    values = tuple(float(number) for number in range(len(actions)))
    first = replace(search.trajectory.steps[0], q_values=values)
    run = replace(search.trajectory, actions=actions, steps=(first, first))
    # The last fourteen have the greatest values, but the first "smaller" was taken.
    assert shown_rows(run, first, 14) == [6, *range(len(actions) - 13, len(actions))]
    assert shown_rows(run, first, 99) == list(range(len(actions)))
    rows = {len(each.image.tobytes()) for each in frames(replace(search, trajectory=run), 240, 2)}
    assert len(rows) == 1
