"""What looking ahead is worth, in a short run: one network, four ways to learn its values.

``python -m benchmarks.ahead`` trains the network of our agent with targets of all actions and
discounts 0, .3 and .9, and with targets of the actions taken and discount .9, each for as many
minutes of one processor. It learns values alone, no learned moves and no presence, and searches
by its actions. Training uses the images of ``trainval`` that are not in ``val``, evaluation the
first of ``val``; shards and features are those of ``make benchmark-field``. An existing row is
not run again. ``docs/field.md`` shows ``benchmarks/results/ahead.json``.
"""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, NamedTuple

import torch
import typer

from benchmarks.ablation import searched, split, training_of
from benchmarks.field import of_length
from benchmarks.markdown import table
from benchmarks.published import Ahead, AheadRow, as_json, resumed
from benchmarks.running import ROOT, write_run
from objloc.data.store import SampleStore
from objloc.files import write_json
from objloc.params import Params, load_params

NAME = "ahead"
RESULTS = ROOT / "benchmarks" / "results" / f"{NAME}.json"
LOOKS = 100
CATEGORIES = ("cat", "cow", "dog", "horse", "sheep")
_SHOWN = (31, LOOKS)
_TRIAL = 15
"""Updates by which the cost of one is measured; as many before them are not timed."""
_VALUES_ALONE = (
    "head.presence=false",
    "head.learned_steps=false",
    "mdp.refinements=0",
    "head.learned_zooms=false",
    "learning.landed_windows=0",
)
_BY_ACTIONS = (
    "presence_weight=0",
    "least_presence=0",
    "learned_steps=null",
    "learned_zooms=null",
    "soft_nms=0.3",
    "first_starts=1",
)


class Row(NamedTuple):
    """A way to learn values.

    Attributes:
        what: description of it.
        settings: parameters below ``agents.pretrained``.
        share: fraction of the minutes that it takes.
        seed: seed of training.
    """

    what: str
    settings: tuple[str, ...]
    share: float = 1.0
    seed: int = 0


_NONE, _LITTLE = ("learning.discount=0",), ("learning.discount=0.3",)
ROWS: dict[str, Row] = {
    "none": Row("all actions, discount 0", _NONE),
    "none_seed1": Row("the same, seed 1", _NONE, seed=1),
    "none_fifth": Row("the same as the first, a fifth of the minutes", _NONE, share=0.2),
    "little": Row("all actions, discount .3", _LITTLE),
    "little_seed1": Row("the same, seed 1", _LITTLE, seed=1),
    "far": Row("all actions, discount .9", ("learning.discount=0.9",)),
    "taken": Row(
        "the actions taken, discount .9",
        (
            "learning.backup=sampled",
            "learning.discount=0.9",
            "learning.object_windows=0",
            "learning.start_windows=0",
            "learning.flip=false",
            "schedule.absent_episodes=0.25",
        ),
    ),
}
"""Rows by name."""


def params_of(name: str, updates: int | None = None) -> Params:
    """Load the parameters of a row; with another number of updates a run keeps its shape."""
    settings = [
        "train.agent=pretrained",
        f"train.seed={ROWS[name].seed}",
        f"train.categories=[{','.join(CATEGORIES)}]",
        f"evaluate.max_windows={LOOKS}",
        "agents.pretrained.schedule.evaluations=1",
        *(f"agents.pretrained.{each}" for each in (*_VALUES_ALONE, *ROWS[name].settings)),
        *(f"evaluate.search.{each}" for each in _BY_ACTIONS),
        *(() if updates is None else of_length("pretrained", updates)),
    ]
    return load_params(ROOT / "params.yaml", settings)


def updates_in(minutes: float, params: Params, train: SampleStore) -> int:
    """Number of updates, with all that is done beside them, in some minutes of the processor."""
    training, began = training_of(params, train), 0.0
    for status in training.run():
        if status.updates <= _TRIAL:
            began = time.process_time()
        if status.updates == 2 * _TRIAL:
            break
    return max(1, round(60 * minutes * _TRIAL / (time.process_time() - began)))


def run(name: str, folder: Path, minutes: float, images: int) -> AheadRow:
    """Train and measure one row."""
    params = params_of(name)
    train, val = split(params, folder, images)
    updates = updates_in(minutes * ROWS[name].share, params, train)
    params = params_of(name, updates)
    began, training = time.process_time(), training_of(params, train)
    for status in training.run():
        if status.updates % 50 == 0:
            print(f"\r{name} {status.progress:4.0%}", end="", flush=True)
    spent = (time.process_time() - began) / 60
    summary = searched(training.learner.kept, params, val, LOOKS).summary().as_json()
    known = {"updates": updates, "processor_minutes": round(spent, 1)}
    return AheadRow.model_validate(known | summary)


def described(found: Ahead, how: list[str]) -> list[str]:
    """Parts of the page's text: what was measured, how, and the table."""
    return [found.protocol, *how, ahead_table(found.rows)]


def ahead_table(rows: Mapping[str, AheadRow]) -> str:
    """Table of the rows in order."""
    lines = []
    for name, row in ((each, rows[each]) for each in ROWS if each in rows):
        few, many = (
            next(point for point in row.curve if point.budget == looks) for looks in _SHOWN
        )
        figures = (
            few.recall_50, many.recall_50, many.recall_70, many.ap_triggered or 0.0,
            few.ap_attended or 0.0, many.ap_attended or 0.0,
        )  # fmt: skip
        shown = [f"{100 * each:.1f}" for each in figures]
        steps = row.steps_to_trigger.median
        lines.append(
            [
                ROWS[name].what,
                f"{row.updates:,}",
                f"{row.processor_minutes:.1f}",
                *shown,
                "none" if steps is None else f"{steps:.0f}",
            ]
        )
    headings = (
        "values learned from", "updates", "minutes of a processor", "recall at IoU .5, 31 looks",
        "100 looks", "at IoU .7", "mAP triggered, 100 looks", "mAP attended, 31 looks",
        "100 looks", "steps to a trigger, median",
    )  # fmt: skip
    return table(headings, lines)


def main(
    rows: Annotated[str, typer.Option(help="Names separated by commas.")] = ",".join(ROWS),
    minutes: Annotated[float, typer.Option(help="Minutes of a processor for each row.")] = 60.0,
    images: Annotated[int, typer.Option(help="Images of val measured, the first.")] = 300,
    folder: Annotated[Path, typer.Option(help="Folder with shards and features.")] = ROOT
    / ".objloc/benchmarks/field",
    results: Annotated[Path, typer.Option(help="File of results.")] = RESULTS,
) -> None:
    """Run the rows that the file of results lacks, with one thread."""
    torch.set_num_threads(1)
    found = Ahead(minutes=minutes, images=images, categories=CATEGORIES, rows={})
    found = resumed(results, found, "rows")
    kept = len(found.rows)
    for name in rows.split(","):
        if name not in found.rows:
            row = run(name, folder, minutes, images)
            found = found.model_copy(update={"rows": {**found.rows, name: row}})
            write_json(results, as_json(found))
    if len(found.rows) > kept:
        command = f"python -m benchmarks.ahead --minutes {minutes:g}"
        write_run(results, command, kept=bool(kept), seed="0")
    print(ahead_table(found.rows))


if __name__ == "__main__":
    typer.run(main)
