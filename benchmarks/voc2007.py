"""The agent with a pretrained backbone on Pascal VOC 2007: from the archives to figures.

``make benchmark-voc2007`` downloads the archives (or takes them from ``MIRROR``), shards,
encodes, trains on ``trainval`` with each seed and measures on ``test``, below
``.objloc/benchmarks``; a stage whose output exists is not run again. It does so with agents
of one network, and with agents of two networks with different backbones, or of three. Then
it writes the results that ``docs/results.md`` shows.
"""

import statistics
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.markdown import spread, table
from benchmarks.published import CombinedRun, Detector, DetectorRun, as_json
from benchmarks.running import (
    RESULTS,
    ROOT,
    Stage,
    mirror_in_words,
    run_stages,
    write_run,
)
from objloc.errors import ObjlocError
from objloc.evaluation.metrics import (
    KINDS_OF_DETECTIONS,
    BudgetPoint,
    ImageSetMetrics,
    SearchMetrics,
)
from objloc.evaluation.read import read_metrics
from objloc.files import write_json
from objloc.network.checkpoint import combine, load_checkpoint, save_checkpoint

NAME = "voc2007_pretrained"
COMBINED = {2: "voc2007_combined", 3: "voc2007_three"}
"""Results of agents of several networks, by their number."""
LABELS = {1: "one network", 2: "two networks", 3: "three networks"}
BACKBONES = ("efficientnet-lite0", "efficientnet-lite2", "efficientnet-lite1")
"""Backbones of the networks: the first is measured alone, and with the next, and with both."""
AT_ONCE = 2
"""Networks that are trained side by side, each with one thread."""
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
"""AP of Caicedo & Lazebnik (2015), table 1, TR, in Pascal VOC's order of categories."""
PAPER_ATTENDED = (
    55.5, 61.9, 38.4, 36.5, 21.4, 56.5, 58.8, 55.9, 21.4, 40.4, 46.3, 54.2, 56.9, 55.9, 45.7,
    21.1, 47.1, 41.5, 54.7, 51.4,
)  # fmt: skip
"""AP from the same table, AAR."""


Runs = Mapping[str, DetectorRun]
"""Figures by seed."""


def detection_table(runs: Runs) -> str:
    """Table of average precision by category and the paper's: means and deviations over seeds."""
    found = [run.ap for run in runs.values()]
    columns = list(found[0]["triggered"].voc2007)
    papers = [
        dict(zip(columns, [*values, sum(values) / len(values)], strict=True))
        for values in (PAPER_TRIGGERED, PAPER_ATTENDED)
    ]
    rows = []
    for column in columns:
        cells = [column]
        for kind, paper in zip(KINDS_OF_DETECTIONS, papers, strict=True):
            ours = [100 * (ap[kind].voc2007[column] or 0) for ap in found]
            cells += [spread(ours, "**{:.1f}**"), f"{paper[column]:.1f}"]
        rows.append(cells)
    return table(("category", "AP triggered", "paper, TR", "AP attended", "paper, AAR"), rows)


def curve_table(runs: Runs) -> str:
    """Table of recall and mean average precision by number of windows: means over seeds."""
    rows = []
    for points in zip(*(run.search.curve for run in runs.values()), strict=True):
        windows = statistics.mean(each.windows for each in points)
        cells = [str(points[0].budget), f"{windows:.0f}"]
        cells += [f"{100 * statistics.mean(value(each) for each in points):.1f}"
                  for value in _CURVE]  # fmt: skip
        rows.append(cells)
    headings = (
        "looks in an image, at most", "in the mean", "recall at IoU .5", ".6", ".7",
        "mAP triggered", "mAP attended",
    )  # fmt: skip
    return table(headings, rows, right=[0])


_CURVE: tuple[Callable[[BudgetPoint], float], ...] = (
    lambda point: point.recall_50,
    lambda point: point.recall_60,
    lambda point: point.recall_70,
    lambda point: point.ap_triggered or 0.0,
    lambda point: point.ap_attended or 0.0,
)


def seeds_table(runs: Runs) -> str:
    """Table of the figures that have a goal, by seed, with mean and deviation if several."""
    heads = ["", *(f"seed {name}" for name in runs), *["mean"] * (len(runs) > 1)]
    figures = [_figures(run) for run in runs.values()]
    rows = []
    for label in figures[0]:
        values = [each[label] for each in figures]
        cells = [f"{each:.1f}" for each in values]
        rows.append([label, *cells, *[spread(values)] * (len(values) > 1)])
    return table(heads, rows)


def headline_table(test: ImageSetMetrics, agents: Mapping[str, Runs]) -> str:
    """Table of mean average precision of agents, the paper and the baselines.

    Args:
        test: figures that include the baselines.
        agents: runs by name of the agent, then by seed.
    """
    rows = [
        [label, f"{100 * (test.baselines[name].ap.voc2007['mean'] or 0):.1f}", ""]
        for name, label in _BLIND.items()
    ]
    papers = [f"{statistics.mean(each):.1f}" for each in (PAPER_TRIGGERED, PAPER_ATTENDED)]
    rows.append(["Caicedo & Lazebnik (2015)", *papers])
    rows += [[label, "", f"{figure:.1f}"] for label, figure in _DETECTORS.items()]
    for agent, runs in agents.items():
        curves = [run.search.by_budget for run in runs.values()]
        for looks in sorted({100, max(curves[0])}):
            points = [curve[looks] for curve in curves]
            rows.append(
                [
                    f"{agent}, {looks} looks in an image at most",
                    spread([100 * (each.ap_triggered or 0) for each in points], "**{:.1f}**"),
                    spread([100 * (each.ap_attended or 0) for each in points], "**{:.1f}**"),
                ]
            )
    return table(("", "mAP triggered", "mAP attended"), rows)


_DETECTORS = {
    "R-CNN (Girshick et al. 2014): AlexNet, some 2,000 windows in an image": 54.2,
    "Fast R-CNN (Girshick 2015): VGG-16, some 2,000 windows in an image": 66.9,
}
"""Detectors that are not agents; the first figure is quoted by Caicedo & Lazebnik (2015)."""
_BLIND = {
    "random": "random searcher",
    "whole_image": "the whole image",
    "fixed_box": "the best fixed box of each category",
}


def _figures(run: DetectorRun) -> dict[str, float]:
    curve, steps = run.search.by_budget, run.search.steps_to_trigger
    largest = max(curve)
    figures = {
        f"mAP triggered, {largest} looks": 100 * (curve[largest].ap_triggered or 0),
        f"mAP attended, {largest} looks": 100 * (curve[largest].ap_attended or 0),
    }
    if 100 in curve:
        figures["mAP attended, 100 looks"] = 100 * (curve[100].ap_attended or 0)
    for looks in (31, 63, largest):
        if looks in curve:
            point = curve[looks]
            recalls = {"0.5": point.recall_50, "0.6": point.recall_60, "0.7": point.recall_70}
            for iou, recall in recalls.items():
                figures[f"recall at IoU {iou}, {looks} looks"] = 100 * recall
    return figures | {
        "windows to a trigger, the start included: median": steps.median or 0,
        "the same, mean (paper: median 11 and mean 25.6 steps)": steps.mean or 0,
        "triggers in an image": run.search.triggers_per_image,
    }


def run_seed(mirror: str, seed: int, folder: Path, networks: int) -> dict[str, dict[str, float]]:
    """Run the stages of one seed.

    Args:
        mirror: folder or address of the archives.
        seed: seed of training.
        folder: folder for outputs.
        networks: number of networks to train, each with another backbone. The first is
            measured alone, and the first two and all three as one agent.

    Returns:
        Minutes of the stages that ran, by backbone and by name of the combined agents.
    """
    backbones = BACKBONES[:networks]
    settings = {each: _settings(mirror, seed, each) for each in backbones}
    minutes = {each: run_stages(_encoding(folder, each), settings[each]) for each in backbones}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        trained = pool.map(
            lambda each: run_stages([_training(folder, seed, each)], settings[each]), backbones
        )
        for each, found in zip(backbones, trained, strict=True):
            minutes[each] |= found
    single = _run(folder, seed, BACKBONES[0])
    measured = run_stages([_evaluation(folder, single, BACKBONES[:1])], settings[BACKBONES[0]])
    minutes[BACKBONES[0]] |= measured
    for number in range(2, networks + 1):
        together = _combined(folder, seed, number)
        stages = [_evaluation(folder, together, BACKBONES[:number])]
        minutes[COMBINED[number]] = run_stages(stages, settings[BACKBONES[0]])
    return minutes


def _combined(folder: Path, seed: int, number: int) -> Path:
    """Make the run folder of the agent that combines the networks of the first backbones."""
    run = folder / f"{COMBINED[number]}{seed}"
    checkpoint = run / "checkpoint.pt"
    if not checkpoint.exists():
        paths = [_run(folder, seed, each) / "checkpoint.pt" for each in BACKBONES[:number]]
        run.mkdir(parents=True, exist_ok=True)
        save_checkpoint(checkpoint, combine({str(path): load_checkpoint(path) for path in paths}))
    return run


def _settings(mirror: str, seed: int, backbone: str) -> list[str]:
    """All settings of a stage."""
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
    """Name of an output; plain for the first backbone, which is also measured alone."""
    return name if backbone == BACKBONES[0] else f"{backbone}-{name}"


def collect_combined(seeds: Sequence[int], folder: Path, number: int) -> dict[str, CombinedRun]:
    """Collect the figures of agents of a number of networks, by seed."""
    found = {}
    for seed in seeds:
        test = read_metrics(folder / f"{COMBINED[number]}{seed}" / "evaluate/metrics.json")["test"]
        found[str(seed)] = CombinedRun(
            ap=test.ap, search=_search(test), model=test.model, data=test.data, images=test.images
        )
    return found


def collect(folder: Path) -> Detector:
    """Collect all figures of the first measured seed, and detections and searches of all seeds."""
    runs = {
        path.parent.parent.name.removeprefix("seed"): read_metrics(path)["test"]
        for path in sorted(folder.glob("seed*/evaluate/metrics.json"))
    }
    seeds = {
        seed: DetectorRun(ap=test.ap, search=_search(test), model=test.model)
        for seed, test in runs.items()
    }
    return Detector(test=next(iter(runs.values())), seeds=seeds)


def _search(test: ImageSetMetrics) -> SearchMetrics:
    if test.search is None:
        raise ObjlocError("expected an evaluation with evaluate.max_windows; found one without")
    return test.search


def main(
    mirror: Annotated[str, typer.Option(help="Folder or URL of the archives.")] = "null",
    seeds: Annotated[str, typer.Option(help="Seeds of training, separated by commas.")] = "0,1,2",
    networks: Annotated[
        int,
        typer.Option(
            help="Networks of the largest agent that is measured.", min=1, max=len(BACKBONES)
        ),
    ] = 2,
    folder: Annotated[Path, typer.Option(help="Folder for outputs.")] = ROOT
    / ".objloc/benchmarks/voc2007",
) -> None:
    """Reproduce the headline rows, or publish existing ones."""
    wanted = [int(seed) for seed in seeds.split(",")]
    ran = 0
    for seed in wanted:
        minutes = run_seed(mirror, seed, folder, networks)
        ran += any(minutes.values())
        print(f"seed {seed}: minutes: {minutes}")
    found = collect(folder)
    command = f"make benchmark-voc2007 {mirror_in_words(mirror)}SEEDS={seeds} NETWORKS={networks}"
    _publish(NAME, as_json(found), command, seeds, ran, len(found.seeds))
    print(detection_table(found.seeds))
    print(seeds_table(found.seeds))
    for number in range(2, networks + 1):
        together = collect_combined(wanted, folder, number)
        _publish(COMBINED[number], as_json(together), command, seeds, ran, len(together))
        print(seeds_table(together))


def _publish(name: str, figures: object, command: str, seeds: str, ran: int, of: int) -> None:
    """Write figures of a number of seeds and, if any ran now, where they come from."""
    output = RESULTS / f"{name}.json"
    write_json(output, figures)
    if ran:
        write_run(output, command, kept=ran < of, seed=seeds)


if __name__ == "__main__":
    typer.run(main)
