"""Count how often a search with a budget finds several objects of a category.

Run ``python -m benchmarks.several data/train/checkpoint.pt``. It draws scenes that no training
saw, lets the agent search them as ``objloc predict --max-windows`` does and as an evaluation
does by default (from the agent's own start windows, to the trigger), and prints a table.
"""

import argparse
import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch

from benchmarks.markdown import table
from objloc.data.sample import Sample, VocObject, coordinates
from objloc.data.store import SampleStore
from objloc.evaluation.average_precision import mean_ap
from objloc.evaluation.budget_curve import DetectionRules, detections_of
from objloc.evaluation.detections import concatenate, objects_of
from objloc.evaluation.matching import Match, match
from objloc.network.checkpoint import Checkpoint, load_checkpoint
from objloc.params import Search
from objloc.scenes.write import scene
from objloc.search.budgeted import Searcher, run_budgeted_search
from objloc.search.localiser import NMS, search_params_of
from objloc.search.trace import SearchTasks

LOOKS = (150, 300)
_TWO, _ANY = "hold two of a category, which is searched for", "any; all categories are searched for"
_HEADINGS = (
    "images", "looks, at most", "search", "in the mean", "an object found", "two of a category",
    "false boxes an image", "precision", "recall", "mAP",
)  # fmt: skip


def several_table(checkpoint: Checkpoint, image_set: str, seed: int, number: int) -> str:
    """Measure both searches on scenes; a table in Markdown.

    Args:
        checkpoint: an agent trained on scenes.
        image_set: image set of the scenes, a part of their seed.
        seed: seed of the scenes.
        number: number of scenes of each kind.
    """
    params = search_params_of(checkpoint.agent)
    plain = {"starts": None, "first_starts": None, "beyond_triggers": False}
    searches = {
        "own start windows, to the trigger": params.model_copy(update=plain),
        "further start windows": params,
    }
    rows = []
    for kind in (_TWO, _ANY):
        store, tasks = drawn_store(checkpoint, image_set, seed, number, two=kind == _TWO)
        for looks in LOOKS:
            for name, search in searches.items():
                measured = measure(checkpoint, store, tasks, search, looks)
                rows.append((kind, str(looks), name, *measured))
    return table(_HEADINGS, rows, left=[2])


def drawn_store(
    checkpoint: Checkpoint, image_set: str, seed: int, number: int, *, two: bool
) -> tuple[SampleStore, SearchTasks]:
    """Draw scenes.

    Args:
        checkpoint: the agent that will search them.
        image_set: see ``several_table``.
        seed: seed of the scenes.
        number: number of scenes.
        two: draw scenes that hold two objects of a category, and keep those of the most
            frequent one alone.

    Returns:
        The scenes, and the categories to search for in each.
    """
    samples: list[Sample] = []
    for sample in _scenes(image_set, seed):
        counts = Counter(each.category for each in sample.objects if not each.difficult)
        category, count = counts.most_common(1)[0] if counts else ("", 0)
        if two and count < 2:
            continue
        mine = tuple(each for each in sample.objects if each.category == category or not two)
        samples.append(replace(sample, objects=mine))
        if len(samples) == number:
            break
    size = checkpoint.agent.encoder.image_size
    store = SampleStore.from_samples(samples, checkpoint.categories, size, image_set=image_set)
    searched = store.presence() if two else torch.ones_like(store.presence())
    return store, SearchTasks(torch.arange(number), searched)


def _scenes(image_set: str, seed: int) -> Iterator[Sample]:
    for index in range(99_999):
        drawn, stream = scene(seed, image_set, index), io.BytesIO()
        drawn.image.save(stream, "JPEG", quality=85)
        objects = tuple(
            VocObject(each.category, coordinates(map(float, each.box)), difficult=each.difficult)
            for each in drawn.objects
        )
        name = f"{image_set}_{index:05d}"
        yield Sample(name, stream.getvalue(), *drawn.image.size, objects)


def measure(
    checkpoint: Checkpoint, store: SampleStore, tasks: SearchTasks, params: Search, looks: int
) -> list[str]:
    """Search with a budget; the cells of a row after the search's name.

    Boxes are the windows triggered on, after non-maximum suppression. A box is right if its IoU
    with an object is 0.5 or more and no better box has that object.
    """
    searcher = Searcher(checkpoint.network(), checkpoint.agent.mdp, params)
    parts, windows = [], 0
    for part in tasks.split(50):
        (trace,) = run_budgeted_search(store, searcher, looks, part)
        windows += int(trace.num_windows.sum())
        rules = DetectionRules(NMS)
        parts.append(detections_of(trace, store, part.images, rules)["triggered"])
    detections, objects = concatenate(parts), objects_of(store)
    number, right, false = len(tasks.images), 0, 0
    most: Counter[str] = Counter()
    for name, boxes in detections.items():
        matches = match(boxes, objects[name])
        true = matches.status == Match.TRUE
        right += int(true.sum())
        false += int((matches.status >= Match.DUPLICATE).sum())
        for image_id, count in Counter(matches.detections.image_ids[true].tolist()).items():
            most[image_id] = max(most[image_id], count)
    there = sum(int((~each.difficult).sum()) for each in objects.values())
    ap = mean_ap(detections, objects)
    return [
        f"{windows / number:.0f}",
        *(f"{sum(count >= least for count in most.values()) / number:.3f}" for least in (1, 2)),
        f"{false / number:.2f}",
        f"{right / max(1, right + false):.3f}",
        f"{right / there:.3f}",
        "-" if ap is None else f"{ap:.3f}",
    ]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--image-set", default="val")
    parser.add_argument("--seed", type=int, default=1, help="the pipeline draws with 0")
    parser.add_argument("--images", type=int, default=150, help="scenes of each kind")
    asked = parser.parse_args()
    checkpoint = load_checkpoint(asked.checkpoint)
    print(several_table(checkpoint, asked.image_set, asked.seed, asked.images))


if __name__ == "__main__":
    main()
