"""Run stages one after another outside of DVC, each once."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage, struct_rusage

ROOT = Path(__file__).parent.parent

Stage = tuple[str, Sequence[Path | str], Path]
"""Name of a stage, its arguments, and its output."""


def run_stages(stages: Sequence[Stage], settings: Sequence[str]) -> dict[str, float]:
    """Run the stages whose output does not exist yet.

    Args:
        stages: stages, in order.
        settings: parameters to override, ``KEY=VALUE``.

    Returns:
        Minutes by name of the stages that ran.

    Raises:
        subprocess.CalledProcessError: a stage failed; it has printed the reason.
    """
    minutes = {}
    options = [part for each in settings for part in ("--set", each)]
    for stage, arguments, out in stages:
        if out.exists():
            continue
        started = time.monotonic()
        command = [sys.executable, "-m", f"stages.{stage}", *map(str, arguments), *options]
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
