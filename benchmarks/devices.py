"""Speed of training on a GPU and on the processor, with and without a trained backbone.

Run ``python -m benchmarks.devices`` on a machine with a GPU. It times updates of the agents
on random pictures or features, alternately on the processor (all its threads) and on the
GPU, and writes ``benchmarks/results/devices.json``.
"""

import statistics
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import torch
import typer

from benchmarks.markdown import table
from benchmarks.running import ROOT
from benchmarks.threads import seconds_of_an_update
from objloc.errors import ObjlocError
from objloc.files import write_json

NAME = "devices"
PAIRS = 3
_UPDATES = {"cpu": 3, "cuda": 25}
"""Number of updates timed in one go, by device."""
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
        rows.append([label, cpu, gpu, reach])
    return table(("agent", result["cpu"], result["gpu"], "times as fast"), rows)


def measure() -> Iterator[dict[str, Any]]:
    """Time one row after another; yield all figures so far after each.

    Raises:
        ObjlocError: there is no GPU.
    """
    if not torch.cuda.is_available():
        raise ObjlocError("expected a GPU that PyTorch can use (CUDA); found none")
    rows: dict[str, Any] = {}
    for label, (agent, settings) in ROWS.items():
        pairs = [
            {
                device: seconds_of_an_update(agent, settings, device, updates)
                for device, updates in _UPDATES.items()
            }
            for _ in range(PAIRS)
        ]
        rows[label] = {
            **{device: [pair[device] for pair in pairs] for device in _UPDATES},
            "ratios": [pair["cpu"] / pair["cuda"] for pair in pairs],
        }
        yield {
            "cpu": f"processor, {torch.get_num_threads()} threads",
            "gpu": torch.cuda.get_device_name(),
            "torch": torch.__version__,
            "rows": rows,
        }


def main(
    output: Annotated[Path, typer.Option(help="File to write.")] = ROOT
    / f"benchmarks/results/{NAME}.json",
) -> None:
    """Measure, write and print."""
    for result in measure():
        write_json(output, result)
        print(device_table(result), flush=True)


if __name__ == "__main__":
    typer.run(main)
