"""How much faster training is when freed memory is kept (``objloc.memory``).

Run: ``python -m benchmarks.memory``. It times the same updates of the default agent on
random pictures, one thread, with and without, in turn, and prints the median of the
ratios.
"""

import os
import subprocess
import sys

from benchmarks.running import ROOT
from benchmarks.threads import seconds_of_an_update

PAIRS = 3


def _seconds(kept: bool) -> float:
    command = [sys.executable, "-m", "benchmarks.memory", "--child", *(["--kept"] * kept)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    result = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    return float(result.stdout)


def main() -> None:
    """Measure pairs in turn and print the median of their ratios."""
    if "--child" in sys.argv:
        from objloc.memory import keep_freed_memory

        if "--kept" in sys.argv:
            keep_freed_memory()
        print(seconds_of_an_update())
        return
    ratios = sorted(_seconds(kept=False) / _seconds(kept=True) for _ in range(PAIRS))
    print(
        f"an update takes {ratios[PAIRS // 2]:.2f} times as long when freed memory is given back "
        f"(between {ratios[0]:.2f} and {ratios[-1]:.2f})"
    )


if __name__ == "__main__":
    main()
