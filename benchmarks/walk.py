"""Is it the walk? One network, and six ways to choose the windows that it looks at.

``python -m benchmarks.walk SHARDS CHECKPOINT --features FEATURES`` looks at the same images with
the same network by its own search, by a fixed grid, by the grid with learned steps, by random
walks and by an oracle, and writes recall and average precision at equal looks to
``benchmarks/results/walk.json``. ``--draw`` draws ``docs/images/walk.png`` from that file.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import torch
import typer
from torch import Tensor

from benchmarks.markdown import table
from benchmarks.published import Walk, as_json, parse, resumed
from benchmarks.running import RESULTS, ROOT, write_run
from benchmarks.walk_windows import Grid, oracle_walks, random_walks
from objloc.data.shard_index import read_index
from objloc.data.store import SampleStore
from objloc.errors import ObjlocError
from objloc.evaluation.budget_curve import BudgetCurve, DetectionRules
from objloc.evaluation.metrics import BudgetPoint, DataName, ModelName
from objloc.files import file_hash, write_json
from objloc.mdp.action import Moves
from objloc.network.checkpoint import load_checkpoint
from objloc.network.feature_store import load_store
from objloc.network.windows import Windows
from objloc.params import Evaluate, Search
from objloc.search.budgeted import Searcher, run_budgeted_search
from objloc.search.policy import shares
from objloc.search.trace import SearchTrace

NAME = "walk"
PICTURE = ROOT / "docs" / "images" / "walk.png"
LOOKS = 300
BUDGETS = (31, 63, 100, 300)
"""Looks at which the table compares; 31 and 63 are those of Tree-RL."""
_SEARCH = Search(first_starts=1, soft_nms=0.3)
"""The search of the agent with a pretrained backbone on VOC2007."""
_BATCH = 32
"""Images at once."""

Traces = Iterator[tuple[int | None, SearchTrace]]
"""Traces of one batch of images after another, of one category or of all (None)."""


@dataclass(frozen=True)
class Subject:
    """A network and the images that it looks at.

    Attributes:
        store: the images.
        searcher: the agent; nothing but the window may determine its values.
        looks: number of windows of an image.
        grid: windows that are the same in every image, the best first.
    """

    store: SampleStore
    searcher: Searcher
    looks: int
    grid: Tensor

    def batches(self) -> Iterator[Tensor]:
        """Rows of the images, batch by batch."""
        yield from torch.split(torch.arange(len(self.store)), _BATCH)

    def look(self, images: Tensor, boxes: Tensor) -> tuple[Tensor, Tensor]:
        """Value windows ``[n, W, 4]`` of images ``[n]``.

        Returns:
            Q-values ``[n, W, C, A]`` float32; learned steps ``[n, W, C, 4]`` float32, zeros
            where the network has learned none.
        """
        network = self.searcher.network
        number, windows = boxes.shape[:2]
        index = torch.arange(number).repeat_interleave(windows)
        fractions = shares(boxes.flatten(0, 1), self.store.sizes[images][index])
        with torch.no_grad():
            views = network.encode(self.store.images[images].to(network.device))
            none = torch.empty(len(index), 0, dtype=torch.int64)
            seen = Windows(index, fractions[:, None], none).to(network.device)
            outputs = network.outputs(views, seen).cpu()
            values = network.values_of(outputs)
            steps = (
                network.steps_of(outputs)
                if network.learned_steps
                else torch.zeros(*values.shape[:2], 4)
            )
        return _by_image(values, number), _by_image(steps, number)


def _by_image(rows: Tensor, images: int) -> Tensor:
    """Rows of windows, ``[n * W, ...]`` to ``[n, W, ...]``."""
    return rows.view(images, -1, *rows.shape[1:])


def own_search(subject: Subject) -> Traces:
    """The agent's own search."""
    for trace in run_budgeted_search(subject.store, subject.searcher, subject.looks, batch=_BATCH):
        yield None, trace


def own_actions(subject: Subject) -> Traces:
    """The same search by actions alone, without learned steps and zooms."""
    plain = _SEARCH.model_copy(update={"learned_steps": None, "learned_zooms": None})
    searcher = Searcher(subject.searcher.network, subject.searcher.mdp, plain)
    for trace in run_budgeted_search(subject.store, searcher, subject.looks, batch=_BATCH):
        yield None, trace


def fixed_grid(subject: Subject) -> Traces:
    """The same windows in every image."""
    for images in subject.batches():
        boxes = _grid_of(subject, images)
        values, _ = subject.look(images, boxes)
        yield None, trace_of(boxes, values)


def grid_with_steps(subject: Subject) -> Traces:
    """The grid, each window moved by the learned step of each category: a one-shot detector.

    A detection has the score of the window that was looked at, as in a detector that regresses
    boxes.
    """
    moves = Moves(subject.searcher.mdp)
    for images in subject.batches():
        boxes = _grid_of(subject, images)
        values, steps = subject.look(images, boxes)
        sizes = subject.store.sizes[images][:, None]
        for category in range(values.shape[2]):
            moved = moves.by(boxes, sizes, steps[:, :, category].double())
            yield category, trace_of(moved, values[:, :, category : category + 1])


def grid_looked_at_again(subject: Subject) -> Traces:
    """A window of the grid, then a look where the learned step of its likeliest category leads.

    Half of the looks are those of the grid.
    """
    moves = Moves(subject.searcher.mdp)
    half = (subject.looks + 1) // 2
    for images in subject.batches():
        boxes = _grid_of(subject, images)[:, :half]
        values, steps = subject.look(images, boxes)
        likeliest = values[..., -1].argmax(dim=2)[..., None, None]
        step = steps.take_along_dim(likeliest, dim=2)[:, :, 0]
        moved = moves.by(boxes, subject.store.sizes[images][:, None], step.double())
        again, _ = subject.look(images, moved)
        both, seen = (
            torch.stack(pair, dim=2).flatten(1, 2)[:, : subject.looks]
            for pair in ((boxes, moved), (values, again))
        )
        yield None, trace_of(both, seen)


def at_random(subject: Subject) -> Traces:
    """Moves drawn at random, from start windows drawn at random."""
    generator = torch.Generator().manual_seed(0)
    for images in subject.batches():
        boxes = random_walks(
            subject.store.sizes[images], subject.searcher.mdp, subject.looks, generator
        )
        values, _ = subject.look(images, boxes)
        yield None, trace_of(boxes, values)


def by_an_oracle(subject: Subject) -> Traces:
    """The actions that climb in IoU towards one object after another, by the ground truth."""
    for images in subject.batches():
        boxes, number = oracle_walks(subject.store, images, subject.searcher.mdp, subject.looks)
        values, _ = subject.look(images, boxes)
        yield None, trace_of(boxes, values, number)


WAYS: dict[str, tuple[str, Callable[[Subject], Traces]]] = {
    "own": ("its own search", own_search),
    "actions": ("its own search, actions alone", own_actions),
    "grid": ("a fixed grid", fixed_grid),
    "grid_steps": ("the grid, boxes moved by learned steps", grid_with_steps),
    "grid_looks": ("the grid, and looks where learned steps lead", grid_looked_at_again),
    "random": ("random walks", at_random),
    "oracle": ("an oracle's walks", by_an_oracle),
}
"""Ways to choose windows: label and function by name."""


def trace_of(boxes: Tensor, values: Tensor, number: Tensor | None = None) -> SearchTrace:
    """Windows that were looked at without a search, as a trace.

    Args:
        boxes: ``[n, W, 4]`` float64 pixels.
        values: ``[n, W, C, A]``.
        number: ``[n]`` int64, the real windows of each image; None: all.
    """
    images, windows = boxes.shape[:2]
    if number is None:
        number = torch.full((images,), windows)
    real = torch.arange(windows) < number[:, None]
    values = torch.where(real[..., None, None], values, -torch.inf)
    triggers = real[..., None] & (values.argmax(dim=3) == values.shape[3] - 1)
    none = torch.full((images, windows), -1)
    return SearchTrace(
        boxes=boxes,
        num_windows=number,
        q_values=values,
        triggered=torch.where(triggers, torch.arange(1, windows + 1)[:, None], 0),
        depth=torch.ones(images, windows, dtype=torch.int64),
        parent=none,
        category=none,
        moves=none[..., None],
    )


def curve_of(subject: Subject, traces: Traces) -> tuple[BudgetPoint, ...]:
    """Recall and average precision by looks.

    A look that gives a box of each category is one look.
    """
    searcher = subject.searcher
    rules = DetectionRules.of(Evaluate(search=searcher.params), searcher.trigger_range)
    curve = BudgetCurve(subject.store, rules, subject.looks)
    done: Counter[int | None] = Counter()
    for category, trace in traces:
        images = torch.arange(len(trace.num_windows)) + done[category]
        done[category] += len(images)
        curve.add([curve.part_of(trace, images, category)])
    return tuple(
        point.model_copy(update={"windows": point.windows / len(done)})
        for point in curve.summary().curve
    )


def _grid_of(subject: Subject, images: Tensor) -> Tensor:
    """The grid in pixels of some images: ``[n, W, 4]`` float64."""
    return subject.grid[: subject.looks] * subject.store.sizes[images].repeat(1, 2)[:, None]


def described(found: Walk, how: list[str]) -> list[str]:
    """Parts of the page's text: what was measured, how, and the table."""
    model = f"Model: `{found.model.sha256[:12]}`."
    categories = f"Categories: {', '.join(found.model.categories)}."
    return [f"{found.protocol} {categories} {model}", *how, walk_table(found)]


def walk_table(found: Walk) -> str:
    """Recall and precision of each way at equal looks."""
    rows = []
    for name, points in found.ways.items():
        by_budget = {point.budget: point for point in points}
        for looks in (each for each in BUDGETS if each in by_budget):
            point = by_budget[looks]
            figures = (
                point.recall_50, point.recall_60, point.recall_70, point.ap_attended or 0.0,
            )  # fmt: skip
            shown = [f"{100 * each:.1f}" for each in figures]
            # Older files have the boxes of all categories where one look gives so many.
            taken = min(point.windows, looks)
            rows.append([WAYS[name][0], str(looks), f"{taken:.0f}", *shown])
    headings = (
        "windows chosen by", "looks, at most", "in the mean", "recall at IoU .5", ".6", ".7",
        "mAP attended",
    )  # fmt: skip
    return table(headings, rows)


def draw(found: Walk, path: Path) -> None:
    """Draw recall and mean average precision of each way over the looks."""
    from objloc.view.style import caption, label, legend, new_figure, save_figure

    figure, axes = new_figure(1, 2, width=10.5, height=4.6)
    sides = (("recall_50", "share of objects covered at IoU .5"),
             ("ap_attended", "mean average precision, attended"))  # fmt: skip
    for axis, (key, text) in zip(axes.flat, sides, strict=True):
        label(axis, "", "looks in an image, at most", text)
        for name, points in found.ways.items():
            line, colour = _STYLES[name]
            values = [getattr(point, key) for point in points]
            axis.plot([point.budget for point in points], values, line, color=colour,
                      label=WAYS[name][0])  # fmt: skip
        axis.set(xlim=(0, None), ylim=(0, None))
    legend(axes.flat[0], loc="lower right")
    caption(figure, "Is it the walk?", found.protocol)
    save_figure(figure, path)


_STYLES = {
    "own": ("-", "#1f5fa8"), "actions": ("--", "#1f5fa8"), "grid": ("-", "#c2571a"),
    "grid_steps": ("--", "#c2571a"), "grid_looks": (":", "#c2571a"), "random": ("-", "#888888"),
    "oracle": ("-", "#2c8a4b"),
}  # fmt: skip


def main(
    shards: Annotated[Path | None, typer.Argument(help="Folder of shards.")] = None,
    checkpoint: Annotated[Path | None, typer.Argument(help="An agent.")] = None,
    features: Annotated[
        list[Path], typer.Option(help="Features of its backbones; can be repeated.")
    ] = [],  # noqa: B006  # typer copies it
    image_set: Annotated[str, typer.Option(help="Images that are looked at.")] = "test",
    train_set: Annotated[str, typer.Option(help="Images that the grid is fitted on.")] = "trainval",
    images: Annotated[int | None, typer.Option(help="Number of them, the first.")] = None,
    results: Annotated[Path, typer.Option(help="File of results.")] = RESULTS / f"{NAME}.json",
    only_draw: Annotated[bool, typer.Option("--draw", help="Draw the picture; no more.")] = False,
) -> None:
    """Measure all ways; those in the file of results are not measured again."""
    if only_draw or shards is None or checkpoint is None:
        draw(parse(Walk, results.read_text("utf-8")), PICTURE)
        return
    agent = load_checkpoint(checkpoint)
    network = agent.network()
    if network.frames > 1 or network.action_history:
        raise ObjlocError(
            f"{checkpoint}: expected an agent that sees the window alone; found "
            f"encoder.frames={network.frames} and head.action_history={network.action_history}"
        )
    store = load_store(shards, image_set, agent.categories, agent.encoders, features, 0)
    store = store if images is None else store.first(images)
    training = SampleStore.load(shards, train_set, agent.categories, None)
    searcher = Searcher(network, agent.agent.mdp, _SEARCH)
    subject = Subject(store, searcher, LOOKS, Grid.fitted(training, LOOKS).windows)
    index = read_index(shards)
    found = Walk(
        data=DataName(name=index.data, hash=index.data_hash),
        model=ModelName(sha256=file_hash(checkpoint), categories=agent.categories),
        image_set=image_set,
        images=len(store),
        updates=int(agent.info["update"]),
        ways={},
    )
    found = resumed(results, found, "ways")
    kept = len(found.ways)
    for name, (text, way) in WAYS.items():
        if name not in found.ways:
            points = curve_of(subject, way(subject))
            found = found.model_copy(update={"ways": {**found.ways, name: points}})
            write_json(results, as_json(found))
            print(f"{text}: recall .5 {points[-1].recall_50:.3f}", flush=True)
    command = "python -m benchmarks.walk SHARDS CHECKPOINT --features FEATURES"
    if len(found.ways) > kept:
        write_run(results, f"{command} --images {len(store)}", kept=bool(kept))
    print(walk_table(found))


if __name__ == "__main__":
    typer.run(main)
