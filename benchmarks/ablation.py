"""Ablation of the agent with a pretrained backbone, on VOC2007 val.

``python -m benchmarks.ablation`` trains the agent once for each row, with one thing
changed. All rows have the same number of updates, seed and images, far fewer than the
headline result, and are measured by the same search as the headline result. The shards
and features are those of ``make benchmark-voc2007`` (below ``.objloc/benchmarks/voc2007``).
Training uses the images of ``trainval`` that are not in ``val``; evaluation uses the first
images of ``val``. An existing row is not run again; ``--rows`` selects rows, so that
several processes can divide the work. ``docs/results.md`` shows the result.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import torch
import typer

from benchmarks.markdown import table
from benchmarks.published import AblationRow, as_json, parse
from benchmarks.running import RESULTS, ROOT, write_run
from objloc.data.image_batch import ImageBatch, Images
from objloc.data.sample import resolve_categories
from objloc.data.shard_index import read_index
from objloc.data.store import SampleStore
from objloc.evaluation.budget_curve import BudgetCurve, DetectionRules
from objloc.evaluation.metrics import BudgetPoint
from objloc.files import write_json
from objloc.learning.training import Training
from objloc.network.feature_store import load_store
from objloc.network.q_network import QNetwork, build_network
from objloc.params import Params, load_params
from objloc.search.budgeted import Searcher

NAME = "voc2007_ablation"
UPDATES = 400
IMAGES = 300
LOOKS = 100
_COUNTED = (31, LOOKS)


@dataclass(frozen=True)
class Row:
    """One agent of the ablation.

    Attributes:
        what: description of the change.
        source: publication of the part.
        settings: parameters below ``agents.pretrained``; empty: the network is that of
            the first row with this seed, and only the search differs.
        search: parameters below ``evaluate.search``.
        seed: seed of training.
    """

    what: str
    source: str
    settings: tuple[str, ...] = ()
    search: tuple[str, ...] = ()
    seed: int = 0


_LOOKS_AHEAD = "learning.discount=0.3"
_SAMPLED = (
    "learning.backup=sampled", "learning.object_windows=0", "learning.flip=false",
    "head.presence=false",
)  # fmt: skip
_LEARNED_STEPS = "head.learned_steps=true"
_ZOOMS = (
    "head.joint=[]", _LEARNED_STEPS, "head.learned_zooms=true", "learning.start_windows=0.1",
)  # fmt: skip
_WITHOUT_PRESENCE = ("presence_weight=0", "least_presence=0")
ROWS: dict[str, Row] = {
    "base": Row("all actions, discount 0, two heads, no learned steps", "-"),
    "seed1": Row("the same, seed 1: what chance alone is worth", "-", seed=1),
    "seed2": Row("the same, seed 2", "-", seed=2),
    "ahead": Row("discount .3", "Watkins 1989", (_LOOKS_AHEAD,)),
    "far_ahead": Row("discount .9", "Watkins 1989", ("learning.discount=0.9",)),
    "double": Row(
        "discount .3, double", "van Hasselt et al. 2016", (_LOOKS_AHEAD, "learning.double=true")
    ),
    "hard": Row(
        "discount .3, target network copied every 100 updates", "Mnih et al. 2015",
        (_LOOKS_AHEAD, "learning.target_rate=1", "learning.target_update_every=100"),
    ),
    "sampled": Row(
        "actions taken alone, so absent categories are not taught; discount .1, no presence",
        "Mnih et al. 2015",
        (*_SAMPLED, "learning.discount=0.1"), _WITHOUT_PRESENCE,
    ),
    "n_step": Row(
        "the same, discount .9, returns of 3 steps", "Sutton 1988",
        (*_SAMPLED, "learning.discount=0.9", "learning.n_step=3"), _WITHOUT_PRESENCE,
    ),
    "dueling": Row("dueling values", "Wang et al. 2016", ("head.dueling=true",)),
    "prioritised": Row(
        "images by priority", "Schaul et al. 2016", ("replay.priority_exponent=0.6",)
    ),
    "unguided": Row(
        "exploration is not guided", "Caicedo & Lazebnik 2015", ("exploration.guided=false",)
    ),
    "history": Row(
        "10 past actions", "Caicedo & Lazebnik 2015", ("head.action_history=10",)
    ),
    "frames": Row("the last 3 windows, stacked", "Mnih et al. 2015", ("encoder.frames=3",)),
    "recurrent": Row(
        "the last 3 windows, a recurrent state", "Hausknecht & Stone 2015",
        ("encoder.frames=3", "head.recurrent=64"),
    ),
    "sign": Row("reward: sign of the change", "Caicedo & Lazebnik 2015", ("mdp.reward=sign",)),
    "one_size": Row("one step size, .2", "Caicedo & Lazebnik 2015",
                    ("mdp.further_step_sizes=[]", "mdp.step_size=0.2")),
    "no_zooms": Row("no zooms", "Jie et al. 2016", ("mdp.zooms=false",)),
    "whole": Row("learned from the whole image as start alone", "dissertation 2018",
                 ("mdp.starts=[[1,1.0]]",)),
    "on_policy": Row("no windows drawn round objects", "-", ("learning.object_windows=0",)),
    "unflipped": Row("no mirror images", "-", ("learning.flip=false",)),
    "huber": Row("Huber's loss", "Mnih et al. 2015", ("learning.loss=huber",)),
    "apart": Row("no head for all categories together", "-", ("head.joint=[]",)),
    "steps": Row("learned steps too", "Girshick et al. 2014", (_LEARNED_STEPS,)),
    "default": Row("both", "-", ("head.joint=[]", _LEARNED_STEPS)),
    "zooms": Row("both, and learned zooms", "Jie et al. 2016", _ZOOMS),
    "landed": Row(
        "all these, learned where its moves land too, wrong triggers cost .7: the default agent",
        "Ross et al. 2011",
        (*_ZOOMS, "learning.landed_windows=0.25", "mdp.trigger_cost=0.7",
         "learning.absent_reward=-0.7"),
    ),
    "together": Row(
        "no channels of the categories' own", "-",
        ("encoder.category_channels=0", "head.joint=[]", "head.hidden=[512,512]"),
    ),
    "levels": Row("four levels of the map", "Lin et al. 2017", ("encoder.levels=4",)),
    "blocks": Row("a residual block at each coarse map", "He et al. 2016",
                  ("encoder.neck_blocks=1",)),
    "blocks1": Row("the same, seed 1", "He et al. 2016", ("encoder.neck_blocks=1",), seed=1),
    "fine_tuned": Row("the backbone's last stage trained too", "Girshick 2015",
                      ("encoder.fine_tune=last",)),
    "one_move": Row("one move for each look", "-", (), ("moves_per_look=1",)),
    "one_branch": Row("one way from a window", "-", (), ("branches=1",)),
    "beyond": Row("searches go on beyond triggers", "-", (), ("beyond_triggers=true",)),
    "inhibited": Row("a found object ends searches above IoU .5", "Caicedo & Lazebnik 2015",
                     (), ("inhibition=0.5",)),
}  # fmt: skip
"""Rows by their name in ``--rows``."""


def params_of(row: Row) -> Params:
    """Load the parameters of a row."""
    settings = [
        "train.agent=pretrained",
        f"train.seed={row.seed}",
        f"evaluate.max_windows={LOOKS}",
        *(f"agents.pretrained.{each}" for each in _short()),
        *(f"agents.pretrained.{each}" for each in row.settings),
        *(f"evaluate.search.{each}" for each in row.search),
    ]
    return load_params(ROOT / "params.yaml", settings)


def _short() -> tuple[str, ...]:
    # The agent with which most rows were measured. Since then the preset also learns step
    # sizes and has one head.
    return (
        "head.joint=[512,512]",
        "head.learned_steps=false",
        "mdp.refinements=0",
        "head.learned_zooms=false",
        "learning.start_windows=0",
        "learning.landed_windows=0",
        "mdp.trigger_cost=3",
        "learning.absent_reward=-3",
        f"schedule.max_updates={UPDATES}",
        f"learning.learning_rate_decay_updates={UPDATES}",
        "schedule.evaluations=1",
    )


def run(name: str, folder: Path, kept: Path) -> AblationRow:
    """Train and measure one row.

    Args:
        name: name of the row.
        folder: folder that holds ``shards`` and ``features``.
        kept: folder for the weights that rows without settings use.
    """
    row = ROWS[name]
    params = params_of(row)
    train, val = split(params, folder, IMAGES)
    found: dict[str, Any] = {"settings": (*row.settings, *row.search), "images": len(val)}
    weights = kept / ("base.pt" if row.seed == 0 else f"seed{row.seed}.pt")
    if not row.settings and weights.exists():
        network = build_network(params.agent, train.categories)
        network.load_state_dict(torch.load(weights, weights_only=True))
    else:
        training = training_of(params, train)
        began = time.monotonic()
        for tick in training.run():
            if tick.updates % 50 == 0:
                print(f"\r{name} {tick.progress:4.0%}", end="", flush=True)
        found |= {"minutes": (time.monotonic() - began) / 60, "updates": training.learner.updates}
        network = training.learner.kept
        if not row.settings:
            torch.save(network.state_dict(), weights)
    curve = searched(network, params, val, LOOKS)
    return AblationRow.model_validate(found | curve.summary().as_json())


def training_of(params: Params, store: SampleStore) -> Training:
    """A training from the beginning, without validation."""
    generator = torch.Generator().manual_seed(params.train.seed)
    network = build_network(params.agent, store.categories, generator)
    return Training(
        network, store, store.tasks(), params.agent, lambda _: {"score": 0.0}, generator
    )


def searched(network: QNetwork, params: Params, store: SampleStore, looks: int) -> BudgetCurve:
    """Search all images of a store within a budget."""
    searcher = Searcher(network.eval(), params.agent.mdp, params.evaluate.search)
    rules = DetectionRules.of(params.evaluate, searcher.trigger_range)
    return BudgetCurve.of(store, searcher, rules, looks)


def split(params: Params, folder: Path, images: int) -> tuple[SampleStore, SampleStore]:
    """Load the images of ``trainval`` that are not in ``val``, and the first of ``val``.

    Args:
        params: the agent's, and its categories.
        folder: folder that holds ``shards`` and ``features``.
        images: number of images of ``val``.
    """
    shards = folder / "shards"
    known = tuple(read_index(shards).categories)
    categories = resolve_categories(params.train.categories, known, "train.categories")
    both, val = (
        load_store(
            shards, name, categories, [params.agent.encoder], [folder / "features"],
            params.encode.memory_mb,
        )
        for name in ("trainval", "val")
    )  # fmt: skip
    held_out = set(val.image_ids)
    mine = [row for row, each in enumerate(both.image_ids) if each not in held_out]
    return _only(both, torch.tensor(mine)), val.first(images)


def _only(store: SampleStore, rows: torch.Tensor) -> SampleStore:
    """Some images of a store, without their files."""
    return replace(
        store,
        image_ids=tuple(store.image_ids[row] for row in rows.tolist()),
        sizes=store.sizes[rows],
        boxes=store.boxes[rows],
        object_category=store.object_category[rows],
        difficult=store.difficult[rows],
        images=_Some(store.images, rows),
        jpegs=(),
    )


@dataclass(frozen=True)
class _Some:
    """Some images, given their rows, as ``objloc.data.image_batch.Images``."""

    images: Images
    rows: torch.Tensor

    def __getitem__(self, rows: torch.Tensor) -> ImageBatch:
        return self.images[self.rows[rows]]

    def partly_mirrored(self, rows: torch.Tensor, mirrored: torch.Tensor) -> ImageBatch:
        return self.images.partly_mirrored(self.rows[rows], mirrored)

    def to(self, device: torch.device) -> "_Some":
        return _Some(self.images.to(device), self.rows.to(device))


def ablation_table(found: Mapping[str, AblationRow]) -> str:
    """Table of the rows in order, each with its difference from the first row if that was run."""
    rows = []
    base = _points(found["base"])[LOOKS].ap_attended if "base" in found else None
    for name, row in ROWS.items():
        if name not in found:
            continue
        few, many = (_points(found[name])[each] for each in _COUNTED)
        attended = many.ap_attended or 0.0
        figures = (few.recall_50, many.recall_50, many.recall_70, many.ap_triggered or 0, attended)
        change = "" if base is None or name == "base" else f"{100 * (attended - base):+.1f}"
        minutes = found[name].minutes
        rows.append(
            [
                row.what,
                row.source,
                *(f"{100 * figure:.1f}" for figure in figures),
                change,
                "" if minutes is None else f"{minutes:.1f}",
            ]
        )
    headings = (
        "agent", "source", "recall, 31 looks", "recall, 100 looks", "at IoU .7",
        "mAP triggered", "mAP attended", "against the first", "minutes",
    )  # fmt: skip
    return table(headings, rows, left=[1])


def _points(row: AblationRow) -> dict[int, BudgetPoint]:
    return {point.budget: point for point in row.curve}


def main(
    rows: Annotated[str, typer.Option(help="Names separated by commas; empty: all.")] = "",
    folder: Annotated[Path, typer.Option(help="Folder with shards and features.")] = ROOT
    / ".objloc/benchmarks/voc2007",
    threads: Annotated[int, typer.Option(help="Number of threads.")] = 1,
    publish_only: Annotated[bool, typer.Option(help="Do not run anything.")] = False,
) -> None:
    """Run the rows that do not exist yet, and publish all rows."""
    torch.set_num_threads(threads)
    kept = folder / "ablation"
    kept.mkdir(parents=True, exist_ok=True)
    measured = []
    for name in [] if publish_only else (rows.split(",") if rows else ROWS):
        path = kept / f"{name}.json"
        if not path.exists():
            result = run(name, folder, kept)
            measured.append(name)
            write_json(path, as_json(result))
            print(f"\r{name}: {_points(result)[LOOKS]}", flush=True)
    found = {
        name: parse(AblationRow, (kept / f"{name}.json").read_text("utf-8"))
        for name in ROWS
        if (kept / f"{name}.json").exists()
    }
    output = RESULTS / f"{NAME}.json"
    write_json(output, as_json(found))
    if measured:
        more = len(found) > len(measured)
        write_run(output, "python -m benchmarks.ablation", kept=more, seed="0 unless said")
    print(ablation_table(found))


if __name__ == "__main__":
    typer.run(main)
