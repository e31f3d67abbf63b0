from typing import Literal

import pytest

from objloc.data.sample import resolve_categories
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
