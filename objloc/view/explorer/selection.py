"""Choosing the images of the explorer: successes and failures of every category."""

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from objloc.data.sample import Sample, resolve_categories
from objloc.data.shard_index import read_index
from objloc.data.shard_reader import read_samples
from objloc.errors import ObjlocError
from objloc.network.checkpoint import Checkpoint
from objloc.params import Explore
from objloc.view.subject import SearchSubject, Task, run_searches

_CHUNK = 64
"""Images searched at a time: enough for a batch, few enough not to search in vain."""

Slot = tuple[str, bool]
"""A category and whether its search succeeded."""


@dataclass(frozen=True)
class Shown:
    """An image of the explorer and its searches, at least one."""

    sample: Sample
    searches: tuple[SearchSubject, ...]


def choose(shards: Path, checkpoint: Checkpoint, params: Explore) -> list[Shown]:
    """Search images of an image set and choose which to show.

    Without ``params.image_ids`` images are tried in an order drawn by the seed,
    until each category has its part of successes and of failures; the rest is filled
    with images passed over. Successes and failures take turns.

    Args:
        shards: folder of shards.
        checkpoint: the agent.
        params: which images and categories.

    Raises:
        ObjlocError: an image set, image or category that does not exist; no
            image of the set holds a category searched for.
    """
    categories = resolve_categories(params.categories, checkpoint.categories, "explore.categories")
    samples = {sample.image_id: sample for sample in read_samples(shards, params.image_set)}
    where = f"image set '{params.image_set}' of {read_index(shards).data}"
    if params.image_ids:
        chosen = [_named(samples, image_id, where) for image_id in params.image_ids]
        shown = list(_searched(checkpoint, list(dict.fromkeys(chosen)), categories))
    else:
        holding = [each for each in samples.values() if _held(each, categories)]
        if not holding:
            raise ObjlocError(
                f"{where}: expected images that hold {' or '.join(categories)}; found none"
            )
        random.Random(params.seed).shuffle(holding)
        shown = _balanced(_searched(checkpoint, holding, categories), categories, params.images)
    return _with_absent(checkpoint, shown, categories, params)


def _named(samples: dict[str, Sample], image_id: str, where: str) -> Sample:
    if image_id not in samples:
        raise ObjlocError(
            f"explore.image_ids: expected images of {where}, such as '{min(samples)}'; "
            f"found '{image_id}'"
        )
    return samples[image_id]


def _held(sample: Sample, categories: tuple[str, ...]) -> list[str]:
    """Those of some categories that an image holds, in their order."""
    present = {item.category for item in sample.objects}
    return [category for category in categories if category in present]


def _searched(
    checkpoint: Checkpoint, samples: list[Sample], categories: tuple[str, ...]
) -> Iterator[Shown]:
    """Images and the searches for what each holds, as far as they are asked for."""
    for start in range(0, len(samples), _CHUNK):
        chunk = samples[start : start + _CHUNK]
        tasks = [(each.image_id, name) for each in chunk for name in _held(each, categories)]
        yield from _grouped(chunk, _run(checkpoint, chunk, tasks))


def _run(checkpoint: Checkpoint, samples: list[Sample], tasks: list[Task]) -> list[SearchSubject]:
    """Run greedy searches; they draw no random numbers, so the seed does not matter."""
    return run_searches(checkpoint, samples, tasks, 0, truth_known=True) if tasks else []


def _grouped(samples: list[Sample], searches: list[SearchSubject]) -> Iterator[Shown]:
    for sample in samples:
        own = tuple(each for each in searches if each.trajectory.image_id == sample.image_id)
        yield Shown(sample, own)


def _balanced(candidates: Iterable[Shown], categories: tuple[str, ...], number: int) -> list[Shown]:
    """Choose ``number`` images, half for a success, half for a failure, by category."""
    share = -(-number // (2 * len(categories)))
    left = {(category, success): share for category in categories for success in (True, False)}
    chosen: list[tuple[Shown, Slot]] = []
    passed: list[tuple[Shown, Slot]] = []
    for shown in candidates:
        slots = [(each.trajectory.category, each.success) for each in shown.searches]
        slot = max(slots, key=left.__getitem__)
        if left[slot]:
            left[slot] -= 1
            chosen.append((shown, slot))
        else:
            passed.append((shown, slot))
        if len(chosen) == number:
            break
    chosen += passed[: number - len(chosen)]
    return _taking_turns(
        [shown for shown, (_, success) in chosen if success],
        [shown for shown, (_, success) in chosen if not success],
    )


def _taking_turns(first: list[Shown], second: list[Shown]) -> list[Shown]:
    both = [each for pair in zip(first, second, strict=False) for each in pair]
    shorter = min(len(first), len(second))
    return both + first[shorter:] + second[shorter:]


def _with_absent(
    checkpoint: Checkpoint, shown: list[Shown], categories: tuple[str, ...], params: Explore
) -> list[Shown]:
    """Add searches for categories that an image does not hold, drawn for each image."""
    tasks: list[Task] = []
    for each in shown:
        image_id, held = each.sample.image_id, _held(each.sample, checkpoint.categories)
        absent = [category for category in categories if category not in held]
        least = 0 if each.searches else 1
        count = min(max(params.absent, least), len(absent))
        drawn = random.Random(f"{params.seed} {image_id}").sample(absent, count)
        tasks += [(image_id, category) for category in categories if category in drawn]
    samples = [each.sample for each in shown]
    added = _grouped(samples, _run(checkpoint, samples, tasks))
    return [
        replace(each, searches=each.searches + more.searches)
        for each, more in zip(shown, added, strict=True)
    ]
