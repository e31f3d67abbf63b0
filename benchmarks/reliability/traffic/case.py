"""A request and what must be answered to it."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random


class BusyError(Exception):
    """A request was refused because there are too many at once; it may be sent again."""


class WrongError(Exception):
    """An answer is not the one that was expected."""


@dataclass(frozen=True)
class Case:
    """One kind of request.

    Attributes:
        what: the kind, for the table.
        good: whether a result is expected, not a refusal.
        weight: how often it is sent, beside others.
        send: function that sends it and reads the answer. It may raise ``BusyError`` or
            ``WrongError``.
    """

    what: str
    good: bool
    weight: int
    send: Callable[[Random], None]


def expect(right: bool, found: object) -> None:
    """Compare an answer.

    Raises:
        WrongError: it is not right.
    """
    if not right:
        raise WrongError(str(found)[:500])
