"""What a minimum score leaves out: boxes of an agent's searches, right and wrong.

``python -m benchmarks.scores SHARDS CHECKPOINT`` searches all images of ``val`` and ``test`` for
all categories, by greedy episodes and within budgets, counts right and wrong boxes at several
minimum scores, and writes ``benchmarks/results/scores.json``.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from benchmarks.markdown import table
from benchmarks.running import ROOT, write_run
from objloc.data.sample import Sample
from objloc.data.shard_reader import read_samples
from objloc.data.store import SampleStore
from objloc.evaluation.detections import objects_of
from objloc.evaluation.matching import Detections, Match, Objects, match
from objloc.files import write_json
from objloc.search.localiser import Localiser
from objloc.search.result import Found

NAME = "scores"
BUDGETS: tuple[int | None, ...] = (None, 50, 150)
"""Budgets of windows; None: an episode for each category."""
IMAGE_SETS = ("val", "test")


def scores_table(result: Mapping[str, Any]) -> str:
    """Table of the boxes on ``test``, with the default minimum score and without."""
    rows = []
    for row in result["test"]:
        search = "greedy episodes" if row["budget"] is None else f"{row['budget']} looks"
        for label, part in (("none", row["none"]), ("even chance", row["even"])):
            found = part["right"] / row["objects"]
            precision = part["right"] / max(1, part["right"] + part["wrong"])
            wrong = part["wrong"] / row["images"]
            rows.append([search, label, f"{found:.2f}", f"{precision:.2f}", f"{wrong:.2f}"])
    columns = ("search", "minimum score", "objects found", "precision", "wrong boxes a scene")
    return table(columns, rows)


def measure(shards: Path, agent: Localiser) -> Iterator[dict[str, Any]]:
    """Search one image set after another; yield all figures so far after each."""
    found: dict[str, Any] = {}
    for image_set in IMAGE_SETS:
        samples = list(read_samples(shards, image_set))
        store = SampleStore.from_samples(samples, agent.categories, None)
        objects = objects_of(store)
        found[image_set] = [_row(agent, samples, objects, budget) for budget in BUDGETS]
        yield found


def _row(
    agent: Localiser,
    samples: Sequence[Sample],
    objects: Mapping[str, Objects],
    budget: int | None,
) -> dict[str, Any]:
    """Counts of right and wrong boxes; those on difficult objects are neither."""
    boxes: dict[str, list[tuple[str, Found]]] = {name: [] for name in agent.categories}
    for sample in samples:
        for each in agent(sample.jpeg, None, budget, min_score=-math.inf).found:
            boxes[each.category].append((sample.image_id, each))
    row: dict[str, Any] = {"budget": budget, "images": len(samples), "objects": 0}
    row |= {name: {"right": 0, "wrong": 0} for name in ("none", "even")}
    for category, found in boxes.items():
        row["objects"] += int((~objects[category].difficult).sum())
        for name, least in (("none", -math.inf), ("even", agent.min_score)):
            kept = [each for each in found if each[1].score >= least]
            status = match(_detections(kept), objects[category]).status
            row[name]["right"] += int((status == Match.TRUE).sum())
            row[name]["wrong"] += int((status > Match.IGNORED).sum())
    return row


def _detections(found: Sequence[tuple[str, Found]]) -> Detections:
    return Detections(
        np.array([image_id for image_id, _ in found], dtype=np.str_),
        np.array([each.box for _, each in found], dtype=np.float64).reshape(-1, 4),
        np.array([each.score for _, each in found], dtype=np.float64),
    )


def main(
    shards: Annotated[Path, typer.Argument(help="Folder of shards.")],
    checkpoint: Annotated[Path, typer.Argument(help="The agent.")],
    output: Annotated[Path, typer.Option(help="File to write.")] = ROOT
    / f"benchmarks/results/{NAME}.json",
) -> None:
    """Measure, write and print."""
    for result in measure(shards, Localiser.load(checkpoint)):
        write_json(output, result)
    write_run(output, "python -m benchmarks.scores data/shards data/train/checkpoint.pt")
    print(scores_table(result))


if __name__ == "__main__":
    typer.run(main)
