"""An evaluation taken apart: errors, misses, ceiling, and how sure the figures are."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from objloc.data.store import SampleStore
from objloc.diagnosis.bootstrap import Ranking, replicated_aps
from objloc.diagnosis.curves_by_windows import budgets, curves_of, mean_recall, spend
from objloc.diagnosis.misses import Misses, continue_past_triggers, explain_misses
from objloc.diagnosis.oracle import Reach, reach_of
from objloc.diagnosis.tide import Diagnosis, costs, diagnose
from objloc.errors import ObjlocError
from objloc.evaluation.detections import objects_of
from objloc.evaluation.matching import MATCH_IOU, Objects
from objloc.evaluation.metrics import KINDS_OF_DETECTIONS, Interval
from objloc.evaluation.read import EvaluationFiles
from objloc.evaluation.success import Outcomes, drawn_weights, interval
from objloc.network.checkpoint import Checkpoint
from objloc.search.policy import GreedyPolicy, Policy, RandomPolicy
from objloc.search.rollout import Rollout, rollout

Say = Callable[[str], None]

_BATCH = 512
"""Searches side by side."""


@dataclass(frozen=True)
class Analysis:
    """One image set of an evaluation, taken apart.

    Attributes:
        store: the images, without their pixels; the categories are the model's.
        evaluation: what was measured.
        searches: the greedy searches that count for the success rate, run again.
        differing: how many of them ended otherwise than in the evaluation: none
            on the machine that made it.
        misses: why objects were missed.
        reach: what the oracle found.
        ceiling: success of the oracle, laid out as the agent's.
        objects: by category.
        diagnoses: what is wrong with the detections, by kind, then by category.
        costs: by kind of detections, definition of AP, kind of error.
        ap_intervals: 95 % intervals of AP, by kind and definition, of each
            category and ``mean``.
        width: of the oracle's beam.
    """

    store: SampleStore
    evaluation: EvaluationFiles
    searches: Rollout
    differing: int
    misses: Misses
    reach: Reach
    ceiling: Outcomes
    objects: dict[str, Objects]
    diagnoses: dict[str, dict[str, Diagnosis]]
    costs: dict[str, dict[str, dict[str, float | None]]]
    ap_intervals: dict[str, dict[str, dict[str, Interval]]]
    width: int


def load_images(shards: Path, checkpoint: Checkpoint, evaluation: EvaluationFiles) -> SampleStore:
    """The images of an evaluation, as the model sees them.

    Raises:
        ObjlocError: other data than were evaluated, or damaged shards.
    """
    size = checkpoint.agent.encoder.image_size
    store = SampleStore.load(shards, evaluation.image_set, checkpoint.categories, size)
    if store.data_hash != evaluation.metrics.data.hash:
        raise ObjlocError(
            f"{evaluation.folder}: expected an evaluation on the data in {shards}, "
            f"{store.data} ({store.data_hash[:12]}); found one on {evaluation.metrics.data}"
        )
    return store


def analyse(
    store: SampleStore,
    checkpoint: Checkpoint,
    evaluation: EvaluationFiles,
    *,
    width: int,
    seed: int,
    say: Say,
) -> Analysis:
    """Take an evaluation apart.

    Args:
        store: the images, see ``load_images``.
        checkpoint: the model that was evaluated; its counted searches run again.
        evaluation: what was measured.
        width: of the oracle's beam.
        seed: of the intervals.
        say: takes a line of progress.

    Raises:
        ObjlocError: the evaluation lists searches that the data cannot have, or
            its files are damaged.
    """
    mdp, threshold = checkpoint.agent.mdp, evaluation.threshold
    policy = _greedy(checkpoint)
    tasks = _tasks(store, evaluation)
    say(f"{evaluation.image_set}: {len(tasks)} searches again")
    searches = rollout(store, policy, mdp, tasks, torch.Generator().manual_seed(0), _BATCH)
    continued = continue_past_triggers(store, policy, mdp, searches, threshold)
    say(f"{evaluation.image_set}: oracle, a beam of {width} windows")
    reach = reach_of(store, mdp, width)
    objects = objects_of(store)
    diagnoses = {
        kind: diagnose(evaluation.detections(kind), objects) for kind in KINDS_OF_DETECTIONS
    }
    return Analysis(
        store=store.without_images(),
        evaluation=evaluation,
        searches=searches,
        differing=_differing(store, searches, evaluation),
        misses=explain_misses(store, searches, continued, reach, threshold),
        reach=reach,
        ceiling=_ceiling(store, reach, tasks),
        objects=objects,
        diagnoses=diagnoses,
        costs={kind: costs(each, objects) for kind, each in diagnoses.items()},
        ap_intervals={
            kind: _ap_intervals(store, each, objects, seed) for kind, each in diagnoses.items()
        },
        width=width,
    )


def spending_curves(
    store: SampleStore, checkpoint: Checkpoint, analysis: Analysis, *, seed: int, say: Say
) -> dict[str, list[float | None]]:
    """Success, recall and AP by number of windows looked at.

    Searches for every category in every image, as AP asks for.

    Returns:
        See ``objloc.diagnosis.curves_by_windows.curves_of``; also ``success``, the mean success
        rate of searches that have triggered by then, ``recall_random`` and
        ``recall_oracle``: recall of the windows of a random agent and of the oracle.
    """
    mdp, nms = checkpoint.agent.mdp, analysis.evaluation.metrics.nms
    windows = budgets(mdp.max_steps)
    every = torch.cartesian_prod(torch.arange(len(store)), torch.arange(len(store.categories)))

    def parts(name: str, policy: Policy) -> Iterable[Rollout]:
        say(f"{store.image_set}: {name}: {len(every)} searches")
        generator = torch.Generator().manual_seed(seed)
        for some in torch.split(every, _BATCH):
            yield rollout(store, policy, mdp, some, generator, _BATCH)

    greedy = [spend(store, each, windows, nms) for each in parts("agent", _greedy(checkpoint))]
    curves = curves_of(store, analysis.objects, greedy)
    blind = RandomPolicy(checkpoint.network().num_actions)
    wandering = [spend(store, each, windows, nms) for each in parts("random agent", blind)]
    curves["recall_random"] = curves_of(store, analysis.objects, wandering)["recall"]
    reach = analysis.reach
    hit = torch.zeros(len(windows), *store.object_category.shape, dtype=torch.bool)
    for row, number in enumerate(windows):
        hit[row, reach.image, reach.column] = reach.iou[:, number - 1] >= MATCH_IOU
    curves["recall_oracle"] = [mean_recall(store, each) for each in hit]
    searches, counted = analysis.searches, analysis.ceiling.counted
    curves["success"] = [
        _outcomes(searches, counted, searches.steps <= number).mean(analysis.evaluation.threshold)
        for number in windows
    ]
    return curves


def _greedy(checkpoint: Checkpoint) -> GreedyPolicy:
    return GreedyPolicy(checkpoint.network())


def _tasks(store: SampleStore, evaluation: EvaluationFiles) -> Tensor:
    """``[E, 2]`` int64: image and category of the evaluated searches, by image."""
    image = {image_id: row for row, image_id in enumerate(store.image_ids)}
    category = {name: column for column, name in enumerate(store.categories)}
    try:
        pairs = sorted((image[one], category[other]) for one, other in evaluation.episodes)
    except KeyError as error:
        raise ObjlocError(
            f"{evaluation.folder}: expected searches in image set '{evaluation.image_set}' of "
            f"{store.data} for {', '.join(store.categories)}; found {error.args[0]}"
        ) from None
    if not pairs:
        raise ObjlocError(f"{evaluation.folder}: expected searches that count; found none")
    return torch.tensor(pairs)


def _differing(store: SampleStore, searches: Rollout, evaluation: EvaluationFiles) -> int:
    """Searches that end elsewhere now than in the table of episodes, or otherwise."""
    number = 0
    for image, category, steps, terminated, box in zip(
        searches.image.tolist(),
        searches.category.tolist(),
        searches.steps.tolist(),
        searches.terminated.tolist(),
        searches.final_boxes.tolist(),
        strict=True,
    ):
        before = evaluation.episodes[store.image_ids[image], store.categories[category]]
        moved = max(abs(a - b) for a, b in zip(box, before.box, strict=True))
        number += (steps, terminated) != (before.steps, before.terminated) or moved > 1e-6
    return number


def _ceiling(store: SampleStore, reach: Reach, tasks: Tensor) -> Outcomes:
    counted = torch.zeros(len(store), len(store.categories), dtype=torch.bool)
    counted[tasks[:, 0], tasks[:, 1]] = True
    best = reach.of_searches(*counted.shape)
    return Outcomes(torch.where(counted, best, 0.0)[None], counted)


def _outcomes(searches: Rollout, counted: Tensor, which: Tensor) -> Outcomes:
    """The searches laid out, those outside ``which`` failed."""
    quality = torch.zeros(1, *counted.shape, dtype=torch.float64)
    value = torch.where(searches.terminated & which, searches.final_iou, 0.0)
    quality[0, searches.image, searches.category] = value
    return Outcomes(quality, counted)


def _ap_intervals(
    store: SampleStore,
    diagnoses: dict[str, Diagnosis],
    objects: dict[str, Objects],
    seed: int,
) -> dict[str, dict[str, Interval]]:
    rankings = [
        Ranking.of(each.matches, objects[name], store.image_ids) for name, each in diagnoses.items()
    ]
    weights = drawn_weights(len(store), np.random.default_rng(seed))
    columns = [*diagnoses, "mean"]
    return {
        definition: {column: interval(values[:, row]) for row, column in enumerate(columns)}
        for definition, values in replicated_aps(rankings, weights).items()
    }
