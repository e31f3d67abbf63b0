import dataclasses
from typing import Literal

import pytest

from objloc.data.sample import (
    VOC_CATEGORIES,
    Sample,
    VocObject,
    coordinates,
    resolve_categories,
)
from objloc.errors import ObjlocError


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("all", ("cat", "cow", "dog")),
        (("dog", "cat"), ("dog", "cat")),
        ((), ()),
    ],
)
def test_categories_come_in_the_order_asked(
    asked: Literal["all"] | tuple[str, ...], expected: tuple[str, ...]
) -> None:
    assert resolve_categories(asked, iter(("cat", "cow", "dog")), "train.categories") == expected


def test_an_unknown_category_is_refused_by_name() -> None:
    with pytest.raises(ObjlocError) as caught:
        resolve_categories(("cat", "unicorn"), ("cat", "dog"), "train.categories")
    assert str(caught.value) == (
        "train.categories: unknown category 'unicorn'; allowed: all, cat, dog"
    )


def test_four_numbers_are_a_box() -> None:
    assert coordinates([1, 2.5, 3, 4]) == (1, 2.5, 3, 4)
    assert coordinates(number / 2 for number in range(4)) == (0.0, 0.5, 1.0, 1.5)
    for wrong in ([1, 2, 3], [1, 2, 3, 4, 5]):
        with pytest.raises(ValueError, match="values to unpack"):
            coordinates(wrong)


def test_an_object_is_plain_unless_it_is_marked() -> None:
    assert dataclasses.astuple(VocObject("cat", (0, 0, 1, 1))) == (
        "cat", (0, 0, 1, 1), False, False, False, "Unspecified", (),
    )  # fmt: skip


def test_samples_are_equal_by_what_they_hold_and_do_not_change() -> None:
    one, two = (Sample("1", b"jpeg", 4, 3, (VocObject("cat", (0, 0, 1, 1)),)) for _ in range(2))
    assert one == two
    assert one != dataclasses.replace(one, jpeg=b"other")
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.width = 5  # type: ignore[misc]


def test_there_are_twenty_categories() -> None:
    assert len(VOC_CATEGORIES) == len(set(VOC_CATEGORIES)) == 20
