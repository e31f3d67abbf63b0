"""Measuring a model and the baselines on image sets."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from objloc.command import Log
from objloc.data.sample import Coordinates
from objloc.data.shard_index import read_index
from objloc.data.store import SampleStore
from objloc.errors import ObjlocError
from objloc.evaluation.answer import answers
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
)
from objloc.evaluation.matching import Detections
from objloc.evaluation.metrics import SearchMetrics
from objloc.evaluation.success_rate import Outcomes, counted_images
from objloc.network.checkpoint import Checkpoint
from objloc.network.feature_store import load_store
from objloc.network.valuer import Valuer
from objloc.params import Evaluate, Mdp
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
    counted = counted_images(store.presence(), params.max_images)
    if not counted.any():
        raise ObjlocError(
            f"image set '{store.image_set}' of {store.data}: expected images that hold "
            f"{', '.join(store.categories)}; found none among {len(store)}"
        )
    runner = EpisodeRunner(store, mdp, params.seed, log)
    searcher = Searcher(network, mdp, params.search)
    rules = DetectionRules.of(params, searcher.trigger_range)
    greedy_player = Player("greedy search", GreedyPolicy(network), GREEDY_STREAM)
    epsilon_player = _epsilon_player(network, params)
    random_player = Player("random agent", RandomPolicy(network.num_actions), RANDOM_STREAM)
    outcomes, search = {}, None
    if params.answer_windows is not None:
        budget = params.answer_windows
        runner.log(f"answers: {int(counted.sum())} searches of {budget} looks")
        outcomes["answer"] = answers(store, searcher, budget, counted)
    if params.max_windows is None:
        # An agent with one set of values searches for every category alike: one search
        # serves all.
        one_search = not network.per_category
        greedy, detections = _search_every_category(
            runner, greedy_player, counted, rules.nms, one_search
        )
    else:
        greedy = runner.repeat(greedy_player, counted, 1)
        curve = BudgetCurve.of(store, searcher, rules, params.max_windows, runner.log)
        detections, search = curve.detections(), curve.summary()
    sampled = runner.repeat(epsilon_player, counted, params.episodes)
    random_episodes = runner.repeat(random_player, counted, RANDOM_EPISODES)
    outcomes = {
        "greedy": greedy.outcomes(counted),
        "episodes15": sampled.outcomes(counted),
        "random": random_episodes.outcomes(counted),
        **outcomes,
    }
    baseline_detections = {"random": _random_detections(runner, random_player.policy)}
    whole = dict.fromkeys(store.categories, WHOLE_IMAGE)
    for name, fractions in (("whole_image", whole), ("fixed_box", fixed)):
        if fractions is not None:
            boxes = fixed_boxes(store, fractions)
            outcomes[name] = fixed_outcomes(store, boxes, counted)
            baseline_detections[name] = fixed_detections(store, boxes)
    return Measurement(
        store, greedy, sampled, detections, outcomes, baseline_detections, fixed, search
    )


def _search_every_category(
    runner: EpisodeRunner, player: Player, counted: Tensor, nms: float, one_search: bool
) -> tuple[Episodes, dict[str, dict[str, Detections]]]:
    """Search every image for every category.

    Args:
        runner: runs the episodes.
        player: the greedy agent.
        counted: ``[N, C]`` bool, images that hold the category, up to ``max_images``.
        nms: see ``attended``.
        one_search: whether one search of an image serves all categories, because the
            player searches for all alike.

    Returns:
        The greedy episodes of the counted images and categories; the
        ``triggered`` and ``attended`` detections of all, by category.
    """
    store = runner.store
    tasks = runner.every_task(1 if one_search else len(store.categories))
    episodes, triggers, attentions = [], [], []
    for _, batch in runner.run(player, tasks):
        _require_finite(batch)
        copies = [
            replace(batch, category=torch.full_like(batch.category, category))
            for category in range(len(store.categories))
        ]
        for found in copies if one_search else [batch]:
            triggers.append(triggered(found, store))
            attentions.append(attended(found, store, nms))
            done = Episodes.of(found, store)
            episodes.append(done[counted[done.image, done.category]])
    together = Episodes.concatenate(episodes)
    order = (together.image * len(store.categories) + together.category).argsort()
    return together[order], {
        "triggered": concatenate(triggers),
        "attended": concatenate(attentions),
    }


def _require_finite(batch: Rollout) -> None:
    looked_at = torch.arange(batch.q_values.shape[1]) < batch.steps[:, None]
    if not batch.q_values[looked_at].isfinite().all():
        raise ObjlocError(
            "model: expected finite Q-values; found nan or infinity (its training diverged)"
        )


def _epsilon_player(network: Valuer, params: Evaluate) -> Player:
    """The epsilon-greedy agent."""
    episodes, epsilon = params.episodes, params.epsilon
    title = f"{episodes} episodes with epsilon {epsilon:g}"
    stream = SAMPLED_STREAM.format(episodes=episodes, epsilon=epsilon)
    return Player(title, GreedyPolicy(network, epsilon), stream)


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
    memory_mb: int = 0,
) -> list[Measurement]:
    """Measure a checkpoint on each image set that the parameters name.

    Args:
        shards: folder of shards.
        checkpoint: the model.
        params: parameters of the measurement; ``image_sets`` are measured.
        train_image_set: the fixed boxes are fitted on it; if the shards lack it,
            there are none.
        log: takes a line of progress.
        features: feature stores of its backbones, for pretrained encoders.
        memory_mb: see ``objloc.network.feature_store.open_features``.

    Raises:
        ObjlocError: the shards lack an image set, do not know a category, or are
            damaged.
    """
    index = read_index(shards)
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
    measurements = []
    for image_set in image_sets:
        store = load_store(
            shards,
            image_set,
            checkpoint.categories,
            checkpoint.encoders,
            features,
            memory_mb,
        )
        if params.first_images is not None:
            store = store.first(params.first_images)
        measured = measure(store, network, checkpoint.agent.mdp, params, fixed=fixed, log=log)
        # Free the pixels of a large set before the next is measured.
        without_pixels = replace(store.without_images(), jpegs=())
        measurements.append(replace(measured, store=without_pixels))
    return measurements
