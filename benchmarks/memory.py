"""Speed of training with and without kept memory (``objloc.command.keep_freed_memory``).

Run ``python -m benchmarks.memory``. It times the same updates of the default agent, and of
the agent with a pretrained backbone, on random pictures or features with one thread,
alternately with and without, and prints the median of the ratios.
"""

import os
import subprocess
import sys

from benchmarks.running import ROOT
from benchmarks.threads import seconds_of_an_update

PAIRS = 3
AGENTS = ("scenes", "pretrained")


def _seconds(agent: str, kept: bool) -> float:
    command = [sys.executable, "-m", "benchmarks.memory", "--child", agent, *(["--kept"] * kept)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    result = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    return float(result.stdout)


def main() -> None:
    """Measure pairs one after the other and print the median of their ratios."""
    if "--child" in sys.argv:
        from objloc.command import keep_freed_memory

        if "--kept" in sys.argv:
            keep_freed_memory()
        print(seconds_of_an_update(sys.argv[2]))
        return
    for agent in AGENTS:
        pairs = [(_seconds(agent, kept=False), _seconds(agent, kept=True)) for _ in range(PAIRS)]
        ratios = sorted(given / kept for given, kept in pairs)
        print(
            f"{agent}: an update takes {ratios[PAIRS // 2]:.2f} times as long when freed memory "
            f"is given back (between {ratios[0]:.2f} and {ratios[-1]:.2f})",
            flush=True,
        )


if __name__ == "__main__":
    main()
