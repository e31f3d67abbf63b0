"""Time that commands take to start, compared with another checkout of the project.

Run ``python -m benchmarks.startup --against PATH``. Here and at PATH there are an environment
(``.venv``) and the outputs of ``make run``. Each command runs in both in turn, as a process of
its own; ``benchmarks/results/startup.json`` gets the seconds of all runs, and those of bare
programs, below which no command can come.
"""

import os
import statistics
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.markdown import table
from benchmarks.running import ROOT, Machine, commit_of, write_run
from objloc.cli import COMMANDS
from objloc.errors import ObjlocError
from objloc.files import write_json

NAME = "startup"

_STAGES = tuple(sorted(path.stem for path in (ROOT / "stages").glob("[a-z]*.py")))
_OBJLOC = ("-c", "from objloc.cli import main; main()")
_REGISTER = ("-m", "stages.register", "data/train", "data/evaluate", "data/register", "--if-lost")
_GENERAL = "`objloc --help`"
GENERAL_HELP = (*_OBJLOC, "--help")
_HELP = {
    _GENERAL: GENERAL_HELP,
    **{f"`objloc {name} --help`": (*_OBJLOC, name, "--help") for name in COMMANDS},
    **{f"`python -m stages.{name} --help`": ("-m", f"stages.{name}", "--help") for name in _STAGES},
}
WORK = {
    "`objloc predict PHOTO`": (*_OBJLOC, "predict", "--output", ".objloc/timed", "{photo}"),
    "`dvc repro`, nothing to do": ("-m", "dvc", "repro"),
    "`python -m stages.register … --if-lost`, not lost": _REGISTER,
}
FLOORS = {
    "Python alone": ("-c", "pass"),
    "`import torch`": ("-c", "import torch"),
    "`import mlflow`": ("-c", "import mlflow"),
    "`dvc --version`": ("-m", "dvc", "--version"),
    "`import dvc.repo`": ("-c", "import dvc.repo"),
}
"""Programs that do nothing but load what commands need."""

_KINDS = ("processor", "wall")

Run = dict[str, float]
"""Seconds of one process: ``processor`` (of all its threads and children) and ``wall``."""


def startup_table(result: Mapping[str, Any]) -> str:
    """Table of medians by command, of the ratios of pairs, and of the floors.

    Of the commands that show their help there is the slowest of each kind.
    """
    found: dict[str, Any] = {}
    slowest: dict[str, float] = {}
    for label, row in result["rows"].items():
        kind = label
        if label.endswith("--help`") and label != _GENERAL:
            kind = f"{label.split()[0]} … --help`, the slowest of them"
        seconds_now = _median(row["now"], "processor")
        if seconds_now >= slowest.get(kind, 0.0):
            slowest[kind], found[kind] = seconds_now, row
    rows = [
        [label, *_medians(row["before"]), *_medians(row["now"]), *map(_reach, _ratios(row))]
        for label, row in found.items()
    ]
    rows += [[label, "", "", *_medians(runs), "", ""] for label, runs in result["floors"].items()]
    headings = ("command", "before", "wall", "now", "wall", "times as fast", "wall")
    return table(headings, rows)


def _ratios(row: Mapping[str, Sequence[Run]]) -> list[list[float]]:
    """How many times as fast each pair of runs was, by processor and by wall."""
    pairs = list(zip(row["before"], row["now"], strict=True))
    return [[before[kind] / now[kind] for before, now in pairs] for kind in _KINDS]


def _reach(ratios: Sequence[float]) -> str:
    return f"{statistics.median(ratios):.1f} ({min(ratios):.1f} to {max(ratios):.1f})"


def _medians(runs: Sequence[Run]) -> list[str]:
    return [f"{_median(runs, kind):.2f} s" for kind in _KINDS]


def _median(runs: Sequence[Run], kind: str) -> float:
    return statistics.median(run[kind] for run in runs)


def measure(against: Path, pairs: int, help_pairs: int) -> Iterator[dict[str, Any]]:
    """Time one command after another; yield all figures so far after each.

    Args:
        against: the other checkout.
        pairs: runs of each command in each checkout.
        help_pairs: the same for commands that only show their help.

    Raises:
        ObjlocError: a checkout has no environment, or a command fails.
    """
    rows: dict[str, Any] = {}
    floors: dict[str, Any] = {}
    for label, arguments in FLOORS.items():
        floors[label] = [seconds(ROOT, arguments) for _ in range(pairs + 1)][1:]
    for commands, number in ((WORK, pairs), (_HELP, help_pairs)):
        for label, arguments in commands.items():
            row: dict[str, list[Run]] = {"before": [], "now": []}
            # The first pair fills the caches of the file system.
            for _ in range(number + 1):
                for where, checkout in (("before", against), ("now", ROOT)):
                    row[where].append(seconds(checkout, arguments))
            rows[label] = {where: runs[1:] for where, runs in row.items()}
            yield {"rows": rows, "floors": floors}


def seconds(checkout: Path, arguments: Sequence[str]) -> Run:
    """Time a Python program in a checkout.

    Raises:
        ObjlocError: there is no environment or no photograph, or the program fails.
    """
    python = checkout / ".venv" / "bin" / "python"
    photos = sorted((checkout / "data" / "devkit").rglob("*.jpg"))
    if not python.is_file() or not photos:
        raise ObjlocError(f"{checkout}: expected .venv and the outputs of `make run`; found none")
    command = [str(python), *(each.format(photo=photos[0]) for each in arguments)]
    environment = {name: each for name, each in os.environ.items() if name != "PYTHONPATH"}
    used, started = os.times(), time.monotonic()
    done = subprocess.run(
        command, cwd=checkout, env=environment, capture_output=True, text=True, check=False
    )
    wall, now = time.monotonic() - started, os.times()
    if done.returncode:
        told = (done.stderr.strip().splitlines() or [""])[-1]
        raise ObjlocError(f"{checkout}: {' '.join(arguments)}: status {done.returncode}: {told}")
    before, after = (each.children_user + each.children_system for each in (used, now))
    return {"processor": round(after - before, 3), "wall": round(wall, 3)}


def main(
    against: Annotated[Path, typer.Option(help="Another checkout, with .venv and data.")],
    pairs: Annotated[int, typer.Option(help="Runs of each command in each checkout.")] = 7,
    help_pairs: Annotated[int, typer.Option(help="The same for commands' help.")] = 3,
    machine: Machine = "",
    output: Annotated[Path, typer.Option(help="File to write.")] = ROOT
    / f"benchmarks/results/{NAME}.json",
) -> None:
    """Measure, write and print."""
    for result in measure(against.resolve(), pairs, help_pairs):
        write_json(output, result)
    command = "python -m benchmarks.startup --against BEFORE"
    write_run(output, command, machine, before=commit_of(against))
    print(startup_table(result))


if __name__ == "__main__":
    typer.run(main)
