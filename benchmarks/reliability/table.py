"""Table of the faults that were injected, in Markdown."""

import json
from collections.abc import Callable
from typing import TypedDict

from benchmarks.markdown import table

PARTS = ("fuzz", "hostile", "damage", "kills", "load", "mutants")
"""Modules of this package with a function ``measure``, in the order of the table."""


class Row(TypedDict):
    """Faults of one kind: how many were injected, and how many were withstood."""

    what: str
    tried: int
    held: int
    note: str


def file_of(part: str) -> str:
    """Name of a part's file in ``benchmarks/results``."""
    return f"reliability_{part}.json"


def faults_table(read: Callable[[str], str | None]) -> str:
    """Rows of all parts that were measured, and when each was.

    Args:
        read: function that returns the text of a file in ``benchmarks/results``; None if
            there is none.
    """
    rows, origins, missing = [], [], []
    for part in PARTS:
        text = read(file_of(part))
        if text is None:
            missing.append(f"`{part}`")
            continue
        found: list[Row] = json.loads(text)
        rows += [[r["what"], f"{r['tried']:,}", f"{r['held']:,}", r["note"]] for r in found]
        origins += _origin(part, read(file_of(part).replace(".json", ".run.json")))
    parts = []
    if rows:
        parts = [table(("fault", "injected", "withstood", "remarks"), rows, left=[3])]
        parts.append("\n".join(origins))
    if missing:
        parts.append(f"*Not measured yet: {', '.join(missing)}.*")
    return "\n\n".join(parts)


def _origin(part: str, text: str | None) -> list[str]:
    """Line on a part's run: when, on what machine, and how long it took."""
    if text is None:
        return []
    run = json.loads(text)
    return [
        f"- `{part}`: {run['date']}, commit {run['commit']}, {run['minutes']} minutes on "
        f"{run['machine']}"
    ]
