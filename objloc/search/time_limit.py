"""Limit of the time that searches may take."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from objloc.errors import ObjlocError

_limit: ContextVar[tuple[float, float]] = ContextVar("limit", default=(float("inf"), 0.0))
"""When searches end on the monotonic clock, and after how many seconds."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """End the searches of this block that take longer, of this thread or task alone.

    Args:
        seconds: from the block's beginning. The time is read before a picture is opened and
            before each look of a search with a budget, so that it may be exceeded by one of
            these.
    """
    token = _limit.set((time.monotonic() + seconds, seconds))
    try:
        yield
    finally:
        _limit.reset(token)


def check_time() -> None:
    """Do nothing within the time limit.

    Raises:
        ObjlocError: it is exceeded.
    """
    end, seconds = _limit.get()
    if time.monotonic() > end:
        raise ObjlocError(
            f"search: expected an answer within {seconds:g} seconds, the limit; it takes longer"
        )
