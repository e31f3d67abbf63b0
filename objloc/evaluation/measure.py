"""Measuring a model and the baselines on image sets."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import islice
from pathlib import Path
from typing import Any

import torch

from objloc.command import Log
from objloc.data.sample import Coordinates
from objloc.data.shard_index import read_index
from objloc.data.store import MEMORY_MB, SampleStore
from objloc.errors import ObjlocError
from objloc.evaluation.answer import answer, answer_outcomes, answer_tasks
from objloc.evaluation.average_precision import Curve, precision_recall
from objloc.evaluation.baselines import (
    WHOLE_IMAGE,
    fit_fixed_boxes,
    fixed_boxes,
    fixed_detections,
    fixed_outcomes,
)
from objloc.evaluation.budget_curve import BudgetCurve, DetectionRules
from objloc.evaluation.detections import attended, concatenate, objects_of, triggered
from objloc.evaluation.episodes import (
    GREEDY_STREAM,
    RANDOM_DETECTIONS_STREAM,
    RANDOM_SCORES_STREAM,
    RANDOM_STREAM,
    SAMPLED_STREAM,
    EpisodeRunner,
    Episodes,
    Player,
    require_finite,
)
from objloc.evaluation.matching import Detections
from objloc.evaluation.metrics import SearchMetrics
from objloc.evaluation.success_rate import Outcomes, counted_images
from objloc.network.checkpoint import Checkpoint
from objloc.network.feature_store import load_store
from objloc.network.valuer import Valuer
from objloc.params import Evaluate, Mdp
from objloc.ranks.group import ALONE, Ranks, code_hash
from objloc.search.budgeted import Searcher
from objloc.search.policy import GreedyPolicy, Policy, RandomPolicy
from objloc.search.rollout import Rollout

RANDOM_EPISODES = 15
"""Episodes of the random agent for each image and category present."""


@dataclass(frozen=True)
class Measurement:
    """Searches of a model and of the baselines in one image set, and their outcomes.

    Counted (see ``counted_images``): images that hold the category, up to ``max_images``.

    Attributes:
        store: the images; its categories are the model's.
        greedy: one greedy episode for each category in each of its counted images.
        sampled: epsilon-greedy episodes for the same images and categories.
        detections: ``triggered`` and ``attended`` detections of greedy searches for
            every category in every image, by category.
        outcomes: outcomes of ``greedy``, ``episodes15``, ``answer`` where it is
            measured, and each baseline.
        baseline_detections: detections of each baseline, by category.
        fixed: each category's fixed box in fractions of the image's sides; None if
            the training images were not there to fit them on.
        search: figures of the search with a budget, see ``BudgetCurve.summary``; None
            without a budget.
    """

    store: SampleStore
    greedy: Episodes
    sampled: Episodes
    detections: dict[str, dict[str, Detections]]
    outcomes: dict[str, Outcomes]
    baseline_detections: dict[str, dict[str, Detections]]
    fixed: dict[str, Coordinates] | None
    search: SearchMetrics | None = None

    @cached_property
    def curves(self) -> dict[str, dict[str, Curve | None]]:
        """Precision and recall of ``triggered``, ``attended`` and each baseline."""
        objects = objects_of(self.store)
        curves: dict[str, dict[str, Curve | None]] = {}
        for name, parts in (self.detections | self.baseline_detections).items():
            curves[name] = {}
            for category, detections in parts.items():
                curve = precision_recall(detections, objects[category])
                if curve is not None and name in ("whole_image", "fixed_box"):
                    curve = curve.last_point
                curves[name][category] = curve
        return curves


@dataclass(frozen=True)
class _Found:
    """Results of a batch of greedy searches: episodes that count, and all detections."""

    episodes: Episodes
    triggered: dict[str, Detections]
    attended: dict[str, Detections]


def measure(
    store: SampleStore,
    network: Valuer,
    mdp: Mdp,
    params: Evaluate,
    *,
    fixed: dict[str, Coordinates] | None,
    log: Log,
) -> Measurement:
    """Measure a model and the baselines on one image set.

    Args:
        store: the images; its categories are the network's.
        network: in evaluation mode, on its device.
        mdp: the decision process that the model was trained in.
        params: parameters of the measurement.
        fixed: each category's fixed box in fractions of the image's sides; None: no such
            baseline.
        log: takes a line of progress.

    Raises:
        ObjlocError: no image holds any of the categories, or the network's values
            are not finite.
    """
    searches = Searches(store, network, mdp, params, log)
    return searches.measurement(ALONE.collect(ALONE.take(searches.jobs)), fixed)


class Searches:
    """All searches that a measurement needs, as jobs that several processes can divide.

    All episodes of a player that draws random numbers, one after another, are one job. Those of
    others are a job for each batch.

    Args and Raises: see ``measure``.

    Attributes:
        jobs: the jobs, in the order in which ``measurement`` takes their results.
    """

    def __init__(
        self, store: SampleStore, network: Valuer, mdp: Mdp, params: Evaluate, log: Log
    ) -> None:
        counted = self._counted = counted_images(store.presence(), params.max_images)
        if not counted.any():
            raise ObjlocError(
                f"image set '{store.image_set}' of {store.data}: expected images that hold "
                f"{', '.join(store.categories)}; found none among {len(store)}"
            )
        # Jobs alone need images: those of a large set are freed with them.
        self._store, self._nms = replace(store.without_images(), jpegs=()), params.nms
        runner = EpisodeRunner(store, mdp, params.seed, log)
        greedy = Player("greedy search", GreedyPolicy(network), GREEDY_STREAM)
        episodes, epsilon = params.episodes, params.epsilon
        wandering = Player(
            f"{episodes} episodes with epsilon {epsilon:g}",
            GreedyPolicy(network, epsilon),
            SAMPLED_STREAM.format(episodes=episodes, epsilon=epsilon),
        )
        random = Player("random agent", RandomPolicy(network.num_actions), RANDOM_STREAM)
        work: dict[str, Sequence[Callable[[], Any]]] = {
            # The long ones first.
            "sampled": [partial(runner.repeat, wandering, counted, episodes)],
            "random": [partial(runner.repeat, random, counted, RANDOM_EPISODES)],
            "blind": [partial(_random_detections, runner, random.policy)],
            "answer": (),
        }
        searcher = Searcher(network, mdp, params.search)
        if params.answer_windows is not None:
            budget = params.answer_windows
            runner.log(f"answers: {int(counted.sum())} searches of {budget} looks")
            work["answer"] = [
                partial(answer, store, searcher, budget, each) for each in answer_tasks(counted)
            ]
        self._curve = None
        if params.max_windows is None:
            # An agent with one set of values searches for every category alike: one search
            # serves all.
            self._copies = 1 if network.per_category else len(store.categories)
            tasks = runner.every_task(len(store.categories) // self._copies)
            work["greedy"] = runner.jobs(greedy, tasks, self._found)
        else:
            rules = DetectionRules.of(params, searcher.trigger_range)
            self._curve = BudgetCurve(self._store, rules, params.max_windows)
            work["curve"] = self._curve.jobs(store, searcher, runner.log)
            work["greedy"] = runner.jobs(
                greedy, counted.nonzero(), lambda batch: Episodes.of(batch, self._store)
            )
        self.jobs = [job for jobs in work.values() for job in jobs]
        self._lengths = {name: len(jobs) for name, jobs in work.items()}

    def _found(self, batch: Rollout) -> list[_Found]:
        """Results of a batch of greedy searches for every category."""
        require_finite(batch)
        store, copies = self._store, [batch]
        if self._copies > 1:
            copies = [
                replace(batch, category=torch.full_like(batch.category, category))
                for category in range(self._copies)
            ]
        found = []
        for each in copies:
            done = Episodes.of(each, store)
            found.append(
                _Found(
                    done[self._counted[done.image, done.category]],
                    triggered(each, store),
                    attended(each, store, self._nms),
                )
            )
        return found

    def measurement(
        self, results: Sequence[Any], fixed: dict[str, Coordinates] | None
    ) -> Measurement:
        """The measurement, from the results of all jobs.

        Args:
            results: results of ``jobs``, in order.
            fixed: see ``measure``.
        """
        store, counted, left = self._store, self._counted, iter(results)
        done = {name: list(islice(left, length)) for name, length in self._lengths.items()}
        search = None
        if self._curve is None:
            found = [each for batch in done["greedy"] for each in batch]
            greedy = Episodes.concatenate(each.episodes for each in found)
            # Searches that serve all categories lie beside each other.
            greedy = greedy[(greedy.image * len(store.categories) + greedy.category).argsort()]
            detections = {
                "triggered": concatenate([each.triggered for each in found]),
                "attended": concatenate([each.attended for each in found]),
            }
        else:
            greedy = Episodes.concatenate(done["greedy"])
            for parts in done["curve"]:
                self._curve.add(parts)
            detections, search = self._curve.detections(), self._curve.summary()
        (sampled,), (random,), (blind,) = done["sampled"], done["random"], done["blind"]
        outcomes = {
            "greedy": greedy.outcomes(counted),
            "episodes15": sampled.outcomes(counted),
            "random": random.outcomes(counted),
        }
        if done["answer"]:
            outcomes["answer"] = answer_outcomes(store, counted, torch.cat(done["answer"]))
        baseline_detections = {"random": blind}
        whole = dict.fromkeys(store.categories, WHOLE_IMAGE)
        for name, fractions in (("whole_image", whole), ("fixed_box", fixed)):
            if fractions is not None:
                boxes = fixed_boxes(store, fractions)
                outcomes[name] = fixed_outcomes(store, boxes, counted)
                baseline_detections[name] = fixed_detections(store, boxes)
        return Measurement(
            store, greedy, sampled, detections, outcomes, baseline_detections, fixed, search
        )


def _random_detections(runner: EpisodeRunner, policy: Policy) -> dict[str, Detections]:
    """One random search for every category in every image; a trigger's score is random."""
    player = Player("random detections", policy, RANDOM_DETECTIONS_STREAM)
    scores = runner.generator(RANDOM_SCORES_STREAM)
    parts = []
    for _, batch in runner.run(player, runner.every_task(len(runner.store.categories))):
        drawn = torch.rand(batch.q_values.shape, generator=scores)
        parts.append(triggered(replace(batch, q_values=drawn), runner.store))
    return concatenate(parts)


def measure_sets(
    shards: Path,
    checkpoint: Checkpoint,
    params: Evaluate,
    train_image_set: str,
    log: Log,
    features: Sequence[Path] = (),
    memory_mb: int = MEMORY_MB,
    ranks: Ranks = ALONE,
) -> list[Measurement]:
    """Measure a checkpoint on each image set that the parameters name.

    Several processes divide the searches. None waits for another before all sets are searched.

    Args:
        shards: folder of shards.
        checkpoint: the model.
        params: parameters of the measurement; ``image_sets`` are measured.
        train_image_set: the fixed boxes are fitted on it; if the shards lack it,
            there are none.
        log: takes a line of progress.
        features: feature stores of its backbones, for pretrained encoders.
        memory_mb: see ``objloc.network.feature_store.load_store``.
        ranks: the processes that measure together.

    Returns:
        The measurements, on the first process; none on the others.

    Raises:
        ObjlocError: the shards lack an image set, do not know a category, or are
            damaged; processes differ.
    """
    index = read_index(shards)
    facts = {"data hash": index.data_hash, "code": code_hash(), "categories": checkpoint.categories}
    ranks.require_same({**facts, "evaluate": params.model_dump(mode="json")})
    image_sets = tuple(dict.fromkeys(params.image_sets))
    if not image_sets:
        raise ObjlocError("evaluate.image_sets: expected at least one image set; found none")
    for image_set in image_sets:
        if not index.knows(image_set):
            raise ObjlocError(
                f"evaluate.image_sets: expected image sets of {shards}: "
                f"{', '.join(index.image_sets)}; found '{image_set}'"
            )
    for category in checkpoint.categories:
        if category not in index.categories:
            raise ObjlocError(
                f"{shards}: expected shards that know the model's categories "
                f"{', '.join(checkpoint.categories)}; found none of '{category}' among "
                f"{', '.join(index.categories)}"
            )
    fixed = None
    if index.knows(train_image_set):
        log(f"{train_image_set}: best fixed box of each category")
        train_store = SampleStore.load(shards, train_image_set, checkpoint.categories, None)
        fixed = fit_fixed_boxes(train_store, checkpoint.categories, params.iou_threshold)
    else:
        log(f"no best fixed box: {shards} has no image set '{train_image_set}' to fit it on")
    network = checkpoint.network()
    taken = []
    for image_set in image_sets:
        store = load_store(
            shards, image_set, checkpoint.categories, checkpoint.encoders, features, memory_mb
        )
        if params.first_images is not None:
            store = store.first(params.first_images)
        searches = Searches(store, network, checkpoint.agent.mdp, params, log)
        taken.append((searches, ranks.take(searches.jobs)))
        # Free the pixels of a large set before the next is measured.
        searches.jobs.clear()
    collected = [(searches, ranks.collect(mine)) for searches, mine in taken]
    return [searches.measurement(done, fixed) for searches, done in collected if ranks.first]
