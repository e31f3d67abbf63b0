"""The agent with a pretrained backbone on Pascal VOC 2007: from the archives to figures.

``make benchmark-voc2007`` downloads (or takes ``MIRROR``), shards, encodes, trains on
``trainval`` with each seed and measures on ``test``, below ``.objloc/benchmarks``; a stage
whose output is there is not run again. It does so with agents of one network, and with
agents of two, each with a backbone of its own. Then it writes what ``docs/results.md`` shows.
"""

import json
import statistics
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.running import ROOT, Stage, run_stages
from objloc.files import write_json
from objloc.network.checkpoint import combine, load_checkpoint, save_checkpoint

RESULTS = ROOT / "benchmarks" / "results"
NAME = "voc2007_pretrained"
COMBINED = "voc2007_combined"
BACKBONES = ("efficientnet-lite0", "efficientnet-lite2")
"""Of the networks of a combined agent; the first is measured alone too."""
_SETTINGS = (
    "dataset.name=voc2007",
    "train.agent=pretrained",
    "train.image_set=trainval",
    "train.val_image_set=val",
    "train.keep=last",
    "evaluate.image_sets=[test]",
    "evaluate.max_windows=300",
    "evaluate.search.soft_nms=0.3",
    "evaluate.search.first_starts=1",
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


Runs = Mapping[str, Mapping[str, Any]]
"""By seed: ``ap`` and ``search`` of its ``metrics.json``."""


def detection_table(runs: Runs) -> str:
    """Average precision by category beside the paper's: means over seeds, and deviations."""
    rows = [
        "| category | AP triggered | paper, TR | AP attended | paper, AAR |",
        "|---|--:|--:|--:|--:|",
    ]
    found = [run["ap"] for run in runs.values()]
    columns = list(found[0]["triggered"]["voc2007"])
    categories = [each for each in columns if each != "mean"]
    papers = [
        dict(zip([*categories, "mean"], [*values, sum(values) / len(values)], strict=True))
        for values in (PAPER_TRIGGERED, PAPER_ATTENDED)
    ]
    for column in [*categories, "mean"]:
        cells = [column]
        for kind, paper in zip(_KINDS, papers, strict=True):
            ours = [100 * (ap[kind]["voc2007"][column] or 0) for ap in found]
            cells += [_mean(ours, "**{:.1f}**"), f"{paper[column]:.1f}"]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


_KINDS = ("triggered", "attended")


def _mean(values: Sequence[float], form: str = "{:.1f}") -> str:
    """The mean, and of several the standard deviation."""
    mean = form.format(statistics.mean(values))
    return f"{mean} ± {statistics.stdev(values):.1f}" if len(values) > 1 else mean


def curve_table(runs: Runs) -> str:
    """Recall and mean average precision against the budget: means over seeds."""
    rows = [
        "| looks in an image, at most | in the mean | recall at IoU .5 | .6 | .7 "
        "| mAP triggered | mAP attended |",
        "|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for points in zip(*(run["search"]["curve"] for run in runs.values()), strict=True):
        windows = statistics.mean(each["windows"] for each in points)
        cells = [str(points[0]["budget"]), f"{windows:.0f}"]
        cells += [f"{100 * statistics.mean(each[name] for each in points):.1f}" for name in _CURVE]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


_CURVE = ("recall_0.5", "recall_0.6", "recall_0.7", "ap_triggered", "ap_attended")


def seeds_table(runs: Runs) -> str:
    """The figures that have a goal, by seed; of several, mean and standard deviation too."""
    names = list(runs)
    heads = [f"seed {name}" for name in names] + ["mean"] * (len(names) > 1)
    rows = [f"| | {' | '.join(heads)} |", f"|---|{'--:|' * len(heads)}"]
    figures = [_figures(run) for run in runs.values()]
    for label in figures[0]:
        values = [each[label] for each in figures]
        cells = [f"{each:.1f}" for each in values]
        rows.append(f"| {' | '.join([label, *cells, *[_mean(values)] * (len(values) > 1)])} |")
    return "\n".join(rows)


def headline_table(test: Mapping[str, Any], agents: Mapping[str, Runs]) -> str:
    """Mean average precision of agents beside the paper's, and of searchers that look at nothing.

    Args:
        test: figures that have the baselines.
        agents: runs by seed, by what the agent is called.
    """
    rows = ["| | mAP triggered | mAP attended |", "|---|--:|--:|"]
    for name, label in _BLIND.items():
        rows.append(f"| {label} | {100 * test['baselines'][name]['ap']['voc2007']['mean']:.1f} | |")
    papers = [statistics.mean(each) for each in (PAPER_TRIGGERED, PAPER_ATTENDED)]
    rows.append(f"| Caicedo & Lazebnik (2015) | {papers[0]:.1f} | {papers[1]:.1f} |")
    rows += [f"| {label} | | {figure:.1f} |" for label, figure in _DETECTORS.items()]
    for agent, runs in agents.items():
        curves = [{row["budget"]: row for row in run["search"]["curve"]} for run in runs.values()]
        for looks in sorted({100, max(curves[0])}):
            cells = [
                _mean([100 * curve[looks][f"ap_{kind}"] for curve in curves], "**{:.1f}**")
                for kind in _KINDS
            ]
            rows.append(f"| {agent}, {looks} looks in an image at most | {' | '.join(cells)} |")
    return "\n".join(rows)


_DETECTORS = {
    "R-CNN (Girshick et al. 2014): AlexNet, some 2,000 windows in an image": 54.2,
    "Fast R-CNN (Girshick 2015): VGG-16, some 2,000 windows in an image": 66.9,
}
"""Not agents, and of images as they are; the first as Caicedo & Lazebnik (2015) give it."""
_BLIND = {
    "random": "random searcher",
    "whole_image": "the whole image",
    "fixed_box": "the best fixed box of each category",
}


def _figures(run: Mapping[str, Any]) -> dict[str, float]:
    search = run["search"]
    curve = {row["budget"]: row for row in search["curve"]}
    most = max(curve)
    asked = {
        f"mAP triggered, {most} looks": (most, "ap_triggered"),
        f"mAP attended, {most} looks": (most, "ap_attended"),
        "mAP attended, 100 looks": (100, "ap_attended"),
        **{
            f"recall at IoU {iou}, {looks} looks": (looks, f"recall_{iou}")
            for looks in (31, 63, most)
            for iou in (0.5, 0.6, 0.7)
        },
    }
    figures = {
        label: 100 * curve[looks][name] for label, (looks, name) in asked.items() if looks in curve
    }
    steps = search["steps_to_trigger"]
    return figures | {
        "windows to a trigger, the start included: median": steps["median"],
        "the same, mean (paper: median 11 and mean 25.6 steps)": steps["mean"],
        "triggers in an image": search["triggers_per_image"],
    }


def run_seed(
    mirror: str, seed: int, folder: Path, *, combined: bool
) -> dict[str, dict[str, float]]:
    """Run the stages of one seed.

    Args:
        mirror: of the archives.
        seed: of training.
        folder: where outputs go.
        combined: train a network for each backbone, side by side, and measure them as one
            agent too.

    Returns:
        Minutes of the stages that ran: by backbone, and of the agent of both.
    """
    backbones = BACKBONES if combined else BACKBONES[:1]
    settings = {each: _settings(mirror, seed, each) for each in backbones}
    minutes = {each: run_stages(_encoding(folder, each), settings[each]) for each in backbones}
    with ThreadPoolExecutor(len(backbones)) as pool:
        trained = pool.map(
            lambda each: run_stages([_training(folder, seed, each)], settings[each], 1), backbones
        )
        for each, found in zip(backbones, trained, strict=True):
            minutes[each] |= found
    single = _run(folder, seed, BACKBONES[0])
    measured = run_stages([_evaluation(folder, single, BACKBONES[:1])], settings[BACKBONES[0]])
    minutes[BACKBONES[0]] |= measured
    if combined:
        both = _combined(folder, seed)
        stages = [_evaluation(folder, both, BACKBONES)]
        minutes["both"] = run_stages(stages, settings[BACKBONES[0]])
    return minutes


def _combined(folder: Path, seed: int) -> Path:
    """The run folder of one agent made of those of both backbones; makes it."""
    run = folder / f"combined{seed}"
    checkpoint = run / "checkpoint.pt"
    if not checkpoint.exists():
        paths = [_run(folder, seed, each) / "checkpoint.pt" for each in BACKBONES]
        run.mkdir(parents=True, exist_ok=True)
        save_checkpoint(checkpoint, combine({str(path): load_checkpoint(path) for path in paths}))
    return run


def _settings(mirror: str, seed: int, backbone: str) -> list[str]:
    """All that a stage is told."""
    return [
        *_SETTINGS,
        f"dataset.mirror={mirror}",
        f"train.seed={seed}",
        f"agents.pretrained.encoder.backbone={backbone}",
    ]


def _encoding(folder: Path, backbone: str) -> list[Stage]:
    """The stages from archives to features."""
    shards, features = folder / "shards", _features(folder, backbone)
    return [
        ("download", [ROOT / "data/manifest.json", folder / "devkit"], folder / "devkit"),
        ("shard", [folder / "devkit", shards], shards),
        ("encode", [shards, features], features),
    ]


def _training(folder: Path, seed: int, backbone: str) -> Stage:
    """The stage that trains a network."""
    run, features = _run(folder, seed, backbone), _features(folder, backbone)
    return ("train", [folder / "shards", run, "--features", features], run / "checkpoint.pt")


def _evaluation(folder: Path, run: Path, backbones: Sequence[str]) -> Stage:
    """The stage that measures a run's checkpoint."""
    out = run / "evaluate"
    features = [part for each in backbones for part in ("--features", _features(folder, each))]
    return ("evaluate", [folder / "shards", run / "checkpoint.pt", out, *features], out)


def _features(folder: Path, backbone: str) -> Path:
    return folder / _named("features", backbone)


def _run(folder: Path, seed: int, backbone: str) -> Path:
    return folder / _named(f"seed{seed}", backbone)


def _named(name: str, backbone: str) -> str:
    """The first backbone's outputs have plain names: they are measured alone too."""
    return name if backbone == BACKBONES[0] else f"{backbone}-{name}"


def collect_combined(seeds: Sequence[int], folder: Path) -> dict[str, Any]:
    """Figures of the combined agents, by seed."""
    kept = ("ap", "search", "model", "data", "images")
    found = {}
    for seed in seeds:
        path = folder / f"combined{seed}" / "evaluate/metrics.json"
        test = json.loads(path.read_text("utf-8"))["test"]
        found[str(seed)] = {name: test[name] for name in kept}
    return found


def collect(folder: Path) -> dict[str, Any]:
    """All figures of the first seed that was measured; detections and searches of all."""
    runs = {
        path.parent.parent.name.removeprefix("seed"): json.loads(path.read_text("utf-8"))
        for path in sorted(folder.glob("seed*/evaluate/metrics.json"))
    }
    first: dict[str, Any] = next(iter(runs.values()))
    seeds = {
        seed: {name: run["test"][name] for name in ("ap", "search", "model")}
        for seed, run in runs.items()
    }
    return first | {"seeds": seeds}


def main(
    mirror: Annotated[str, typer.Option(help="Folder or URL of the archives.")] = "null",
    seeds: Annotated[str, typer.Option(help="Of training, with commas.")] = "0,1,2",
    combined: Annotated[
        bool, typer.Option(help="Measure agents of two networks too, one for each seed.")
    ] = True,
    folder: Annotated[Path, typer.Option(help="Where outputs go.")] = ROOT
    / ".objloc/benchmarks/voc2007",
) -> None:
    """Reproduce the headline rows, or publish them where all is there already."""
    wanted = [int(seed) for seed in seeds.split(",")]
    for seed in wanted:
        print(f"seed {seed}: minutes: {run_seed(mirror, seed, folder, combined=combined)}")
    found = collect(folder)
    write_json(RESULTS / f"{NAME}.json", found)
    print(detection_table(found["seeds"]))
    print(seeds_table(found["seeds"]))
    if not combined:
        return
    together = collect_combined(wanted, folder)
    write_json(RESULTS / f"{COMBINED}.json", together)
    print(seeds_table(together))


if __name__ == "__main__":
    typer.run(main)
