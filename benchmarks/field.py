"""The field side by side: agents of published papers on the same images, features and protocol.

``make benchmark-field`` downloads VOC2007 (or takes it from ``MIRROR``), shards and encodes it
once, trains each agent of ``ROWS`` on ``trainval`` with each seed and measures it once on
``test``, below ``.objloc/benchmarks``; what exists is not run again. After each agent it writes
``benchmarks/results/field.json``, from which ``docs/field.md`` is made.

Nothing is chosen here: parameters are the presets' of ``params.yaml``, searches those below.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from benchmarks.published import FieldRow, FieldRun, Spent, as_json, parse
from benchmarks.running import (
    RESULTS,
    ROOT,
    Stage,
    mirror_in_words,
    processor_minutes,
    run_stages,
    write_run,
)
from objloc.evaluation.metrics import ImageSetMetrics
from objloc.evaluation.read import read_metrics
from objloc.files import write_json
from objloc.params import load_params

NAME = "field"
_SETTINGS = (
    "dataset.name=voc2007",
    "train.image_set=trainval",
    "train.val_image_set=val",
    "train.keep=last",
    "evaluate.image_sets=[test]",
    "evaluate.episodes=1",
)


class Row(NamedTuple):
    """An agent of the field.

    Attributes:
        agent: its preset.
        label: as the tables name it.
        settings: how it is changed, and how it searches.
    """

    agent: str
    label: str
    settings: tuple[str, ...]


_ONE_EPISODE = ("evaluate.search.order=restarts", "evaluate.search.cross=null")
ROWS = {
    "caicedo2015": Row(
        "caicedo2015",
        "Caicedo & Lazebnik (2015)",
        ("evaluate.max_windows=200", "evaluate.search.order=restarts"),
    ),
    "bellver2016": Row(
        "bellver2016",
        "Bellver et al. (2016), pooled map",
        ("evaluate.max_windows=10", *_ONE_EPISODE),
    ),
    "bellver2016_crops": Row(
        "bellver2016",
        "Bellver et al. (2016), image crops",
        (
            "agents.bellver2016.encoder.kind=crops",
            "agents.bellver2016.encoder.image_size=224",
            "agents.bellver2016.encoder.precision=float32",
            "evaluate.max_windows=10",
            *_ONE_EPISODE,
        ),
    ),
    "treerl2016": Row(
        "treerl2016",
        "Jie et al. (2016), Tree-RL",
        ("evaluate.max_windows=63", "evaluate.search.order=tree"),
    ),
    "dqn2018": Row(
        "dqn2018",
        "the system of 2018",
        ("evaluate.max_windows=50", *_ONE_EPISODE),
    ),
    "pretrained": Row(
        "pretrained",
        "ours, one network",
        (
            "evaluate.max_windows=300",
            "evaluate.search.soft_nms=0.3",
            "evaluate.search.first_starts=1",
        ),
    ),
}
"""Agents by the name of their row."""


class Length(NamedTuple):
    """How much is run: less than everything where time is short.

    Attributes:
        categories: those that are learned and measured; None: all.
        updates: of each agent; None: as its preset says.
        images: number of images of ``test`` that are measured, its first; None: all.
    """

    categories: tuple[str, ...] | None = None
    updates: int | None = None
    images: int | None = None


def settings_of(name: str, mirror: str, seed: int, length: Length) -> list[str]:
    """All settings of a row's stages."""
    row = ROWS[name]
    settings = [
        *_SETTINGS,
        f"dataset.mirror={mirror}",
        f"train.agent={row.agent}",
        f"train.seed={seed}",
        *row.settings,
    ]
    if length.categories is not None:
        settings.append(f"train.categories=[{','.join(length.categories)}]")
    if length.images is not None:
        settings.append(f"evaluate.first_images={length.images}")
    if length.updates is not None:
        settings += of_length(row.agent, length.updates)
    return settings


def of_length(name: str, updates: int) -> list[str]:
    """Settings of an agent's run of another length, which keeps its shape.

    The learning rate and exploration fall over the same part of it.
    """
    agent = load_params(ROOT / "params.yaml", [f"train.agent={name}"]).agent
    most, of = agent.schedule.max_updates, f"agents.{name}"
    settings = [f"{of}.schedule.max_updates={updates}"]
    if most is not None:
        decay = max(1, round(agent.exploration.epsilon_decay_steps * updates / most))
        cosine = round(agent.learning.learning_rate_decay_updates * updates / most)
        settings += [
            f"{of}.exploration.epsilon_decay_steps={decay}",
            f"{of}.learning.learning_rate_decay_updates={cosine}",
        ]
    return settings


def encoding(folder: Path) -> list[Stage]:
    """The stages from archives to features, which all agents share."""
    shards, features = folder / "shards", folder / "features"
    return [
        ("download", [ROOT / "data/manifest.json", folder / "devkit"], folder / "devkit"),
        ("shard", [folder / "devkit", shards], shards),
        ("encode", [shards, features], features),
    ]


def run_row(name: str, mirror: str, seed: int, length: Length, folder: Path) -> FieldRun:
    """Train and measure an agent, unless that has been done; its figures."""
    run, shards, features = folder / f"{name}-seed{seed}", folder / "shards", folder / "features"
    settings = settings_of(name, mirror, seed, length)
    stored = () if "crops" in name or name == "dqn2018" else ("--features", features)
    stages: list[Stage] = [
        ("train", [shards, run, *stored], run / "checkpoint.pt"),
        (
            "evaluate",
            [shards, run / "checkpoint.pt", run / "evaluate", *stored],
            run / "evaluate",
        ),
    ]
    # Of runs that were interrupted between stages, too.
    kept = folder / f"{name}-seed{seed}.minutes.json"
    spent = parse(Spent, kept.read_text("utf-8")) if kept.exists() else Spent()
    for stage in stages:
        before = processor_minutes()
        minutes = run_stages([stage], settings)
        processor = dict.fromkeys(minutes, round(processor_minutes() - before, 1))
        spent = Spent(
            minutes=spent.minutes | minutes,
            processor_minutes=spent.processor_minutes | processor,
        )
        write_json(kept, as_json(spent))
    test = read_metrics(run / "evaluate/metrics.json")["test"]
    params = load_params(ROOT / "params.yaml", settings)
    return run_of(test, params.agent.schedule.max_updates, spent, settings)


def run_of(
    test: ImageSetMetrics, updates: int | None, spent: Spent, settings: Sequence[str]
) -> FieldRun:
    """The figures that are kept of one seed."""
    if test.search is None:
        raise ValueError("expected an evaluation with evaluate.max_windows; found one without")
    return FieldRun(
        ap=test.ap,
        search=test.search,
        model=test.model,
        data=test.data,
        images=test.images,
        updates=updates,
        minutes=spent.minutes,
        processor_minutes=spent.processor_minutes,
        # Not where the archives lay.
        settings=tuple(each for each in settings if not each.startswith("dataset.mirror")),
    )


def collected(path: Path) -> dict[str, FieldRow]:
    """The rows of a file of results; none if there is no file."""
    return parse(dict[str, FieldRow], path.read_text("utf-8")) if path.exists() else {}


def main(
    mirror: Annotated[str, typer.Option(help="Folder or URL of the archives.")] = "null",
    agents: Annotated[str, typer.Option(help="Rows, separated by commas.")] = ",".join(ROWS),
    seeds: Annotated[str, typer.Option(help="Seeds of training, separated by commas.")] = "0",
    categories: Annotated[str, typer.Option(help="all, or some, separated by commas.")] = "all",
    updates: Annotated[int | None, typer.Option(help="Updates of each agent.")] = None,
    images: Annotated[int | None, typer.Option(help="Images of test measured.")] = None,
    folder: Annotated[Path, typer.Option(help="Folder for outputs.")] = ROOT
    / ".objloc/benchmarks/field",
    results: Annotated[Path, typer.Option(help="File of results.")] = RESULTS / f"{NAME}.json",
) -> None:
    """Train and measure agents of the field; what exists is not run again."""
    some = None if categories == "all" else tuple(categories.split(","))
    length = Length(some, updates, images)
    common = [*_SETTINGS, f"dataset.mirror={mirror}", "train.agent=pretrained"]
    print(f"features: minutes: {run_stages(encoding(folder), common)}")
    kept, ran = results.exists(), False
    for name in agents.split(","):
        for seed in seeds.split(","):
            ran |= not (folder / f"{name}-seed{seed}" / "evaluate").exists()
            run = run_row(name, mirror, int(seed), length, folder)
            found = collected(results)
            before = found[name].seeds if name in found else {}
            found[name] = FieldRow(seeds={**before, seed: run})
            write_json(results, as_json(found))
            print(f"{name}, seed {seed}: minutes: {run.minutes}")
    part = "" if categories == "all" else f" --categories {categories}"
    part += f" --updates {updates}" if updates else ""
    part += f" --images {images}" if images else ""
    command = f"make benchmark-field {mirror_in_words(mirror)}SEEDS={seeds} AGENTS={agents}"
    command += f' FIELD="{part.strip()}"' if part else ""
    if ran:
        write_run(results, command, kept=kept, seed=seeds)


if __name__ == "__main__":
    typer.run(main)
