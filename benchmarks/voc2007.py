"""The agent with a pretrained backbone on Pascal VOC 2007: from the archives to figures.

``make benchmark-voc2007`` downloads (or takes ``MIRROR``), shards, encodes, trains on
``trainval`` with each seed and measures on ``test``, below ``.objloc/benchmarks``; a stage
whose output is there is not run again. Then it writes what ``docs/results.md`` shows.
"""

import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.running import ROOT, Stage, run_stages

RESULTS = ROOT / "benchmarks" / "results"
NAME = "voc2007_pretrained"
_SETTINGS = (
    "dataset.name=voc2007",
    "train.agent=pretrained",
    "train.image_set=trainval",
    "train.val_image_set=val",
    "train.keep=last",
    "evaluate.image_sets=[test]",
    "evaluate.max_windows=300",
    "evaluate.search.soft_nms=0.3",
    "evaluate.episodes=1",
)
PAPER_TRIGGERED = (
    57.9, 56.7, 38.4, 33.0, 17.5, 51.1, 52.7, 53.0, 17.8, 39.1, 47.1, 52.2, 58.0, 57.0, 45.2,
    19.3, 42.2, 35.5, 54.8, 49.0,
)  # fmt: skip
"""Caicedo & Lazebnik (2015), table 1, TR; in Pascal VOC's order of categories."""
PAPER_ATTENDED = (
    55.5, 61.9, 38.4, 36.5, 21.4, 56.5, 58.8, 55.9, 21.4, 40.4, 46.3, 54.2, 56.9, 55.9, 45.7,
    21.1, 47.1, 41.5, 54.7, 51.4,
)  # fmt: skip
"""The same, AAR."""


def detection_table(metrics: dict[str, Any]) -> str:
    """Average precision by category beside the paper's, and the curve over budgets."""
    precision = metrics["ap"]
    rows = [
        "| category | AP triggered | paper, TR | AP attended | paper, AAR |",
        "|---|--:|--:|--:|--:|",
    ]
    categories = metrics["model"]["categories"]
    papers = [
        dict(zip([*categories, "mean"], [*values, sum(values) / len(values)], strict=True))
        for values in (PAPER_TRIGGERED, PAPER_ATTENDED)
    ]
    for category in [*categories, "mean"]:
        ours = [100 * (precision[kind]["voc2007"][category] or 0) for kind in _KINDS]
        cells = [category]
        for own, paper in zip(ours, papers, strict=True):
            cells += [f"**{own:.1f}**", f"{paper[category]:.1f}"]
        rows.append(f"| {' | '.join(cells)} |")
    search = metrics["search"]
    curve = [
        "| looks in an image, at most | in the mean | recall at IoU .5 | .6 | .7 "
        "| mAP triggered | mAP attended |",
        "|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for row in search["curve"]:
        shares = [row[f"recall_{each}"] for each in (0.5, 0.6, 0.7)]
        shares += [row["ap_triggered"], row["ap_attended"]]
        cells = [str(row["budget"]), f"{row['windows']:.0f}", *(f"{100 * x:.1f}" for x in shares)]
        curve.append(f"| {' | '.join(cells)} |")
    steps = search["steps_to_trigger"]
    return "\n".join(
        [
            *rows,
            "",
            f"{metrics['images']} images of `test`; AP of VOC2007 (11 points, IoU .5). "
            f"Windows to a trigger, the start included: median {steps['median']:g}, mean "
            f"{steps['mean']:.1f} (paper: 11 and 25.6 steps). "
            f"{search['triggers_per_image']:.2f} triggers in an image.",
            "",
            *curve,
        ]
    )


_KINDS = ("triggered", "attended")


def seeds_table(seeds: Mapping[str, Mapping[str, Any]]) -> str:
    """The headline figures over seeds: one row for each, then mean and standard deviation."""
    rows = [
        "| seed | mAP triggered | mAP attended | recall at IoU .5, 31 looks | recall, most looks |",
        "|---|--:|--:|--:|--:|",
    ]
    figures = {seed: _headline(found) for seed, found in seeds.items()}
    rows += [f"| {seed} | {_cells(values)} |" for seed, values in figures.items()]
    if len(figures) > 1:
        columns = list(zip(*figures.values(), strict=True))
        rows.append(f"| mean | {_cells([statistics.mean(each) for each in columns])} |")
        spread = _cells([statistics.stdev(each) for each in columns])
        rows.append(f"| standard deviation | {spread} |")
    return "\n".join(rows)


def _headline(found: Mapping[str, Any]) -> list[float]:
    curve = {row["budget"]: row for row in found["curve"]}
    last = curve[max(curve)]
    return [last["ap_triggered"], last["ap_attended"],
            curve[31]["recall_0.5"], last["recall_0.5"]]  # fmt: skip


def _cells(values: Sequence[float]) -> str:
    return " | ".join(f"{100 * value:.1f}" for value in values)


def run_seed(mirror: str, seed: int, folder: Path) -> dict[str, float]:
    """Run the stages of one seed; minutes of those that ran."""
    settings = [*_SETTINGS, f"dataset.mirror={mirror}", f"train.seed={seed}"]
    run = folder / f"seed{seed}"
    shards, features, checkpoint = folder / "shards", folder / "features", run / "checkpoint.pt"
    with_features = ["--features", str(features)]
    stages: list[Stage] = [
        ("download", [ROOT / "data/manifest.json", folder / "devkit"], folder / "devkit"),
        ("shard", [folder / "devkit", shards], shards),
        ("encode", [shards, features], features),
        ("train", [shards, run, *with_features], checkpoint),
        ("evaluate", [shards, checkpoint, run / "evaluate", *with_features], run / "evaluate"),
    ]
    return run_stages(stages, settings)


def collect(folder: Path) -> dict[str, Any]:
    """All figures of the first seed that was measured; of several, the searches of all too."""
    runs = {
        path.parent.parent.name.removeprefix("seed"): json.loads(path.read_text("utf-8"))
        for path in sorted(folder.glob("seed*/evaluate/metrics.json"))
    }
    first: dict[str, Any] = next(iter(runs.values()))
    searches = {seed: run["test"]["search"] for seed, run in runs.items()}
    return first | {"seeds": searches} if len(searches) > 1 else first


def main(
    mirror: Annotated[str, typer.Option(help="Folder or URL of the archives.")] = "null",
    seeds: Annotated[str, typer.Option(help="Of training, with commas.")] = "0,1,2",
    folder: Annotated[Path, typer.Option(help="Where outputs go.")] = ROOT
    / ".objloc/benchmarks/voc2007",
) -> None:
    """Reproduce the headline row, or publish it where all is there already."""
    for seed in [int(each) for each in seeds.split(",")]:
        print(f"seed {seed}: minutes: {run_seed(mirror, seed, folder)}")
    found = collect(folder)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{NAME}.json").write_text(json.dumps(found, indent=2) + "\n", "utf-8")
    print(detection_table(found["test"]))
    if "seeds" in found:
        print(seeds_table(found["seeds"]))


if __name__ == "__main__":
    typer.run(main)
