"""Run stages one after another outside of DVC, each once."""

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage, struct_rusage
from typing import Annotated, Any

import psutil
import torch
import typer

from objloc.files import write_json

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results"

Stage = tuple[str, Sequence[Path | str], Path]
"""Name of a stage, its arguments, and its output."""

Archives = Annotated[
    Path, typer.Argument(help="Folder with VOC2007's archives.", exists=True, file_okay=False)
]
Machine = Annotated[str, typer.Option(help="What is written of the machine; empty: what is found.")]


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


def write_run(
    output: Path, command: str, machine: str = "", kept: bool = False, **facts: str | float
) -> None:
    """Write where a file of results comes from, in a file beside it: ``NAME.run.json``.

    Args:
        output: the file of results, ``NAME.json``.
        command: command that wrote it, without paths of this machine.
        machine: what is said of the machine; empty: what is found of it.
        kept: whether some of the file's figures are of the runs before, whose facts stay beside.
        facts: further facts, or others in place of what is found: ``minutes``, since this
            process began, and ``commit``.
    """
    path = output.with_suffix(".run.json")
    run: dict[str, Any] = {
        "command": command,
        "machine": machine or machine_in_words(),
        "date": datetime.now(UTC).date().isoformat(),
        "minutes": round((time.time() - psutil.Process().create_time()) / 60, 1),
        "commit": commit_of(ROOT),
        **facts,
    }
    if kept and path.is_file():
        before = json.loads(path.read_text("utf-8"))
        run = {key: _beside(value, before.get(key), key) for key, value in run.items()}
    write_json(path, run)


def _beside(now: Any, before: Any, key: str) -> Any:
    """A fact of this run beside that of the runs before: commands in lines, others in words."""
    if key == "date" or before is None:
        return now
    between = "\n" if key == "command" else "; before: "
    return before if str(now) in str(before).split(between) else f"{now}{between}{before}"


def mirror_in_words(mirror: str) -> str:
    """Make's variable for a mirror, without the place of its folder; empty: there is none."""
    return "" if mirror == "null" else "MIRROR=FOLDER "


def machine_in_words() -> str:
    """Cores, and models of the processor and of a GPU where they are known."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text("utf-8").splitlines() if path.is_file() else []
    models = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
    cores = f"{os.cpu_count()} cores of {models[0] if models else platform.machine()}"
    return f"{cores}, {torch.cuda.get_device_name()}" if torch.cuda.is_available() else cores


def commit_of(checkout: Path) -> str:
    """The short name of a checkout's commit; empty where git knows none."""
    command = ["git", "rev-parse", "--short", "HEAD"]
    shown = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)
    return shown.stdout.strip()
