"""What each part of the agent with a pretrained backbone is worth, on VOC2007 val.

``python -m benchmarks.ablation`` trains the agent once for every row with one thing
changed, all with the same number of updates, seed and images, far fewer than the
headline's, and measures each by the search that the headline uses. It reads the shards
and features of ``make benchmark-voc2007`` (below ``.objloc/benchmarks/voc2007``), learns
from the images of ``trainval`` that are not in ``val``, and measures on the first images
of ``val``. A row that is there already is not run again; ``--rows`` names some, so that
several processes can share the work. The result is what ``docs/results.md`` shows.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import torch
import typer

from benchmarks.running import ROOT
from objloc.agent.features import load_store
from objloc.agent.network import QNetwork, build_network
from objloc.agent.training import Training
from objloc.evaluation.ledger import Ledger
from objloc.evaluation.search import search
from objloc.memory import keep_freed_memory
from objloc.params import Params, load_params
from objloc.voc.shard_index import read_index
from objloc.voc.store import SampleStore

NAME = "voc2007_ablation"
UPDATES = 400
IMAGES = 300
LOOKS = 100
_COUNTED = (31, LOOKS)


@dataclass(frozen=True)
class Row:
    """One agent.

    Attributes:
        what: what is changed.
        source: where the part comes from.
        settings: of the agent, below ``agents.pretrained``.
        search: of ``evaluate.search``.
        base: the row it changes, where that is not the first.
    """

    what: str
    source: str
    settings: tuple[str, ...] = ()
    search: tuple[str, ...] = ()
    base: str = "base"


_SAMPLED = (
    "learning.backup=sampled", "learning.object_windows=0", "learning.flip=false",
    "head.presence=false", "learning.discount=0.9",
)  # fmt: skip
ROWS: dict[str, Row] = {
    "base": Row("the default agent", "-"),
}
"""The rows, by the name that ``--rows`` knows them by."""


def params_of(row: Row) -> Params:
    """The parameters of a row."""
    settings = [
        "train.agent=pretrained",
        f"evaluate.max_windows={LOOKS}",
        *(f"agents.pretrained.{each}" for each in _short()),
        *(f"agents.pretrained.{each}" for each in row.settings),
        *(f"evaluate.search.{each}" for each in row.search),
    ]
    return load_params(ROOT / "params.yaml", settings)


def _short() -> tuple[str, ...]:
    return (
        f"schedule.max_updates={UPDATES}",
        f"learning.learning_rate_decay_updates={UPDATES}",
        "schedule.evaluations=1",
    )


def run(row: Row, folder: Path, threads: int) -> dict[str, Any]:
    """Train and measure one row.

    Args:
        row: which.
        folder: of ``shards`` and ``features``.
        threads: of PyTorch.
    """
    torch.set_num_threads(threads)
    keep_freed_memory()
    params = params_of(row)
    train, tasks, val = _images(params, folder)
    generator = torch.Generator().manual_seed(params.train.seed)
    network = build_network(params.agent, train.categories, generator)
    training = Training(network, train, tasks, params.agent, lambda _: {"score": 0.0}, generator)
    began = time.monotonic()
    for tick in training.run():
        if tick.updates % 50 == 0:
            print(f"\r{tick.progress:4.0%}", end="", flush=True)
    seconds = time.monotonic() - began
    return measured(training.learner.kept.eval(), val, params) | {
        "updates": training.learner.updates,
        "minutes": seconds / 60,
        "images": len(val),
        "settings": [*row.settings, *row.search],
    }


def _images(params: Params, folder: Path) -> tuple[SampleStore, torch.Tensor, SampleStore]:
    """Training images, the searches trained on them, and the images measured."""
    shards = folder / "shards"
    categories = tuple(read_index(shards).categories)
    both, val = (
        load_store(
            shards, name, categories, params.agent.encoder, folder / "features",
            params.encode.memory_mb,
        )
        for name in ("trainval", "val")
    )  # fmt: skip
    held_out = set(val.image_ids)
    mine = torch.tensor([each not in held_out for each in both.image_ids])
    tasks = both.tasks()
    return both, tasks[mine[tasks[:, 0]]], _first(val, IMAGES)


def _first(store: SampleStore, number: int) -> SampleStore:
    """The first images of a store."""
    return replace(
        store,
        image_ids=store.image_ids[:number],
        sizes=store.sizes[:number],
        boxes=store.boxes[:number],
        object_category=store.object_category[:number],
        difficult=store.difficult[:number],
        jpegs=store.jpegs[:number],
    )


def measured(network: QNetwork, store: SampleStore, params: Params) -> dict[str, Any]:
    """The curve over looks, and the steps to a trigger; see ``Ledger.summary``."""
    evaluate = params.evaluate
    ledger = Ledger(store, evaluate.nms, evaluate.search.detections_per_image, LOOKS)
    for looks in search(store, network, params.agent.mdp, evaluate.search, LOOKS):
        ledger.add(looks)
    return ledger.summary()


def table(found: Mapping[str, Any]) -> str:
    """The rows in their order, each beside what it does to the base."""
    lines = [
        "| agent | source | recall, 31 looks | recall, 100 looks | at IoU .7 | mAP triggered "
        "| mAP attended | against the default | minutes |",
        "|---|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    base = _curve(found["base"])[LOOKS]["ap_attended"]
    for name, row in ROWS.items():
        if name not in found:
            continue
        curve = _curve(found[name])
        few, many = (curve[each] for each in _COUNTED)
        cells = [few["recall_0.5"], many["recall_0.5"], many["recall_0.7"],
                 many["ap_triggered"], many["ap_attended"]]  # fmt: skip
        change = "" if name == "base" else f"{100 * (many['ap_attended'] - base):+.1f}"
        lines.append(
            f"| {row.what} | {row.source} | "
            + " | ".join(f"{100 * cell:.1f}" for cell in cells)
            + f" | {change} | {found[name]['minutes']:.1f} |"
        )
    return "\n".join(lines)


def _curve(result: Mapping[str, Any]) -> dict[int, Mapping[str, float]]:
    return {row["budget"]: row for row in result["curve"]}


def main(
    rows: Annotated[str, typer.Option(help="Names with commas; all where empty.")] = "",
    folder: Annotated[Path, typer.Option(help="With shards and features.")] = ROOT
    / ".objloc/benchmarks/voc2007",
    threads: Annotated[int, typer.Option(help="Of each process.")] = 1,
    publish_only: Annotated[bool, typer.Option(help="Run nothing.")] = False,
) -> None:
    """Run rows that are not there yet, and publish all that are."""
    kept = folder / "ablation"
    kept.mkdir(parents=True, exist_ok=True)
    for name in [] if publish_only else (rows.split(",") if rows else ROWS):
        path = kept / f"{name}.json"
        if not path.exists():
            result = run(ROWS[name], folder, threads)
            path.write_text(json.dumps(result, indent=2) + "\n", "utf-8")
            print(f"\r{name}: {_curve(result)[LOOKS]}")
    found = {
        name: json.loads((kept / f"{name}.json").read_text("utf-8"))
        for name in ROWS
        if (kept / f"{name}.json").exists()
    }
    results = ROOT / "benchmarks" / "results"
    results.mkdir(exist_ok=True)
    (results / f"{NAME}.json").write_text(json.dumps(found, indent=2) + "\n", "utf-8")
    print(table(found))


if __name__ == "__main__":
    typer.run(main)
