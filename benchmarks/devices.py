"""Speed of training on a GPU and on the processor, with and without a trained backbone.

Run ``python -m benchmarks.devices`` on a machine with a GPU. It times updates of the agents
on random pictures or features, alternately on the processor (all its threads) and on the
GPU, there with the network compiled too, and writes ``benchmarks/results/devices.json``. With
``--against FOLDER``, a checkout of an earlier version, that one's updates are timed on the GPU
in turn.
"""

import statistics
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import torch
import typer

from benchmarks.markdown import table
from benchmarks.running import ROOT, write_run
from benchmarks.threads import seconds_of_an_update, training_on_noise
from benchmarks.updates import seconds_of_updates
from objloc.command import mistakes_reported
from objloc.errors import ObjlocError
from objloc.files import write_json
from objloc.network.training_pass import Compiler

NAME = "devices"
PAIRS = 3
_UPDATES = {"cpu": 3, "cuda": 25}
"""Number of updates timed in one go, by device."""
_PROFILED = 20
"""Number of lock-steps profiled."""
ROWS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "scenes": ("scenes", ()),
    "scratch": ("scratch", ()),
    "pretrained": ("pretrained", ()),
    "pretrained, all of the backbone trained": (
        "pretrained",
        ("encoder.fine_tune=all", "learning.crop=0.25", "learning.jitter=0.2"),
    ),
}
"""Entry of ``agents`` and departures from it, by label of the row."""


def device_table(result: Mapping[str, Any]) -> str:
    """Table of the seconds per update on both devices, and their ratio."""
    rows = []
    for label, row in result["rows"].items():
        cpu, gpu = (f"{statistics.median(row[kind]):.3f} s" for kind in _UPDATES)
        ratios = row["ratios"]
        reach = f"{statistics.median(ratios):.1f} ({min(ratios):.1f} to {max(ratios):.1f})"
        more = []
        if row.get("compiled"):
            whole = statistics.median(row["compiled"])
            more = [f"{whole:.3f} s", f"{statistics.median(row['cuda']) / whole:.1f}"]
        elif "compiled" in row:
            more = ["not compiled", ""]
        if "before" in row:
            ago = statistics.median(row["before"])
            more += [f"{ago:.3f} s", f"{ago / statistics.median(row['cuda']):.1f}"]
        if "busy" in row:
            more.append(f"{row['busy']:.0%}")
        rows.append([label, cpu, gpu, reach, *more])
    first = next(iter(result["rows"].values()))
    columns = ["agent", result["cpu"], result["gpu"], "times as fast"]
    columns += ["GPU, compiled", "times as fast"] if "compiled" in first else []
    columns += ["GPU, before", "times as fast"] if "before" in first else []
    columns += ["GPU busy"] if "busy" in first else []
    return table(tuple(columns), rows)


def measure(against: Path | None = None) -> Iterator[dict[str, Any]]:
    """Time one row after another; yield all figures so far after each.

    Args:
        against: checkout of an earlier version, timed in turn.

    Raises:
        ObjlocError: there is no GPU.
    """
    require_gpu()
    rows: dict[str, Any] = {}
    for label, (agent, settings) in ROWS.items():
        compiler = Compiler(print, min_updates=0)
        pairs = [_turn(agent, settings, against, compiler) for _ in range(PAIRS)]
        sides = {side: [pair[side] for pair in pairs] for side in pairs[0]}
        rows[label] = {
            **sides,
            "compiled": [] if compiler.failure else sides["compiled"],
            "ratios": [pair["cpu"] / pair["cuda"] for pair in pairs],
            "busy": busy_share(agent, settings),
        }
        yield {
            "cpu": f"processor, {torch.get_num_threads()} threads",
            "gpu": torch.cuda.get_device_name(),
            "torch": torch.__version__,
            "rows": rows,
        }


def _turn(
    agent: str, settings: tuple[str, ...], against: Path | None, compiler: Compiler
) -> dict[str, float]:
    """Seconds of an update on each device, compiled, and before."""
    turn = {
        device: seconds_of_an_update(agent, settings, device, updates)
        for device, updates in _UPDATES.items()
    }
    turn["compiled"] = seconds_of_an_update(agent, settings, "cuda", _UPDATES["cuda"], compiler)
    if against is not None:
        turn["before"] = seconds_of_updates(against, agent, settings, "cuda", _UPDATES["cuda"])
    return turn


def require_gpu() -> None:
    """Refuse a machine without a GPU.

    Raises:
        ObjlocError: there is none that PyTorch can use.
    """
    if not torch.cuda.is_available():
        raise ObjlocError("expected a GPU that PyTorch can use (CUDA); found none")


def busy_share(name: str, settings: tuple[str, ...] = (), device: str = "cuda") -> float:
    """Fraction of the time of some lock-steps in which the device computes.

    Args:
        name: name of the entry of ``agents``.
        settings: departures from it.
        device: device of the network; on the CPU its operations are counted instead.
    """
    training = training_on_noise(name, settings, device)
    ticks = training.run()
    while training.learner.updates < _UPDATES["cpu"]:
        next(ticks)
    kind = torch.profiler.ProfilerActivity
    on_gpu = device == "cuda"
    with torch.profiler.profile(activities=[kind.CPU, *([kind.CUDA] if on_gpu else [])]) as seen:
        began = time.perf_counter()
        for _ in range(_PROFILED):
            next(ticks)
        if on_gpu:
            torch.cuda.synchronize()
        wall = time.perf_counter() - began
    field = "self_device_time_total" if on_gpu else "self_cpu_time_total"
    return float(sum(getattr(each, field) for each in seen.key_averages()) / 1e6 / wall)


def main(
    against: Annotated[Path | None, typer.Option(help="Checkout of an earlier version.")] = None,
    output: Annotated[Path, typer.Option(help="File to write.")] = ROOT
    / f"benchmarks/results/{NAME}.json",
) -> None:
    """Measure, write and print."""
    with mistakes_reported():
        for result in measure(against and against.resolve()):
            write_json(output, result)
            print(device_table(result), flush=True)
        write_run(output, "python -m benchmarks.devices")


if __name__ == "__main__":
    typer.run(main)
