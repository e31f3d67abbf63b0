"""What a mask selects: compact, and padded on a device that stalls."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from objloc.learning.selection import distinct, places, selected
from tests.helpers.watching import force_stalling

MASK = torch.tensor([[True, False], [False, False], [True, True]])


def test_only_selected_values_are_taken() -> None:
    values = torch.arange(6.0).view(3, 2)
    assert selected(values, MASK).tolist() == [0, 4, 5]
    wide = torch.arange(12.0).view(3, 2, 2)
    assert selected(wide, MASK).tolist() == [[0, 1], [8, 9], [10, 11]]


def test_on_a_device_that_stalls_the_others_are_zeros(monkeypatch: pytest.MonkeyPatch) -> None:
    force_stalling(monkeypatch)
    values = torch.arange(6.0).view(3, 2) + 1
    values[1, 1] = torch.nan
    assert selected(values, MASK).tolist() == [1, 0, 0, 0, 5, 6]
    assert selected(MASK, MASK).tolist() == MASK.flatten().tolist()


def test_places_are_padded_and_those_beyond_the_room_are_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mask = torch.tensor([False, True, True, False, True])
    found, real = places(mask, 1)
    assert found.tolist() == [1, 2, 4]
    assert real.all()
    force_stalling(monkeypatch)
    for most, expected in ((2, [1, 2]), (3, [1, 2, 4]), (5, [1, 2, 4])):
        found, real = places(mask, most)
        assert len(found) == most
        assert found[real].tolist() == expected
        assert (found[~real] == 0).all()


@given(st.lists(st.integers(0, 9), min_size=1, max_size=20), st.integers(0, 5))
def test_distinct_values_are_the_same_with_the_last_repeated(values: list[int], more: int) -> None:
    given_values = torch.tensor(values)
    known, index = distinct(given_values, 0)
    assert known.tolist() == sorted(set(values))
    with pytest.MonkeyPatch.context() as patch:
        force_stalling(patch)
        padded, its = distinct(given_values, len(known) + more)
    assert padded.tolist() == [*known.tolist(), *known[-1:].tolist() * more]
    assert torch.equal(its, index)
