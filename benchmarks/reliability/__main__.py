"""Inject faults, and write how many were withstood to ``benchmarks/results``.

``python -m benchmarks.reliability [PART ...]`` runs the named parts, or all, for an hour or
more; each part writes ``reliability_PART.json``. ``python -m benchmarks.tables`` shows them
in docs/reliability.md.
"""

import os
import platform
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.reliability.table import PARTS, Row, file_of
from benchmarks.running import ROOT
from objloc.files import write_json

RESULTS = ROOT / "benchmarks" / "results"


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
        started, commit = time.monotonic(), _git("rev-parse", "--short", "HEAD")
        rows = measuring(part)()
        minutes = round((time.monotonic() - started) / 60, 1)
        write_json(output / file_of(part), rows)
        run = {
            "command": f"python -m benchmarks.reliability {part}",
            "machine": _machine(),
            "minutes": minutes,
            "commit": commit,
            "date": datetime.now(UTC).date().isoformat(),
        }
        write_json((output / file_of(part)).with_suffix(".run.json"), run)
        for row in rows:
            print(f"{part}: {row['what']}: {row['held']} of {row['tried']}", flush=True)


def _machine() -> str:
    """Cores, and model of the processor where Linux names it."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text("utf-8").splitlines() if path.is_file() else []
    models = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
    return f"{os.cpu_count()} cores of {models[0] if models else platform.machine()}"


def _git(*arguments: str) -> str:
    shown = subprocess.run(
        ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return shown.stdout.strip()


if __name__ == "__main__":
    typer.run(main)
