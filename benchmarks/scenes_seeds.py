"""The default agent over several seeds of training, on the same drawn scenes.

``make benchmark-scenes`` takes the shards of ``make run``, trains the default agent with each
seed and measures it, below ``.objloc/benchmarks/scenes``; what exists is not run again. It writes
``benchmarks/results/scenes_seeds.json``.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.markdown import spread, table
from benchmarks.running import ROOT, Machine, Stage, run_stages, write_run
from objloc.evaluation.metrics import ImageSetMetrics
from objloc.evaluation.read import read_metrics
from objloc.files import write_json

NAME = "scenes_seeds"
_FIGURES = {
    "success, 15 episodes, ε 0.2": "success_rate.episodes15.mean",
    "AP triggered": "ap.triggered.voc2007.mean",
    "AP attended": "ap.attended.voc2007.mean",
}


def seeds_table(result: Mapping[str, Any]) -> str:
    """Table of success rates by category and seed, their mean, and further means."""
    seeds: Mapping[str, Any] = result["seeds"]
    first = next(iter(seeds.values()))
    rows = [
        [
            category,
            _rate(fixed),
            *_with_mean([seed["success"][category] for seed in seeds.values()]),
        ]
        for category, fixed in result["fixed_box"].items()
    ]
    rows += [
        [label, "", *_with_mean([seed["figures"][label] for seed in seeds.values()])]
        for label in first["figures"]
    ]
    heads = ("", "best fixed box", *(f"seed {name}" for name in seeds), "mean")
    return table(heads, rows)


def _with_mean(values: Sequence[float]) -> list[str]:
    return [*map(_rate, values), spread(values, "**{:.3f}**", ".3f")]


def _rate(value: float) -> str:
    return f"{value:.3f}"


def figures_of(test: ImageSetMetrics) -> dict[str, Any]:
    """The figures that are kept of one seed."""
    return {
        "success": dict(test.success_rate.greedy),
        "figures": {label: test.figure(path) for label, path in _FIGURES.items()},
        "model": test.model.sha256,
    }


def run_seed(shards: Path, folder: Path, seed: int) -> ImageSetMetrics:
    """Train and measure one seed, unless that has been done; its figures on ``test``."""
    run = folder / f"seed{seed}"
    stages: list[Stage] = [
        ("train", [shards, run], run / "checkpoint.pt"),
        ("evaluate", [shards, run / "checkpoint.pt", run / "evaluate"], run / "evaluate"),
    ]
    run_stages(stages, [f"train.seed={seed}"])
    return read_metrics(run / "evaluate" / "metrics.json")["test"]


def main(
    seeds: Annotated[str, typer.Option(help="Seeds of training, separated by commas.")] = "0,1,2",
    shards: Annotated[Path, typer.Option(help="Shards of the drawn scenes.")] = ROOT
    / "data/shards",
    folder: Annotated[Path, typer.Option(help="Folder for outputs.")] = ROOT
    / ".objloc/benchmarks/scenes",
    machine: Machine = "",
    results: Annotated[Path, typer.Option(help="File of results.")] = ROOT
    / f"benchmarks/results/{NAME}.json",
) -> None:
    """Train and measure the default agent with each seed; write and print the figures."""
    result: dict[str, Any] = {"seeds": {}}
    for seed in seeds.split(","):
        test = run_seed(shards, folder, int(seed))
        result["images"] = test.images
        result["fixed_box"] = dict(test.baselines["fixed_box"].success_rate.greedy)
        result["seeds"][seed] = figures_of(test)
        write_json(results, result)
    write_run(results, f"make benchmark-scenes SEEDS={seeds}", machine)
    print(seeds_table(result))


if __name__ == "__main__":
    typer.run(main)
