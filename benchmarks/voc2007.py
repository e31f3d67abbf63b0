"""The agent with a pretrained backbone on Pascal VOC 2007: from the archives to figures.

``make benchmark-voc2007`` downloads (or takes ``MIRROR``), shards, encodes, trains on
``trainval`` and measures on ``test``, below ``.objloc/benchmarks``; a stage whose output
is there is not run again. Then it writes what ``docs/results.md`` shows.
"""

import json
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
    "evaluate.max_windows=100",
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


def main(
    mirror: Annotated[str, typer.Option(help="Folder or URL of the archives.")] = "null",
    seed: Annotated[int, typer.Option(help="Of training.")] = 0,
    folder: Annotated[Path, typer.Option(help="Where outputs go.")] = ROOT
    / ".objloc/benchmarks/voc2007",
) -> None:
    """Reproduce the headline row, or publish it where all is there already."""
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
    minutes = run_stages(stages, settings)
    metrics = json.loads((run / "evaluate" / "metrics.json").read_text("utf-8"))
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{NAME}.json").write_text(json.dumps(metrics, indent=2) + "\n", "utf-8")
    print(detection_table(metrics["test"]))
    print(f"minutes: {minutes}")


if __name__ == "__main__":
    typer.run(main)
