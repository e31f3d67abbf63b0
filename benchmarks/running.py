"""Run stages one after another outside of DVC, each once."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage, struct_rusage
from typing import Annotated

import typer

from objloc.files import write_json

ROOT = Path(__file__).parent.parent

Stage = tuple[str, Sequence[Path | str], Path]
"""Name of a stage, its arguments, and its output."""

Archives = Annotated[
    Path, typer.Argument(help="Folder with VOC2007's archives.", exists=True, file_okay=False)
]
Machine = Annotated[str, typer.Option(help="What is written of the machine.")]


def archives_of_2007(folder: Path) -> list[Path]:
    """The archives of VOC2007 in a folder, by name.

    Raises:
        typer.BadParameter: there are none.
    """
    found = sorted(folder.glob("VOC*2007.tar"))
    if not found:
        raise typer.BadParameter(f"{folder}: expected VOC*2007.tar; found none")
    return found


def run_stages(
    stages: Sequence[Stage], settings: Sequence[str], processes: int = 1
) -> dict[str, float]:
    """Run the stages whose output does not exist yet.

    Args:
        stages: stages, in order.
        settings: parameters to override, ``KEY=VALUE``.
        processes: number of processes that torchrun starts; 1: without it.

    Returns:
        Minutes by name of the stages that ran.

    Raises:
        subprocess.CalledProcessError: a stage failed; it has printed the reason.
    """
    minutes = {}
    options = [part for each in settings for part in ("--set", each)]
    several = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    python = [sys.executable, *(several if processes > 1 else ())]
    for stage, arguments, out in stages:
        if out.exists():
            continue
        started = time.monotonic()
        command = [*python, "-m", f"stages.{stage}", *map(str, arguments), *options]
        subprocess.run(command, cwd=ROOT, check=True)
        minutes[stage] = round((time.monotonic() - started) / 60, 1)
    return minutes


def processor_minutes() -> float:
    """Minutes of a processor that all processes have used that this one started and that ended."""
    used = getrusage(RUSAGE_CHILDREN)
    return (used.ru_utime + used.ru_stime) / 60


def resources_of(
    command: Sequence[str], folder: Path, variables: Mapping[str, str]
) -> struct_rusage:
    """Run a command with one thread of OpenMP, and return what its process has used.

    Args:
        command: program and arguments; what it prints to standard output is dropped.
        folder: folder that it runs in.
        variables: further variables of its environment.

    Raises:
        subprocess.CalledProcessError: it failed; it has printed the reason.
    """
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **variables}
    process = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return used


def write_run(output: Path, command: str, machine: str, **facts: str) -> None:
    """Write where a file of results comes from, in a file beside it: ``NAME.run.json``.

    Args:
        output: the file of results, ``NAME.json``.
        command: command that wrote it.
        machine: what is said of the machine.
        facts: further facts, by name.
    """
    date = datetime.now(UTC).date().isoformat()
    run = {"command": command, "machine": machine, "date": date, **facts, "commit": commit_of(ROOT)}
    write_json(output.with_suffix(".run.json"), run)


def commit_of(checkout: Path) -> str:
    """The short name of a checkout's commit."""
    command = ["git", "rev-parse", "--short", "HEAD"]
    return subprocess.check_output(command, cwd=checkout, text=True).strip()
