"""Work on one item after another in threads, ahead of whoever uses the results."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from objloc.ranks.launch import cores

_MAX_WORKERS = 16
"""Maximum number of threads; more wait for Python's lock."""

Item = TypeVar("Item")
Result = TypeVar("Result")


def workers() -> int:
    """Number of threads of this process that prepare data."""
    return min(cores(), _MAX_WORKERS)


def map_ahead(
    function: Callable[[Item], Result], items: Iterable[Item], ahead: int
) -> Iterator[Result]:
    """Results of a function for items, in their order.

    Args:
        function: computes for the most part without Python's lock, as decoding and hashing do.
        items: read in the caller's thread.
        ahead: maximum number of results that are computed before they are asked for.

    Raises:
        Exception: that of the function, in the place of its result.
    """
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(workers()) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) > ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for each in waiting:
                each.cancel()
