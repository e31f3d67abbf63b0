"""Speed of the search with a budget, and how its cost grows.

``python -m benchmarks.search SHARDS CHECKPOINT --features FEATURES --against CHECKOUT`` searches
images of the test set with an agent, alternately with this code and with that of another
checkout, and writes ``benchmarks/results/search.json``: images per second by number of looks, of
images at once and of categories searched for, and the share of the network in the time. On a
processor time is that of one thread, which other programs hardly change; on a GPU it is by the
clock.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import torch
import typer

from benchmarks.markdown import table
from benchmarks.running import RESULTS, ROOT, commit_of, write_run
from objloc.data.store import SampleStore
from objloc.errors import ObjlocError
from objloc.files import write_json
from objloc.network.checkpoint import load_checkpoint
from objloc.network.feature_store import load_store
from objloc.params import Search
from objloc.search.budgeted import Searcher, run_budgeted_search
from objloc.search.trace import SearchTasks

NAME = "search"
CASES: Mapping[str, tuple[int, int, int, int]] = {
    "31 looks": (31, 64, 64, 20),
    "100 looks": (100, 64, 64, 20),
    "300 looks": (300, 64, 64, 20),
    "100 looks, 1 image at once": (100, 8, 1, 20),
    "100 looks, 8 images at once": (100, 32, 8, 20),
    "100 looks, 5 categories": (100, 64, 64, 5),
    "100 looks, 1 category": (100, 64, 64, 1),
}
"""Looks, images, images at once, categories searched for, by label of the row."""


def search_table(result: Mapping[str, Any]) -> str:
    """Table of the images per second before and now, and what the time goes to."""
    rows = []
    for label, row in result["rows"].items():
        before, now = ([run["images"] / run["seconds"] for run in row[each]] for each in _SIDES)
        ratios = [new / old for old, new in zip(before, now, strict=True)]
        last = row["now"][-1]
        share = (last["encode"] + last["outputs"]) / last["seconds"]
        rows.append(
            [
                label,
                f"{statistics.median(before):.1f}",
                f"**{statistics.median(now):.1f}**",
                f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})",
                f"{100 * share:.0f} %",
                f"{last['windows'] / last['images']:.0f}",
            ]
        )
    heads = (
        "search", "before, images/s", "now, images/s", "times as fast", "of which the network",
        "looks taken in an image",
    )  # fmt: skip
    return table(heads, rows)


_SIDES = ("before", "now")


def measure(
    shards: Path, checkpoint: Path, features: Sequence[Path], device: str
) -> dict[str, Any]:
    """Time all cases once with the code that is imported: seconds by label."""
    torch.set_num_threads(1)
    loaded = load_checkpoint(checkpoint, torch.device(device))
    store = load_store(shards, "test", loaded.categories, loaded.encoders, features, 2000)
    params = Search(soft_nms=0.3, first_starts=1)
    searcher = Searcher(loaded.network(), loaded.agent.mdp, params)
    clock = time.process_time if device == "cpu" else _clock
    _seconds(store, searcher, (14, 16, 16, 20), clock)
    return {label: _seconds(store, searcher, case, clock) for label, case in CASES.items()}


def _clock() -> float:
    torch.cuda.synchronize()
    return time.perf_counter()


def _seconds(
    store: SampleStore,
    searcher: Searcher,
    case: tuple[int, int, int, int],
    clock: Callable[[], float],
) -> dict[str, float]:
    """Time a search and the network's part in it."""
    looks, number, at_once, categories = case
    number = min(number, len(store))
    searched = torch.zeros(number, len(store.categories), dtype=torch.bool)
    searched[:, :categories] = True
    tasks = SearchTasks(torch.arange(number), searched)
    spent = {"encode": 0.0, "outputs": 0.0}

    def timed(name: str) -> Callable[..., torch.Tensor]:
        real = getattr(type(searcher.network), name)

        def call(*arguments: Any) -> torch.Tensor:
            began = clock()
            result: torch.Tensor = real(searcher.network, *arguments)
            spent[name] += clock() - began
            return result

        return call

    began = clock()
    plain = list(run_budgeted_search(store, searcher, looks, tasks, at_once))
    seconds = clock() - began
    for name in spent:
        setattr(searcher.network, name, timed(name))
    for _ in run_budgeted_search(store, searcher, looks, tasks, at_once):
        pass
    for name in spent:
        delattr(searcher.network, name)
    windows = sum(int(trace.num_windows.sum()) for trace in plain)
    return {"images": number, "windows": windows, "seconds": seconds, **spent}


def _child(code: Path, arguments: Sequence[str]) -> dict[str, Any]:
    """Measure with the code of a checkout, in a process of its own."""
    found = subprocess.run(
        [sys.executable, __file__, *arguments, "--child"],
        env=os.environ | {"PYTHONPATH": str(code)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if found.returncode:
        raise ObjlocError(f"{code}: expected a measurement; found {found.stderr[-500:]}")
    result: dict[str, Any] = json.loads(found.stdout)
    return result


def main(
    shards: Annotated[Path, typer.Argument(help="Shards of VOC 2007.")],
    checkpoint: Annotated[Path, typer.Argument(help="Agent of twenty categories.")],
    features: Annotated[list[Path], typer.Option(help="Features of its backbones.")] = [],  # noqa: B006  # typer copies it
    against: Annotated[Path, typer.Option(help="Another checkout, measured in turn.")] = ROOT,
    pairs: Annotated[int, typer.Option(help="Number of turns.")] = 3,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    child: Annotated[bool, typer.Option("--child", hidden=True)] = False,
) -> None:
    """Measure the search and publish its figures."""
    if child:
        print(json.dumps(measure(shards, checkpoint, features, device)))
        return
    options = [part for each in features for part in ("--features", str(each))]
    arguments = [str(shards), str(checkpoint), *options, "--device", device]
    rows: dict[str, dict[str, list[Any]]] = {
        label: {side: [] for side in _SIDES} for label in CASES
    }
    for _ in range(pairs):
        for side, code in zip(_SIDES, (against, ROOT), strict=True):
            for label, found in _child(code, arguments).items():
                rows[label][side].append(found)
    result = {"device": device, "rows": rows}
    output = RESULTS / f"{NAME}.json"
    write_json(output, result)
    command = "python -m benchmarks.search SHARDS CHECKPOINT --features FEATURES --against CHECKOUT"
    write_run(output, command, before=commit_of(against))
    print(search_table(result))


if __name__ == "__main__":
    typer.run(main)
