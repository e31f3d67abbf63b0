"""Analysis of an evaluation: errors, misses, ceiling, and intervals of the figures."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from objloc.command import Log
from objloc.data.store import SampleStore
from objloc.diagnosis.bootstrap import Ranking, replicated_aps
from objloc.diagnosis.curves_by_windows import (
    Curves,
    CurvesByWindows,
    budgets,
    curves_of,
    mean_recall,
    spend,
)
from objloc.diagnosis.misses import Misses, continue_past_triggers, explain_misses
from objloc.diagnosis.oracle import Reach, reach_of
from objloc.diagnosis.tide import Diagnosis, costs, diagnose
from objloc.errors import ObjlocError
from objloc.evaluation.detections import objects_of
from objloc.evaluation.matching import MATCH_IOU, Objects
from objloc.evaluation.metrics import KINDS_OF_DETECTIONS, Interval
from objloc.evaluation.read import EvaluationFiles
from objloc.evaluation.success_rate import Outcomes, drawn_weights, interval
from objloc.network.checkpoint import Checkpoint
from objloc.search.policy import GreedyPolicy, Policy, RandomPolicy
from objloc.search.rollout import Rollout, rollout

_BATCH = 512
"""Searches that run side by side."""


@dataclass(frozen=True)
class Analysis:
    """Analysis of one image set of an evaluation.

    Attributes:
        store: the images, without their pixels; the categories are the model's.
        evaluation: the files analysed.
        searches: the greedy searches that count for the success rate, run again.
        differing: number of these that ended otherwise than in the evaluation. Rounding
            differs on another kind of machine, and where other searches run beside one.
        misses: why objects were missed.
        reach: what the oracle found.
        ceiling: success of the oracle, laid out as the agent's.
        objects: objects by category.
        diagnoses: kinds of errors by kind of detections, then by category.
        costs: AP lost by kind of detections, definition of AP, kind of error.
        ap_intervals: 95 % intervals of AP by kind and definition, of each
            category and ``mean``.
        width: width of the oracle's beam.
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


def analyse(
    store: SampleStore,
    checkpoint: Checkpoint,
    evaluation: EvaluationFiles,
    *,
    width: int,
    seed: int,
    log: Log,
) -> Analysis:
    """Analyse an evaluation.

    Args:
        store: the images as the model sees them, see ``EvaluationFiles.load_store``.
        checkpoint: the model that was evaluated; its counted searches run again.
        evaluation: the files of the evaluation.
        width: width of the oracle's beam.
        seed: seed for the intervals.
        log: takes a line of progress.

    Raises:
        ObjlocError: the evaluation lists searches that the data cannot have, or
            its files are damaged.
    """
    mdp, threshold = checkpoint.agent.mdp, evaluation.threshold
    policy = _greedy(checkpoint)
    tasks = _tasks(store, evaluation)
    log(f"{evaluation.image_set}: {len(tasks)} searches again")
    searches = rollout(store, policy, mdp, tasks, torch.Generator().manual_seed(0), _BATCH)
    continued = continue_past_triggers(store, policy, mdp, searches, threshold)
    log(f"{evaluation.image_set}: oracle, a beam of {width} windows")
    reach = reach_of(store, mdp, width)
    objects = objects_of(store)
    diagnoses = {
        kind: diagnose(evaluation.detections(kind, store), objects) for kind in KINDS_OF_DETECTIONS
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


def curves_by_windows(
    store: SampleStore, checkpoint: Checkpoint, analysis: Analysis, *, seed: int, log: Log
) -> CurvesByWindows:
    """Compute success, recall and AP by number of windows looked at.

    Searches run for every category in every image, as AP asks for.

    Args:
        store: the images.
        checkpoint: the model.
        analysis: its analysis on the same images.
        seed: seed for the random agent.
        log: takes a line of progress.
    """
    mdp, nms = checkpoint.agent.mdp, analysis.evaluation.metrics.nms
    windows = budgets(mdp.max_steps)
    every = torch.cartesian_prod(torch.arange(len(store)), torch.arange(len(store.categories)))

    def curves(name: str, policy: Policy) -> Curves:
        log(f"{store.image_set}: {name}: {len(every)} searches")
        generator = torch.Generator().manual_seed(seed)
        parts = (
            rollout(store, policy, mdp, some, generator, _BATCH)
            for some in torch.split(every, _BATCH)
        )
        spent = [spend(store, part, windows, nms) for part in parts]
        return curves_of(store, analysis.objects, spent)

    agent = curves("agent", _greedy(checkpoint))
    blind = RandomPolicy(checkpoint.network().num_actions)
    reach = analysis.reach
    hit = torch.zeros(len(windows), *store.object_category.shape, dtype=torch.bool)
    for row, number in enumerate(windows):
        hit[row, reach.image, reach.column] = reach.iou[:, number - 1] >= MATCH_IOU
    searches, counted = analysis.searches, analysis.ceiling.counted
    threshold = analysis.evaluation.threshold
    return CurvesByWindows(
        **dict(agent),
        recall_random=curves("random agent", blind).recall,
        recall_oracle=tuple(mean_recall(store, each) for each in hit),
        success=tuple(
            _outcomes(searches, counted, searches.steps <= number).mean(threshold)
            for number in windows
        ),
    )


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
    """Count searches that end elsewhere now than in the table of episodes, or otherwise."""
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
    """Lay out the searches; those outside ``which`` count as failed."""
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
