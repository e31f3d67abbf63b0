"""Tables in Markdown, and means in them."""

import statistics
from collections.abc import Iterable, Sequence

_ALIGNED = {"left": "---", "right": "--:", "centre": ":-:"}


def table(
    headings: Sequence[str], rows: Iterable[Sequence[str]], **alignment: Sequence[int]
) -> str:
    """Write a table; the first column is aligned to the left, the others to the right.

    Args:
        headings: heading of each column.
        rows: cells of each row.
        alignment: columns with another alignment, such as ``left=[1], centre=[3]``.
    """
    aligned = ["left", *["right"] * (len(headings) - 1)]
    for how, columns in alignment.items():
        for column in columns:
            aligned[column] = how
    lines = [
        f"| {' | '.join(headings)} |",
        f"|{'|'.join(_ALIGNED[each] for each in aligned)}|",
    ]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def spread(values: Iterable[float], form: str = "{:.1f}", deviation: str = ".1f") -> str:
    """Mean of the values, with the standard deviation if there are several."""
    values = list(values)
    mean = form.format(statistics.mean(values))
    return f"{mean} ± {statistics.stdev(values):{deviation}}" if len(values) > 1 else mean
