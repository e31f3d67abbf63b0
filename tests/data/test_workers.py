"""Work done ahead in threads."""

import threading
from collections.abc import Iterator

import pytest

from objloc.data.workers import map_ahead


def test_results_come_in_the_order_of_the_items_and_not_too_far_ahead() -> None:
    read = []

    def items() -> Iterator[int]:
        for number in range(20):
            read.append(number)
            yield number

    results = map_ahead(lambda number: number**2, items(), ahead=3)
    assert next(results) == 0
    assert len(read) == 4
    assert list(results) == [number**2 for number in range(1, 20)]


def test_an_error_comes_in_its_place_and_no_thread_stays() -> None:
    before = threading.active_count()
    results = map_ahead(lambda number: 6 // number, [3, 2, 0, 1], ahead=2)
    assert [next(results), next(results)] == [2, 3]
    with pytest.raises(ZeroDivisionError):
        next(results)
    assert threading.active_count() == before
