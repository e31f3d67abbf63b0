"""Greedy episodes with learned steps before their trigger, on photographs.

``python -m benchmarks.refinements SHARDS CHECKPOINT --features FEATURES`` measures the success
rate of one agent by ``mdp.refinements``, the number of learned steps before an episode's trigger,
on ``val``; then on ``test`` without them and with the best number. The agent must have been
trained without ``val``. It writes ``benchmarks/results/refinements.json``. With ``--chosen`` the
number is known, and an agent that may have been trained with ``val`` is measured on ``test``
alone; it writes ``refinements_full.json``.
"""

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import torch
import typer

from benchmarks.markdown import table
from benchmarks.running import ROOT, Machine, write_run
from objloc.data.store import SampleStore
from objloc.evaluation.baselines import fit_fixed_boxes, fixed_boxes, fixed_outcomes
from objloc.evaluation.episodes import Episodes
from objloc.evaluation.success_rate import Outcomes, counted_images
from objloc.files import write_json
from objloc.network.checkpoint import Checkpoint, load_checkpoint
from objloc.network.device import CPU, use_one_thread
from objloc.network.feature_store import load_store
from objloc.params import SUCCESS_IOU
from objloc.search.policy import GreedyPolicy
from objloc.search.rollout import rollout

NAME = "refinements"
FULL = "refinements_full"
NUMBERS = (0, 1, 2, 3, 5)
_BASELINE = "best fixed box"


def refinements_table(result: Mapping[str, Any]) -> str:
    """Table of the mean success rate and of the steps by number of learned steps."""
    rows = []
    for image_set, found in result["sets"].items():
        fixed = found["fixed_box"]
        categories = [name for name in fixed if name != "mean"]
        for number, row in found["rows"].items():
            above = sum(row["success"][name] > fixed[name] for name in categories)
            rows.append(
                [
                    f"`{image_set}`, {found['images']:,}",
                    number,
                    f"**{row['success']['mean']:.3f}**",
                    f"{fixed['mean']:.3f}",
                    f"{above} of {len(categories)}",
                    f"{row['steps']:.1f}",
                ]
            )
    heads = (
        "image set, images", "learned steps", "success, mean of categories", _BASELINE,
        "categories above it", "steps in the mean",
    )  # fmt: skip
    return table(heads, rows)


def categories_table(result: Mapping[str, Any]) -> str:
    """Table of the success rate on ``test`` by category, without learned steps and with them."""
    found = result["sets"]["test"]
    rows = [
        [name, f"{fixed:.3f}", *(f"{row['success'][name]:.3f}" for row in found["rows"].values())]
        for name, fixed in found["fixed_box"].items()
    ]
    heads = (f"{number} learned steps" for number in found["rows"])
    return table(("category", _BASELINE, *heads), rows)


def success_of(checkpoint: Checkpoint, store: SampleStore, refinements: int) -> dict[str, Any]:
    """Success rates of greedy episodes, and their steps in the mean.

    Args:
        checkpoint: the agent.
        store: the images.
        refinements: number of learned steps before a trigger.
    """
    mdp = checkpoint.agent.mdp.model_copy(update={"refinements": refinements})
    counted = counted_images(store.presence(), None)
    policy = GreedyPolicy(checkpoint.network())
    done = rollout(store, policy, mdp, counted.nonzero(), torch.Generator())
    success = rates_of(Episodes.of(done, store).outcomes(counted), store.categories)
    return {"success": success, "steps": float(done.steps.double().mean())}


def rates_of(outcomes: Outcomes, categories: Sequence[str]) -> dict[str, float]:
    """Success rate of each category that has images, and their mean."""
    rates = zip(categories, outcomes.rates(SUCCESS_IOU), strict=True)
    known = {name: rate for name, rate in rates if rate is not None}
    return known | {"mean": statistics.mean(known.values())}


def best_of(rows: Mapping[str, Any]) -> int:
    """The number of learned steps with the highest mean, the fewest of equal ones."""
    return int(max(rows, key=lambda number: (rows[number]["success"]["mean"], -int(number))))


def main(
    shards: Annotated[Path, typer.Argument(help="Shards of VOC2007.")],
    checkpoint: Annotated[Path, typer.Argument(help="Agent trained without val.")],
    features: Annotated[list[Path], typer.Option(help="Features of its backbone.")] = [],  # noqa: B006  # typer copies it
    images: Annotated[int, typer.Option(help="Images of each set, its first.")] = 1000,
    chosen: Annotated[int | None, typer.Option(help="Number of learned steps on test.")] = None,
    machine: Machine = "",
) -> None:
    """Measure, write and print."""
    use_one_thread()
    loaded = load_checkpoint(checkpoint, CPU)
    trained = SampleStore.load(shards, loaded.info["image_set"], loaded.categories, None)
    boxes = fit_fixed_boxes(trained, loaded.categories, SUCCESS_IOU)
    sets: dict[str, Any] = {}
    output = ROOT / f"benchmarks/results/{NAME if chosen is None else FULL}.json"
    for image_set in ("val", "test") if chosen is None else ("test",):
        store = load_store(
            shards, image_set, loaded.categories, loaded.encoders, features, 2000
        ).first(images)
        counted = counted_images(store.presence(), None)
        fixed = rates_of(
            fixed_outcomes(store, fixed_boxes(store, boxes), counted), loaded.categories
        )
        best = best_of(sets["val"]["rows"]) if "val" in sets else chosen or 0
        numbers = NUMBERS if image_set == "val" else (0, best)
        rows = {str(each): success_of(loaded, store, each) for each in numbers}
        sets[image_set] = {"images": len(store), "fixed_box": fixed, "rows": rows}
        write_json(output, {"sets": sets})
    command = "python -m benchmarks.refinements SHARDS CHECKPOINT --features FEATURES"
    write_run(output, command if chosen is None else f"{command} --chosen {chosen}", machine)
    print(refinements_table({"sets": sets}))


if __name__ == "__main__":
    typer.run(main)
