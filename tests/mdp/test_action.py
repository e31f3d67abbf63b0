import math
from typing import get_args

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import Tensor

from objloc.box import flip_horizontally
from objloc.mdp.action import (
    ACTION_SETS,
    Action,
    Moves,
    actions_of,
    axes_of,
    label_of,
    names_of,
    start_windows,
    steps_between,
    zooms_of,
)
from objloc.params import Mdp
from tests.helpers.strategies import processes, sizes, windows

SIZES = torch.tensor([[200.0, 100.0]], dtype=torch.float64)
ALL = Mdp(actions="dissertation")


def after(box: tuple[float, ...], action: Action, mdp: Mdp = ALL) -> list[float]:
    moves = Moves(mdp)
    index = torch.tensor([ACTION_SETS[mdp.actions].index(action)])
    result = moves.apply(torch.tensor([box], dtype=torch.float64), SIZES, index)
    return [round(value, 9) for value in result[0].tolist()]


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        (Action.MOVE_RIGHT, [60, 20, 110, 60]),
        (Action.MOVE_DOWN, [50, 28, 100, 68]),
        (Action.BIGGER, [45, 16, 105, 64]),
        (Action.TALLER, [55, 20, 95, 60]),
        (Action.MOVE_LEFT, [40, 20, 90, 60]),
        (Action.MOVE_UP, [50, 12, 100, 52]),
        (Action.SMALLER, [55, 24, 95, 56]),
        (Action.FATTER, [50, 24, 100, 56]),
        (Action.SPLIT_HORIZONTAL, [50, 20, 75, 60]),
        (Action.SPLIT_VERTICAL, [50, 20, 100, 40]),
        (Action.TRIGGER, [50, 20, 100, 60]),
    ],
)
def test_each_action_does_what_its_name_says(action: Action, expected: list[float]) -> None:
    assert after((50, 20, 100, 60), action) == expected


@pytest.mark.parametrize(
    ("action", "box", "expected"),
    [
        (Action.MOVE_RIGHT, (145, 20, 195, 60), [155, 20, 200, 60]),
        (Action.MOVE_LEFT, (5, 20, 55, 60), [0, 20, 45, 60]),
        (Action.MOVE_UP, (50, 3, 100, 43), [50, 0, 100, 35]),
        (Action.MOVE_DOWN, (50, 58, 100, 98), [50, 66, 100, 100]),
        (Action.MOVE_RIGHT, (0, 0, 200, 100), [40, 0, 200, 100]),
    ],
)
def test_a_moving_window_is_cut_at_the_border(
    action: Action, box: tuple[float, ...], expected: list[float]
) -> None:
    assert after(box, action) == expected


def test_a_growing_window_is_cut_at_the_border() -> None:
    assert after((0, 0, 200, 100), Action.BIGGER) == [0, 0, 200, 100]
    assert after((0, 0, 100, 50), Action.BIGGER) == [0, 0, 110, 55]


def test_a_window_never_becomes_smaller_than_the_least_side() -> None:
    # 10 % of 200 x 100 is 20 x 10.
    mdp = Mdp(actions="dissertation", min_side=0.1)
    assert after((50, 20, 70, 60), Action.SMALLER, mdp) == [50, 20, 70, 60]
    assert after((50, 20, 75, 60), Action.TALLER, mdp) == [52.5, 20, 72.5, 60]
    assert after((50, 20, 70, 60), Action.TALLER, mdp) == [50, 20, 70, 60]


def test_a_window_stays_within_the_aspect_ratios() -> None:
    mdp = Mdp(min_aspect_ratio=0.5, max_aspect_ratio=2.0, min_side=0.01)
    square = (50.0, 25.0, 150.0, 75.0)  # half of each side: ratio 1 in shares
    narrow = after(square, Action.TALLER, mdp)
    assert narrow == [60, 25, 140, 75]
    for _ in range(5):
        narrow = after(tuple(narrow), Action.TALLER, mdp)
    assert (narrow[3] - narrow[1]) / 100 / ((narrow[2] - narrow[0]) / 200) <= 2.0
    assert after(tuple(narrow), Action.TALLER, mdp) == narrow


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        (Action.TALLER, [75, 25, 125, 75]),
        (Action.FATTER, [50, 37.5, 150, 62.5]),
        (Action.SMALLER, [75, 37.5, 125, 62.5]),
    ],
)
def test_a_window_may_reach_each_limit_exactly(action: Action, expected: list[float]) -> None:
    # From half of each side to a quarter: ratios of 2 and one half, the minimum side.
    mdp = Mdp(step_size=0.5, min_aspect_ratio=0.5, max_aspect_ratio=2.0, min_side=0.25)
    assert after((50, 25, 150, 75), action, mdp) == expected


def test_smaller_makes_even_small_windows_smaller() -> None:
    """Integer division made the 2018 system's small windows grow."""
    mdp = Mdp(min_side=0.001)
    box = (10.0, 10.0, 13.0, 12.0)
    result = after(box, Action.SMALLER, mdp)
    assert result[2] - result[0] < 3
    assert result[3] - result[1] < 2


MOVES = "move_right move_down bigger taller move_left move_up smaller fatter"
SPLITS = "split_horizontal split_vertical"
ZOOMS = "zoom_upper_left zoom_upper_right zoom_lower_left zoom_lower_right zoom_centre"


@pytest.mark.parametrize(
    ("mdp", "expected"),
    [
        (Mdp(actions="dissertation"), f"{MOVES} {SPLITS} trigger"),
        (Mdp(actions="paper"), f"{MOVES} trigger"),
        (Mdp(actions="dissertation", zooms=True), f"{MOVES} {SPLITS} {ZOOMS} trigger"),
        (Mdp(actions="paper", zooms=True), f"{MOVES} {ZOOMS} trigger"),
    ],
)
def test_published_sets_keep_their_actions_and_order(mdp: Mdp, expected: str) -> None:
    # Checkpoints hold a row of weights for each, in this order.
    assert names_of(mdp) == tuple(expected.split())


def test_the_trigger_is_the_last_action_of_every_set() -> None:
    assert set(ACTION_SETS) == set(get_args(Mdp.model_fields["actions"].annotation))
    assert all(actions[-1] is Action.TRIGGER for actions in ACTION_SETS.values())


def test_moves_come_again_for_each_further_step_size() -> None:
    mdp = Mdp(step_size=0.1, further_step_sizes=(0.3,), zooms=True)
    actions = actions_of(mdp)
    assert len(actions) == 8 + 8 + 5 + 1
    assert actions[0] is actions[8] is Action.MOVE_RIGHT
    assert actions[-1] is Action.TRIGGER
    box = torch.tensor([[20.0, 20.0, 60.0, 60.0]], dtype=torch.float64)
    moved = Moves(mdp).every(box, torch.tensor([[100.0, 100.0]], dtype=torch.float64))[0]
    assert moved[0].tolist() == pytest.approx([24, 20, 64, 60])
    assert moved[8].tolist() == pytest.approx([32, 20, 72, 60])


@pytest.mark.parametrize(
    ("action", "after"),
    [
        (Action.ZOOM_UPPER_LEFT, [20, 20, 42, 42]),
        (Action.ZOOM_UPPER_RIGHT, [38, 20, 60, 42]),
        (Action.ZOOM_LOWER_LEFT, [20, 38, 42, 60]),
        (Action.ZOOM_LOWER_RIGHT, [38, 38, 60, 60]),
        (Action.ZOOM_CENTRE, [29, 29, 51, 51]),
    ],
)
def test_a_zoom_keeps_a_corner_or_the_centre(action: Action, after: list[float]) -> None:
    mdp = Mdp(zooms=True)
    box = torch.tensor([[20.0, 20.0, 60.0, 60.0]], dtype=torch.float64)
    sizes = torch.tensor([[100.0, 100.0]], dtype=torch.float64)
    index = torch.tensor([actions_of(mdp).index(action)])
    assert Moves(mdp).apply(box, sizes, index)[0].tolist() == pytest.approx(after)


def test_axes_pair_opposite_moves_and_leave_cuts_out() -> None:
    axes = axes_of(Mdp(zooms=True)).tolist()
    assert axes == [0, 1, 2, 3, 0, 1, 2, 3, -1, -1, -1, -1, -1]


def test_start_windows_are_grids_that_reach_the_borders() -> None:
    windows = start_windows(((1, 1.0), (2, 0.6)))
    assert windows.tolist() == [
        pytest.approx(each)
        for each in (
            [0, 0, 1, 1],
            [0, 0, 0.6, 0.6],
            [0.4, 0, 1, 0.6],
            [0, 0.4, 0.6, 1],
            [0.4, 0.4, 1, 1],
        )
    ]
    assert start_windows(((1, 0.3),)).tolist() == [[0.35, 0.35, 0.35 + 0.3, 0.35 + 0.3]]


def test_every_action_has_a_name_of_its_own_and_the_first_step_size_none_in_it() -> None:
    plain = Mdp()
    assert names_of(plain) == tuple(action.value for action in actions_of(plain))
    mdp = Mdp(actions="dissertation", further_step_sizes=(0.3, 0.05), zooms=True)
    names = names_of(mdp)
    assert len(set(names)) == len(names) == len(actions_of(mdp))
    for name, action in zip(names, actions_of(mdp), strict=True):
        assert name.startswith(action.value)
    assert names[:11] == (*names_of(Mdp(actions="dissertation"))[:-1], "move_right_0.3")
    assert names[18] == "move_right_0.05"
    assert names[-2:] == ("zoom_centre", "trigger")
    assert label_of(names[18]) == "move right 0.05"


def test_steps_between_windows_lead_from_one_to_the_other() -> None:
    box = torch.tensor([[50, 20, 100, 60]], dtype=torch.float64)
    other = torch.tensor([[55, 30, 155, 50]], dtype=torch.float64)
    steps = steps_between(box, other)
    expected = [0.6, 0.0, math.log(2), math.log(0.5)]
    assert steps[0].tolist() == pytest.approx(expected)
    assert Moves(ALL).by(box, SIZES, steps)[0].tolist() == pytest.approx(other[0].tolist())


def test_a_window_is_cut_at_the_border_after_learned_steps_too() -> None:
    box = torch.tensor([[150, 20, 190, 60]], dtype=torch.float64)
    steps = torch.tensor([[0.5, -1.0, 0, 0]], dtype=torch.float64)
    assert Moves(ALL).by(box, SIZES, steps)[0].tolist() == pytest.approx([170, 0, 200, 20])


def test_learned_steps_to_a_window_that_is_too_small_lead_nowhere() -> None:
    box = torch.tensor([[50, 20, 100, 60]], dtype=torch.float64)
    steps = torch.tensor([[0, 0, -9.0, 0]], dtype=torch.float64)
    assert Moves(ALL).by(box, SIZES, steps).tolist() == box.tolist()


def legal(boxes: Tensor, sizes: Tensor, mdp: Mdp) -> Tensor:
    """Whether windows ``[..., 4]`` lie in the image and keep to the limits of the process."""
    inside = (boxes[..., :2] >= 0).all(dim=-1) & (boxes[..., 2:] <= sizes).all(dim=-1)
    sides = (boxes[..., 2:] - boxes[..., :2]) / sizes
    ratio = sides[..., 1] / sides[..., 0]
    slack = 1e-8
    return (
        inside
        & (sides.amin(dim=-1) >= mdp.min_side - slack)
        & (ratio >= mdp.min_aspect_ratio - slack)
        & (ratio <= mdp.max_aspect_ratio + slack)
    )


@given(processes(), sizes, st.lists(st.integers(0, 99), max_size=30), st.data())
def test_no_walk_leaves_the_image_or_the_limits(
    mdp: Mdp, size: Tensor, walk: list[int], data: st.DataObject
) -> None:
    moves, window = Moves(mdp), torch.cat([torch.zeros_like(size), size], dim=1)
    for step in walk:
        table = moves.every(window, size)
        assert legal(table, size, mdp).all()
        assert torch.equal(table[:, -1], window), "the trigger"
        index = torch.tensor([step % len(moves.actions)])
        window = moves.apply(window, size, index)
        assert torch.equal(window, table[:, index[0]])
    steps = st.lists(st.floats(-3, 3), min_size=4, max_size=4)
    landed = moves.by(window, size, torch.tensor([data.draw(steps)]).double())
    assert legal(landed, size, mdp).all()


OPPOSITES = (
    (Action.MOVE_RIGHT, Action.MOVE_LEFT),
    (Action.MOVE_DOWN, Action.MOVE_UP),
    (Action.BIGGER, Action.SMALLER),
    (Action.TALLER, Action.FATTER),
)
MIRRORED = {
    **dict([OPPOSITES[0], OPPOSITES[0][::-1]]),
    Action.ZOOM_UPPER_LEFT: Action.ZOOM_UPPER_RIGHT,
    Action.ZOOM_UPPER_RIGHT: Action.ZOOM_UPPER_LEFT,
    Action.ZOOM_LOWER_LEFT: Action.ZOOM_LOWER_RIGHT,
    Action.ZOOM_LOWER_RIGHT: Action.ZOOM_LOWER_LEFT,
}


@given(processes(), sizes, st.data())
def test_opposite_moves_undo_each_other_inside_the_image(
    mdp: Mdp, size: Tensor, data: st.DataObject
) -> None:
    window, moves = data.draw(windows(size)), Moves(mdp)
    for pair in OPPOSITES[:2]:
        for first, second in (pair, pair[::-1]):
            there, back = (torch.tensor([moves.actions.index(each)]) for each in (first, second))
            moved = moves.apply(window, size, there)
            touches = (moved[:, :2] <= 0).any() or (moved[:, 2:] >= size).any()
            if not touches and not torch.equal(moved, window):
                assert torch.allclose(moves.apply(moved, size, back), window, rtol=0, atol=1e-9)


@given(processes(), sizes, st.data())
def test_the_mirrored_action_does_the_same_in_the_mirrored_image(
    mdp: Mdp, size: Tensor, data: st.DataObject
) -> None:
    window, moves = data.draw(windows(size)), Moves(mdp)
    mirrored = flip_horizontally(window, size[:, 0])
    names = list(zip(moves.actions, axes_of(mdp).tolist(), strict=False))
    table = moves.every(window, size)[0]
    for index, (action, axis) in enumerate(names):
        if action is Action.SPLIT_HORIZONTAL:
            continue  # it keeps the left half
        same = [
            moves.every(mirrored, size)[0, other]
            for other, (name, along) in enumerate(names)
            if (name, along) == (MIRRORED.get(action, action), axis)
        ]
        expected = flip_horizontally(table[index][None], size[:, 0])[0]
        assert any(torch.allclose(each, expected, rtol=0, atol=1e-6) for each in same)


@given(processes(), st.lists(sizes, min_size=2, max_size=5), st.data())
def test_windows_beside_each_other_are_moved_as_each_alone(
    mdp: Mdp, many: list[Tensor], data: st.DataObject
) -> None:
    moves, alone = Moves(mdp), [data.draw(windows(size)) for size in many]
    together, size = torch.cat(alone), torch.cat(many)
    choices = st.lists(
        st.integers(0, len(moves.actions) - 1), min_size=len(many), max_size=len(many)
    )
    chosen = torch.tensor(data.draw(choices))
    tables = [moves.every(*each) for each in zip(alone, many, strict=True)]
    assert torch.equal(moves.every(together, size), torch.cat(tables))
    rows = [table[0, index] for table, index in zip(tables, chosen.tolist(), strict=True)]
    assert torch.equal(moves.apply(together, size, chosen), torch.stack(rows))


@given(sizes, st.data())
def test_steps_lead_from_any_window_to_any_other(size: Tensor, data: st.DataObject) -> None:
    mdp = Mdp(min_side=0.01, min_aspect_ratio=0.15, max_aspect_ratio=6.0)
    window, other = data.draw(windows(size)), data.draw(windows(size))
    assume(bool(legal(other, size, mdp)))
    landed = Moves(mdp).by(window, size, steps_between(window, other))
    assert torch.allclose(landed, other, rtol=0, atol=1e-6)
    alone = Moves(mdp).by(window[0], size[0], steps_between(window[0], other[0]))
    assert torch.equal(alone, landed[0])
    assert steps_between(window, window).tolist() == [[0, 0, 0, 0]]


@given(st.lists(st.tuples(st.integers(1, 6), st.floats(0.01, 1)), min_size=1, max_size=4))
def test_start_windows_cover_the_image_evenly(grids: list[tuple[int, float]]) -> None:
    found = start_windows(tuple(grids))
    assert len(found) == sum(number**2 for number, _ in grids)
    for number, side in grids:
        mine, found = found[: number**2], found[number**2 :]
        assert torch.allclose(mine[:, 2:] - mine[:, :2], torch.tensor(side).double())
        mirrored = (1 - mine[:, [2, 3, 0, 1]]).flip(0)
        assert torch.allclose(mine, mirrored), "as far from one border as from the other"
        if number > 1:
            assert float(mine.min()) == 0
            assert float(mine.max()) == pytest.approx(1)


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        (Action.ZOOM_UPPER_LEFT, [0, 0, 150, 75]),
        (Action.ZOOM_UPPER_RIGHT, [50, 0, 200, 75]),
        (Action.ZOOM_LOWER_LEFT, [0, 25, 150, 100]),
        (Action.ZOOM_LOWER_RIGHT, [50, 25, 200, 100]),
        (Action.ZOOM_CENTRE, [25, 12.5, 175, 87.5]),
        (Action.TRIGGER, [0, 0, 200, 100]),
    ],
)
def test_a_hierarchy_has_zooms_alone_to_the_side_that_is_asked_for(
    action: Action, expected: list[float]
) -> None:
    mdp = Mdp(actions="hierarchical", zoom_side=0.75)
    assert after((0, 0, 200, 100), action, mdp) == expected
    assert zooms_of(mdp).tolist() == [True] * 5
    assert len(actions_of(mdp)) == 6


def test_zooms_are_told_from_moves_in_the_order_of_values() -> None:
    mdp = Mdp(zooms=True, further_step_sizes=(0.4,))
    names = names_of(mdp)[:-1]
    assert zooms_of(mdp).tolist() == [name.startswith("zoom") for name in names]
    assert zooms_of(mdp).sum() == 5
