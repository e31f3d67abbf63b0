"""How cost grows: with images, categories, environments and looks.

``python -m benchmarks.growth`` times the default agent on random pictures, and writes
``benchmarks/results/growth.json`` and ``docs/images/growth.png``. Time is that of a processor,
all threads added, so that other programs hardly change it. Beside each stands the least time that
its products and convolutions take, at the rate of large products measured in the same run.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import typer
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.running import RESULTS, ROOT, write_run
from benchmarks.threads import agent_with, noise, training_on_noise
from objloc.files import write_json
from objloc.network.device import use_one_thread
from objloc.network.q_network import build_network
from objloc.params import Search
from objloc.search.budgeted import Searcher, run_budgeted_search
from objloc.search.trace import SearchTasks

NAME = "growth"
PICTURE = ROOT / "docs" / "images" / "growth.png"
_ONE_PART = "learning.batch_parts=1"
_SEARCHED = 8
"""Number of images that are searched at once."""
CURVES: Mapping[str, tuple[str, Sequence[int]]] = {
    "images": ("images in a batch", (4, 9, 18, 36, 64)),
    "categories": ("categories", (1, 5, 10, 20, 40, 60)),
    "environments": ("environments", (1, 4, 8, 16, 32, 64)),
    "looks": ("looks in an image", (10, 31, 100, 300)),
}
"""Label and numbers of each curve, by name."""
TITLES = {
    "images": "An update, 20 categories",
    "categories": "An update, 36 images",
    "environments": "A step of all environments",
    "looks": f"A search of {_SEARCHED} images, 20 categories",
}


def timed(work: Callable[[], object], times: int = 7) -> dict[str, float]:
    """Least seconds of some work, and its products and convolutions in GFLOP."""
    counter = FlopCounterMode(display=False)
    with counter:
        work()
    seconds = []
    for _ in range(times):
        began = time.process_time()
        work()
        seconds.append(time.process_time() - began)
    return {"seconds": min(seconds), "gflop": counter.get_total_flops() / 1e9}


def an_update(settings: Sequence[str], categories: int) -> dict[str, float]:
    """Time an update of the default agent."""
    training = training_on_noise("scenes", (_ONE_PART, *settings), categories=categories)
    steps = training.run()
    while training.learner.updates < 2:
        next(steps)
    return timed(lambda: training.learner.update(training._memory))  # noqa: SLF001


def a_step(environments: int) -> dict[str, float]:
    """Time a step of all environments, without learning."""
    settings = (f"schedule.environments={environments}", "replay.init_size=90000")
    steps = training_on_noise("scenes", settings).run()
    return timed(lambda: next(steps), times=9)


def a_search(looks: int) -> dict[str, float]:
    """Time a search with a budget by a network that has learned nothing."""
    agent = agent_with("scenes")
    store = noise(agent)
    network = build_network(agent, store.categories, torch.Generator().manual_seed(0)).eval()
    searcher = Searcher(network, agent.mdp, Search(first_starts=1))
    everything = torch.ones(_SEARCHED, len(store.categories), dtype=torch.bool)
    tasks = SearchTasks(torch.arange(_SEARCHED), everything)
    taken = 0

    def search() -> None:
        nonlocal taken
        traces = run_budgeted_search(store, searcher, looks, tasks, _SEARCHED)
        taken = sum(int(trace.num_windows.sum()) for trace in traces)

    return timed(search) | {"looks": taken / _SEARCHED}


POINTS: Mapping[str, Callable[[int], dict[str, float]]] = {
    "images": lambda number: an_update((f"learning.images_per_batch={number}",), 20),
    "categories": lambda number: an_update((), number),
    "environments": a_step,
    "looks": a_search,
}
"""What measures a point of each curve."""


def rate_of_products() -> float:
    """GFLOP of large products in a second of one processor."""
    left = torch.rand(1024, 1024)
    found = timed(lambda: left @ left, times=15)
    return found["gflop"] / found["seconds"]


def draw(result: Mapping[str, Any], path: Path) -> None:
    """Draw all curves, each with the time of its products alone."""
    from objloc.view.style import AGENT, BLIND, caption, label, new_figure, save_figure

    figure, axes = new_figure(2, 2, width=8.0, height=6.4)
    for plot, (name, points) in zip(axes.flat, result["curves"].items(), strict=True):
        label(plot, TITLES[name], CURVES[name][0], "milliseconds of a processor")
        numbers = [point["number"] for point in points]
        plot.plot(
            numbers, [1e3 * point["seconds"] for point in points], color=AGENT, marker="o",
            markersize=3.5, label="all",
        )  # fmt: skip
        plot.plot(
            numbers, [1e3 * point["gflop"] / result["rate"] for point in points], color=BLIND,
            linestyle="--", label="its products and convolutions, at the measured peak",
        )  # fmt: skip
        plot.set_ylim(bottom=0)
    axes.flat[0].legend(frameon=False, loc="upper left", fontsize=7)
    caption(
        figure,
        "How the cost of the default agent grows",
        f"Random pictures. Peak of products in float32: {result['rate']:.0f} GFLOP/s.",
    )
    save_figure(figure, path)


def main() -> None:
    """Measure, write and draw."""
    use_one_thread()
    result: dict[str, Any] = {"rate": rate_of_products(), "curves": {}}
    for name, (_, numbers) in CURVES.items():
        points = [{"number": number, **POINTS[name](number)} for number in numbers]
        result["curves"][name] = points
        print(json.dumps({name: points}), flush=True)
    output = RESULTS / f"{NAME}.json"
    write_json(output, result)
    write_run(output, "python -m benchmarks.growth")
    draw(result, PICTURE)


if __name__ == "__main__":
    typer.run(main)
