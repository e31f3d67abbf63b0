"""The agent that learns photographs from scratch: from the archives to figures.

``make benchmark-scratch`` downloads the archives (or takes them from ``MIRROR``), shards
them by year, trains the headline row with each seed and measures it, below
``.objloc/benchmarks``; a stage whose output exists is not run again.
``python -m benchmarks.scratch --rows questions`` does the same for the questions of the
2018 dissertation, with a shorter training, and ``--rows dqn2018`` for its agent, which
learns only cats. The results are written to ``benchmarks/results``, and
``docs/results.md`` shows them.
"""

import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer

from benchmarks.markdown import spread, table
from benchmarks.published import (
    Questions,
    ScratchPrecision,
    ScratchRun,
    ScratchRuns,
    as_json,
    known,
)
from benchmarks.running import RESULTS, ROOT, Stage, run_stages, write_run
from objloc.errors import ObjlocError
from objloc.evaluation.baselines import BASELINES
from objloc.evaluation.metrics import Figures, ImageSetMetrics
from objloc.evaluation.read import read_metrics
from objloc.files import write_json
from objloc.params import load_params
from objloc.wording import fraction, span

FIVE = ("cat", "dog", "cow", "horse", "person")
"""Categories of the dissertation."""
ANIMALS = FIVE[:4]
UNSEEN = "sheep"
_DATA = ("dataset.name=voc2007+2012", "shard.split=by_year")
_LEARNED = (
    "train.agent=scratch",
    "train.val_image_set=val_2012",
    f"train.val_categories=[{','.join(FIVE)}]",
    "train.keep=last",
)
_SHORT = (
    "agents.scratch.encoder.image_size=96",
    # The agent at the time when these rows were chosen.
    "agents.scratch.mdp.trigger_cost=3.0",
    "agents.scratch.mdp.refinements=0",
    "agents.scratch.head.learned_steps=false",
    "agents.scratch.learning.absent_reward=-3.0",
    "agents.scratch.schedule.max_updates=800",
    "agents.scratch.schedule.passes=50",
    "agents.scratch.schedule.evaluations=1",
    "agents.scratch.schedule.train_images=null",
    "agents.scratch.learning.learning_rate_decay_updates=800",
)
_FIVE = ("train.image_set=train_2012", f"train.categories=[{','.join(FIVE)}]", *_SHORT)
ROWS: dict[str, tuple[str, ...]] = {
    "headline": ("train.image_set=trainval_2007+train_2012",),
    "five": _FIVE,
    "curriculum": (
        *_FIVE,
        f"train.curriculum=[{','.join(FIVE)}]",
        # All phases together have as many updates as the other rows.
        "agents.scratch.schedule.max_updates=160",
        "agents.scratch.learning.learning_rate_decay_updates=160",
    ),
    "dropout": (*_FIVE, "agents.scratch.head.dropout=0.5"),
    "grey": (*_FIVE, "agents.scratch.encoder.greyscale=true"),
    "with2007": (*_FIVE, "train.image_set=trainval_2007+train_2012"),
    "four": (*_FIVE, f"train.categories=[{','.join(ANIMALS)}]",
             f"train.val_categories=[{','.join(ANIMALS)}]"),
    # Network and preset of 2018, which learned one category at a time.
    "dqn2018": ("train.agent=dqn2018", "train.image_set=train_2012", "train.categories=[cat]",
                "train.val_categories=[cat]", "train.keep=best",
                "agents.dqn2018.schedule.evaluations=5"),
}  # fmt: skip
"""Settings of each row, in addition to those of all rows."""
QUESTIONS = {
    "five": "all five at once, VOC2012 alone, colour, no dropout",
    "curriculum": "one category after another: cat, dog, cow, horse, person",
    "dropout": "dropout .5 in the head",
    "grey": "without colour",
    "with2007": "VOC2007 added to VOC2012",
    "four": "four animals; person was not learned",
}
LOOKS = 50


def settings_of(row: str, mirror: str, seed: int) -> list[str]:
    """All settings of a row."""
    headline = row == "headline"
    return [
        *_DATA,
        *_LEARNED,
        *ROWS[row],
        f"dataset.mirror={mirror}",
        f"train.seed={seed}",
        "evaluate.image_sets=[test_2012,test_2007]",
        f"evaluate.answer_windows={LOOKS}",
        f"evaluate.max_windows={100 if headline else 1}",
        "evaluate.search.beyond_triggers=true",
        "evaluate.search.starts=[[1,1.0],[2,0.65]]",
        "evaluate.episodes=1",
    ]


def run_row(row: str, mirror: str, seed: int, folder: Path) -> dict[str, float]:
    """Run the stages of one row; return the minutes of those that ran."""
    run = folder / (f"seed{seed}" if row == "headline" else f"{row}_seed{seed}")
    shards, checkpoint = folder / "shards", run / "checkpoint.pt"
    stages: list[Stage] = [
        ("download", [ROOT / "data/manifest.json", folder / "devkit"], folder / "devkit"),
        ("shard", [folder / "devkit", shards], shards),
        ("train", [shards, run], checkpoint),
        ("evaluate", [shards, checkpoint, run / "evaluate"], run / "evaluate"),
    ]
    return run_stages(stages, settings_of(row, mirror, seed))


def collect(row: str, folder: Path) -> ScratchRuns | None:
    """Collect the figures of all measured seeds of a row; None if there are none."""
    prefix = "seed" if row == "headline" else f"{row}_seed"
    runs = {
        path.parent.parent.name.removeprefix(prefix): read_metrics(path)
        for path in sorted(folder.glob(f"{prefix}*/evaluate/metrics.json"))
    }
    if not runs:
        return None
    return {
        seed: {image_set: _kept(part) for image_set, part in metrics.items()}
        for seed, metrics in runs.items()
    }


def _kept(metrics: ImageSetMetrics) -> ScratchRun:
    """Published figures of one run on one image set."""
    if metrics.answer is None:
        raise ObjlocError("expected an evaluation with evaluate.answer_windows; found one without")
    return ScratchRun(
        images=metrics.images,
        images_by_category=metrics.images_by_category,
        first_trigger=metrics.success_rate.greedy,
        answer=metrics.answer,
        interval=metrics.interval.success_rate,
        blind={name: each.success_rate.greedy for name, each in metrics.baselines.items()},
        ap=ScratchPrecision(
            triggered=metrics.ap["triggered"].voc2007,
            attended=metrics.ap["attended"].voc2007,
            fixed_box=metrics.baselines["fixed_box"].ap.voc2007,
        ),
        steps=metrics.steps,
        data=metrics.data,
        model=metrics.model.sha256,
    )


def headline_table(runs: ScratchRuns) -> str:
    """Table of both rules and the baselines, by category, over seeds."""
    parts = []
    headings = (
        "category", "images", "random", "whole image", "best fixed box", "first trigger",
        f"**answer after {LOOKS} looks**", f"95 % interval over images, seed {next(iter(runs))}",
        "gain over the best blind",
    )  # fmt: skip
    for image_set, categories in (("test_2012", ANIMALS), ("test_2007", FIVE)):
        sets = [run[image_set] for run in runs.values()]
        rows = [_category_row(sets, category) for category in categories]
        rows.append(_mean_row(sets, categories))
        parts += [f"Image set `{image_set}`.", table(headings, rows, centre=[7])]
    sets = [run["test_2007"] for run in runs.values()]

    def percent(values: Iterable[Figures]) -> str:
        return spread(100 * known(each, "mean") for each in values)

    def mean(values: Iterable[Figures]) -> str:
        return _spread(known(each, "mean") for each in values)

    parts.append(
        f"All twenty categories of `test_2007`, ranked (AP of VOC2007, IoU .5, one search of at "
        f"most 100 looks in each of {sets[0].images} images): mAP attended "
        f"**{percent(each.ap.attended for each in sets)}**, triggered "
        f"**{percent(each.ap.triggered for each in sets)}**; best fixed box "
        f"{100 * known(sets[0].ap.fixed_box, 'mean'):.1f}. Success of the twenty in the mean: "
        f"first trigger {mean(each.first_trigger for each in sets)}, answer "
        f"{mean(each.answer.success_rate for each in sets)}, best fixed box "
        f"{_rate(known(sets[0].blind['fixed_box'], 'mean'))}."
    )
    return "\n\n".join(parts)


def _category_row(sets: Sequence[ScratchRun], category: str) -> list[str]:
    first = sets[0]
    blind = [known(first.blind[name], category) for name in BASELINES]
    answers = [known(each.answer.success_rate, category) for each in sets]
    reach = first.answer.interval.success_rate[category]
    return [
        category,
        str(first.images_by_category[category]),
        *(_rate(value) for value in blind),
        _spread(known(each.first_trigger, category) for each in sets),
        f"**{_spread(answers)}**",
        span(reach, _rate),
        f"{statistics.mean(answers) - max(blind):+.2f}",
    ]


def _mean_row(sets: Sequence[ScratchRun], categories: Sequence[str]) -> list[str]:
    blind = [_mean(sets[0].blind[name], categories) for name in BASELINES]
    answers = [_mean(each.answer.success_rate, categories) for each in sets]
    return [
        "mean",
        "",
        *(_rate(value) for value in blind),
        _spread(_mean(each.first_trigger, categories) for each in sets),
        f"**{_spread(answers)}**",
        "",
        f"{statistics.mean(answers) - max(blind):+.2f}",
    ]


def _mean(figures: Figures, categories: Sequence[str]) -> float:
    return statistics.mean(known(figures, category) for category in categories)


def baseline_table(runs: ScratchRuns) -> str:
    """Table of the agent of 2018, which knows one category, and the baselines."""
    sets = {name: [run[name] for run in runs.values()] for name in next(iter(runs.values()))}
    rows = []
    for name, each in sets.items():
        ((category, images),) = each[0].images_by_category.items()
        rows.append(
            [
                f"`{name}`, {category}",
                str(images),
                *(_rate(known(each[0].blind[searcher], category)) for searcher in BASELINES),
                _spread(known(one.first_trigger, category) for one in each),
                _spread(known(one.answer.success_rate, category) for one in each),
            ]
        )
    headings = (
        "image set, category", "images", "random", "whole image", "best fixed box",
        "first trigger", f"answer after {LOOKS} looks",
    )  # fmt: skip
    return table(headings, rows)


def questions_table(found: Questions) -> str:
    """Table of the success of each variant's answers on ``test_2007``, over seeds."""
    rows = []
    blind = next(iter(found.rows["five"].values()))["test_2007"].blind["fixed_box"]
    for row, runs in found.rows.items():
        sets = [run["test_2007"].answer.success_rate for run in runs.values()]
        learned = [category for category in FIVE if category in sets[0]]
        cells = [
            _spread(known(each, category) for each in sets) if category in learned else "-"
            for category in FIVE
        ]
        means = _spread(_mean(each, learned) for each in sets)
        rows.append([QUESTIONS[row], str(len(sets)), *cells, means])
    cells = [_rate(known(blind, category)) for category in FIVE]
    rows.append(["*best fixed box*", "-", *cells, _rate(_mean(blind, FIVE))])
    parts = [table(("what was learned", "seeds", *FIVE, "mean of those learned"), rows)]
    if found.unseen:
        some = next(iter(found.unseen.values()))
        searched = [
            f"{name} {_spread(known(run.answer, name) for run in found.unseen.values())}"
            for name in some.answer
        ]
        parts.append(
            f"An agent that learned the four animals, sent to find a {UNSEEN}, which it never saw, "
            f"in the {some.images} images of `test_2007` that hold one, as if it were a "
            f"{', '.join(searched)}. Best fixed box of {UNSEEN} (which knows what a {UNSEEN} "
            f"looks like on average) {_rate(some.fixed_box)}, whole image "
            f"{_rate(some.whole_image)}."
        )
    return "\n\n".join(parts)


def _rate(value: float | None) -> str:
    return fraction(value, ".2f")


def _spread(values: Iterable[float]) -> str:
    """Mean success, with the standard deviation over seeds if there are several."""
    return spread(values, "{:.2f}", ".2f").replace("0.", ".")


def main(
    mirror: Annotated[str, typer.Option(help="Folder or URL of the archives.")] = "null",
    rows: Annotated[
        Literal["headline", "questions", "dqn2018"], typer.Option(help="Rows to run.")
    ] = "headline",
    seeds: Annotated[str, typer.Option(help="Seeds of training, separated by commas.")] = "0,1,2",
    folder: Annotated[Path, typer.Option(help="Folder for outputs.")] = ROOT
    / ".objloc/benchmarks/scratch",
    publish_only: Annotated[bool, typer.Option(help="Do not run anything.")] = False,
) -> None:
    """Reproduce rows of results, or publish existing ones."""
    names = list(QUESTIONS) if rows == "questions" else [rows]
    ran = 0
    for seed in [] if publish_only else [int(each) for each in seeds.split(",")]:
        for row in names:
            minutes = run_row(row, mirror, seed, folder)
            ran += bool(minutes)
            print(f"{row}, seed {seed}: minutes: {minutes}")
    found = {row: runs for row in names if (runs := collect(row, folder)) is not None}
    if not found:
        raise typer.BadParameter(
            f"{folder}: expected measured runs of {', '.join(names)} in it; found none"
        )
    RESULTS.mkdir(exist_ok=True)
    if rows != "questions":
        name = _FILES[rows]
        _write(name, found[rows])
    else:
        from benchmarks.unseen import find_unseen

        search = load_params(ROOT / "params.yaml", settings_of("four", "null", 0)).evaluate.search
        unseen = find_unseen(folder, UNSEEN, LOOKS, search)
        name = "voc_scratch_questions"
        _write(name, Questions(rows=found, unseen=unseen))
    if ran:
        given = "" if mirror == "null" else " --mirror FOLDER"
        command = f"python -m benchmarks.scratch --rows {rows}{given}"
        kept = ran < sum(map(len, found.values()))
        write_run(RESULTS / f"{name}.json", f"{command} --seeds {seeds}", kept=kept, seed=seeds)


def _write(name: str, results: object) -> None:
    write_json(RESULTS / f"{name}.json", as_json(results))


_FILES = {"headline": "voc_scratch", "dqn2018": "voc_scratch_dqn2018"}


if __name__ == "__main__":
    typer.run(main)
