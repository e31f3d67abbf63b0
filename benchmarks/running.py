"""Stages run one after another outside of DVC, each once."""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent

Stage = tuple[str, Sequence[Path | str], Path]
"""A stage's name, its arguments, and what it writes."""


def run_stages(
    stages: Sequence[Stage], settings: Sequence[str], threads: int | None = None
) -> dict[str, float]:
    """Run those whose output is not there yet.

    Args:
        stages: in order.
        settings: parameters to override, ``KEY=VALUE``.
        threads: of each; None: as many as PyTorch takes.

    Returns:
        Minutes by the names of those that ran.

    Raises:
        subprocess.CalledProcessError: a stage failed; it said why.
    """
    minutes = {}
    options = [part for each in settings for part in ("--set", each)]
    environment = os.environ | ({} if threads is None else {"OMP_NUM_THREADS": str(threads)})
    for stage, arguments, out in stages:
        if out.exists():
            continue
        started = time.monotonic()
        command = [sys.executable, "-m", f"stages.{stage}", *map(str, arguments), *options]
        subprocess.run(command, cwd=ROOT, env=environment, check=True)
        minutes[stage] = round((time.monotonic() - started) / 60, 1)
    return minutes
