"""How numbers and lists are worded in the terminal, the plots, the report and the app."""

import re
from collections import Counter
from collections.abc import Callable, Sequence

ABSENT = "-"
"""Stands where a value is missing."""


def number(value: float | None, form: str = ".3f") -> str:
    """``0.512``; a dash where there is none."""
    return ABSENT if value is None else format(value, form)


def fraction(value: float | None, form: str = ".3f") -> str:
    """``.512`` as in the tables of the literature; a dash where there is none."""
    return re.sub(r"^([+-]?)0\.", r"\1.", number(value, form))


def span(ends: Sequence[float] | None, word: Callable[[float | None], str] = fraction) -> str:
    """``.276 to .479``; a dash where there is no interval.

    Args:
        ends: the interval's lower and upper end.
        word: words an end.
    """
    return " to ".join(map(word, ends)) if ends else ABSENT


def counted(count: int, noun: str, plural: str = "s") -> str:
    """``1 search``, ``2 searches``.

    Args:
        count: how many there are.
        noun: in the singular.
        plural: its ending in the plural.
    """
    return f"{count} {noun}{'' if count == 1 else plural}"


def listed(names: Sequence[str], conjunction: str) -> str:
    """``cat (2), dog and horse``: names that repeat are counted.

    Args:
        names: one at least.
        conjunction: stands before the last name.
    """
    unique = [name if count == 1 else f"{name} ({count})" for name, count in Counter(names).items()]
    return f" {conjunction} ".join(filter(None, [", ".join(unique[:-1]), unique[-1]]))


def abridged(names: Sequence[str], limit: int) -> str:
    """``a, b and 3 more``: the first names and the number of the others."""
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more
