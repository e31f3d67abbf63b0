"""Run stages one after another outside of DVC, each once."""

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

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
