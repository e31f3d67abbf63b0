"""Archives, XML, images and checkpoints made to do harm: refused by name, in bounded memory.

Nothing here harms other software: an input states that it is large, names a file that must
not be read, or holds code that would make a file.
"""

import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

from benchmarks.reliability.case import BAD, Case
from benchmarks.reliability.hostile_checkpoints import RAN, checkpoints
from benchmarks.reliability.hostile_images import images, large_images
from benchmarks.reliability.hostile_texts import annotations, archives
from benchmarks.reliability.isolated import MIB, Limits, Outcome, outcomes
from benchmarks.reliability.table import Row


@dataclass(frozen=True)
class Group:
    """Hostile inputs of one kind.

    Attributes:
        what: name in the table.
        memory: maximum resident memory in bytes beyond that before.
        cases: the inputs.
    """

    what: str
    memory: int
    cases: tuple[Case, ...]


def measure() -> list[Row]:
    """Read all hostile inputs; those that got through are printed."""
    rows: list[Row] = []
    for group, found in tried(groups()):
        bad = [case for case, outcome in found if not held(group, case, outcome)]
        for case, outcome in found:
            if case in bad:
                print(f"{case.name}: {outcome}", flush=True)
        refused = sum(outcome.kind == "refused" for _, outcome in found)
        peak = max(outcome.peak for _, outcome in found) / MIB
        rows.append({
            "what": group.what,
            "tried": len(found),
            "held": len(found) - len(bad),
            "note": f"{refused} refused by name, {len(found) - refused} without effect; at most "
            f"{peak:.0f} MiB of memory for one",
        })  # fmt: skip
    return rows


def tried(chosen: Iterable[Group]) -> Iterator[tuple[Group, list[tuple[Case, Outcome]]]]:
    """Try the inputs of some groups."""
    for group in chosen:
        limits = Limits(group.memory + 512 * MIB)
        numbers = range(len(group.cases))
        found = outcomes(partial(attempt, groups().index(group)), numbers, limits)
        yield group, list(zip(group.cases, found, strict=True))


def attempt(group: int, number: int) -> None:
    """Make and read an input.

    Raises:
        ObjlocError: it is refused.
        ValueError: its code ran.
    """
    with tempfile.TemporaryDirectory() as folder:
        try:
            groups()[group].cases[number].read(Path(folder))
        finally:
            if (Path(folder) / RAN).exists():
                raise ValueError("code of the input ran")


def held(group: Group, case: Case, outcome: Outcome) -> bool:
    """Whether an input was refused by name, or passed over, within the group's memory."""
    kind = "refused" if case.refused else "read"
    named = BAD in outcome.detail or not case.refused
    return outcome.kind == kind and named and outcome.peak <= group.memory


@cache
def groups() -> tuple[Group, ...]:
    """All hostile inputs."""
    return (
        Group("members of tar archives that are no plain files of a devkit", 160 * MIB, archives()),
        Group("annotations whose XML reaches out or unfolds", 48 * MIB, annotations()),
        Group("images that state any size, or are of another format", 64 * MIB, images()),
        Group("images of 88 megapixels in files of kilobytes", 1024 * MIB, large_images()),
        Group("checkpoints with code, or that state any size", 64 * MIB, checkpoints()),
    )
