"""Speed of training on the processor, beside another checkout of the program.

Run ``python -m benchmarks.updates --against FOLDER``, where FOLDER is a checkout of an earlier
version. It times updates of the agents on random pictures or features, in both checkouts in
turn, and writes ``benchmarks/results/updates.json``. The machine should do nothing else.
"""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Any

import torch
import typer

from benchmarks.markdown import table
from benchmarks.running import ROOT, commit_of, write_run
from benchmarks.threads import operations_of_an_update
from objloc.files import write_json
from objloc.network.device import use_one_thread

NAME = "updates"
AGENTS = ("scenes", "scratch", "pretrained")
_UPDATES = 12
_CHILD = """
import sys
from objloc.command import keep_freed_memory
keep_freed_memory()
from benchmarks.threads import seconds_of_an_update
from objloc.network.device import use_one_thread
name, device, updates, *settings = sys.argv[1:]
if device == "cpu":
    use_one_thread()
print(seconds_of_an_update(name, tuple(settings), device, int(updates)))
"""
"""As in stages: freed memory is kept, and on the processor every operation has one thread."""


def updates_table(result: Mapping[str, Any]) -> str:
    """Table of the seconds per update in both checkouts, and their ratio."""
    rows = []
    for name, row in result["rows"].items():
        before, now = (f"{statistics.median(row[side]) * 1e3:.0f} ms" for side in ("before", "now"))
        ratios = row["ratios"]
        reach = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        rows.append([f"`{name}`", before, now, reach])
    return table(("agent", "before", "now", "times as fast"), rows)


def arithmetic_table(result: Mapping[str, Any]) -> str:
    """Table of the arithmetic of an update beside what the processor can do."""
    rows = []
    for name, row in result["rows"].items():
        rate = row["gflop"] / statistics.median(row["now"])
        share = f"{rate / result['peak']:.0%}"
        rows.append([f"`{name}`", f"{row['gflop']:.1f} GFLOP", f"{rate:.0f} GFLOP/s", share])
    peak = f"of the peak, {result['peak']:.0f} GFLOP/s"
    return table(("agent", "an update", "now", peak), rows)


def measure(against: Path, pairs: int) -> Iterator[dict[str, Any]]:
    """Time one agent after another; yield all figures so far after each."""
    rows: dict[str, Any] = {}
    peak = peak_of_products()
    for name in AGENTS:
        both = [
            (seconds_of_updates(against, name), seconds_of_updates(ROOT, name))
            for _ in range(pairs)
        ]
        rows[name] = {
            "before": [before for before, _ in both],
            "now": [now for _, now in both],
            "ratios": [before / now for before, now in both],
        }
        rows[name]["gflop"] = operations_of_an_update(name)
        yield {"peak": peak, "rows": rows}


def peak_of_products() -> float:
    """Measure GFLOP/s of large float32 products, on all cores at once."""
    side, cores = 1536, os.cpu_count() or 1

    def product(_: int) -> float:
        use_one_thread()
        left = torch.rand(side, side)
        (left @ left).sum()
        began = time.perf_counter()
        for _ in range(20):
            left @ left
        return 20 * 2 * side**3 / (time.perf_counter() - began) / 1e9

    with ThreadPoolExecutor(cores) as several:
        return sum(several.map(product, range(cores)))


def seconds_of_updates(
    checkout: Path,
    name: str,
    settings: Sequence[str] = (),
    device: str = "cpu",
    updates: int = _UPDATES,
) -> float:
    """Time an update of an agent with a checkout's code, in a process of its own.

    Args:
        checkout: the code.
        name: name of the entry of ``agents``.
        settings: departures from the entry.
        device: device of the network.
        updates: number of timed updates.
    """
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, name, device, str(updates), *settings],
        cwd=checkout, env={**os.environ, "PYTHONPATH": str(checkout)}, capture_output=True,
        text=True, check=True,
    )  # fmt: skip
    return float(done.stdout)


def main(
    against: Annotated[Path, typer.Option(help="Checkout of an earlier version.")],
    pairs: Annotated[int, typer.Option(help="Number of runs of each.")] = 5,
    output: Annotated[Path, typer.Option(help="File to write.")] = ROOT
    / f"benchmarks/results/{NAME}.json",
) -> None:
    """Measure, write and print."""
    for result in measure(against.resolve(), pairs):
        write_json(output, result)
        print(updates_table(result), flush=True)
    command = f"python -m benchmarks.updates --against CHECKOUT --pairs {pairs}"
    write_run(output, command, before=commit_of(against))


if __name__ == "__main__":
    typer.run(main)
