"""Inject faults, and write how many were withstood to ``benchmarks/results``.

``python -m benchmarks.reliability [PART ...]`` runs the named parts, or all, for an hour or
more; each part writes ``reliability_PART.json``. ``python -m benchmarks.tables`` shows them
in docs/reliability.md.
"""

import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.reliability.table import PARTS, Row, file_of
from benchmarks.running import RESULTS, ROOT, commit_of, write_run
from objloc.files import write_json


def measuring(part: str) -> Callable[[], list[Row]]:
    """Function that injects the faults of a part, and returns the rows of its table."""
    measure: Callable[[], list[Row]] = import_module(f"benchmarks.reliability.{part}").measure
    return measure


def main(
    parts: Annotated[
        list[str] | None, typer.Argument(help=f"Parts to run, of {', '.join(PARTS)}; default: all.")
    ] = None,
    output: Annotated[Path, typer.Option(help="Folder for the results.")] = RESULTS,
) -> None:
    """Inject faults, and write how many were withstood."""
    chosen = parts or list(PARTS)
    if unknown := sorted({*chosen} - {*PARTS}):
        raise typer.BadParameter(f"expected parts of {', '.join(PARTS)}; found {unknown[0]}")
    for part in chosen:
        started, commit = time.monotonic(), commit_of(ROOT)
        rows = measuring(part)()
        minutes = round((time.monotonic() - started) / 60, 1)
        write_json(output / file_of(part), rows)
        command = f"python -m benchmarks.reliability {part}"
        write_run(output / file_of(part), command, minutes=minutes, commit=commit)
        for row in rows:
            print(f"{part}: {row['what']}: {row['held']} of {row['tried']}", flush=True)


if __name__ == "__main__":
    typer.run(main)
