"""One model measured on one image set: all searches, and what they came to."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

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
from objloc.evaluation.detections import objects_of
from objloc.evaluation.episodes import Episodes
from objloc.evaluation.matching import Detections
from objloc.evaluation.metrics import SearchMetrics
from objloc.evaluation.searches import Say, Searches, ledger_of, search_blindly, search_greedily
from objloc.evaluation.success import Outcomes, counted_images
from objloc.network.checkpoint import Checkpoint
from objloc.network.feature_store import load_store
from objloc.network.valuer import Valuer
from objloc.params import Evaluate, Mdp
from objloc.search.policy import GreedyPolicy, RandomPolicy

RANDOM_EPISODES = 15
"""Of the random agent for each image and category present."""


@dataclass(frozen=True)
class Measurement:
    """All that a model and the baselines did on one image set.

    Attributes:
        store: the images; its categories are the model's.
        greedy: one greedy episode of each counted image and category.
        sampled: the epsilon-greedy episodes of the same.
        detections: ``triggered`` and ``attended``, of greedy searches for every
            category in every image, by category.
        outcomes: success of ``greedy``, ``episodes15``, of ``answer`` where it is
            measured, and of each baseline.
        baseline_detections: of each baseline, by category.
        fixed: the fixed boxes in shares of the image's sides; None if there was
            no training image to fit them on.
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
    say: Say,
) -> Measurement:
    """Let a model and the baselines search an image set.

    Args:
        store: the images; its categories are the network's.
        network: in evaluation mode, on its device.
        mdp: the decision process that the model was trained in.
        params: how it is measured.
        fixed: each category's fixed box in shares of the image's sides.
        say: takes a line of progress.

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
    searches = Searches(store, mdp, params.seed, say)
    spent = None
    answered = {}
    if params.answer_windows is not None:
        searches.tell("answers", f"{int(counted.sum())} searches of {params.answer_windows} looks")
        answered["answer"] = answers(
            store, network, mdp, params.search, params.answer_windows, counted
        )
    if params.max_windows is None:
        greedy, detections = search_greedily(searches, network, counted, params.nms)
    else:
        greedy = searches.repeat("greedy search", GreedyPolicy(network), counted, 1)
        ledger = ledger_of(store, network, mdp, params, params.max_windows, searches.tell)
        detections, spent = ledger.detections(params.max_windows), ledger.summary()
    sampled = searches.repeat(
        f"{params.episodes} episodes with epsilon {params.epsilon:g}",
        GreedyPolicy(network, params.epsilon),
        counted,
        params.episodes,
    )
    blind = RandomPolicy(network.num_actions)
    wandering = searches.repeat("random agent", blind, counted, RANDOM_EPISODES)
    outcomes = {
        "greedy": greedy.outcomes(counted),
        "episodes15": sampled.outcomes(counted, params.episodes),
        "random": wandering.outcomes(counted, RANDOM_EPISODES),
        **answered,
    }
    baseline_detections = {"random": search_blindly(searches, blind)}
    whole = dict.fromkeys(store.categories, WHOLE_IMAGE)
    for name, shares in (("whole_image", whole), ("fixed_box", fixed)):
        if shares is not None:
            boxes = fixed_boxes(store, shares)
            outcomes[name] = fixed_outcomes(store, boxes, counted)
            baseline_detections[name] = fixed_detections(store, boxes)
    return Measurement(
        store, greedy, sampled, detections, outcomes, baseline_detections, fixed, spent
    )


def measure_sets(
    shards: Path,
    checkpoint: Checkpoint,
    params: Evaluate,
    train_image_set: str,
    say: Say,
    features: Sequence[Path] = (),
    memory_mb: int = 0,
) -> list[Measurement]:
    """Measure a checkpoint on each image set that the parameters name.

    Args:
        shards: folder of shards.
        checkpoint: the model.
        params: how it is measured, and on which sets.
        train_image_set: the fixed boxes are fitted on it; without it in the
            shards there are none.
        say: takes a line of progress.
        features: stores of its backbones' features, for pretrained encoders.
        memory_mb: see ``objloc.network.feature_store.open_features``.

    Raises:
        ObjlocError: an image set that the shards lack, a category they do not
            know, damaged shards.
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
        say(f"{train_image_set}: best fixed box of each category")
        seen = SampleStore.load(shards, train_image_set, checkpoint.categories, None)
        fixed = fit_fixed_boxes(seen, checkpoint.categories, params.iou_threshold)
    else:
        say(f"no best fixed box: {shards} has no image set '{train_image_set}' to fit it on")
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
        measured = measure(store, network, checkpoint.agent.mdp, params, fixed=fixed, say=say)
        # The pixels of a large set need not stay while the next is measured.
        light = replace(store.without_images(), jpegs=())
        measurements.append(replace(measured, store=light))
    return measurements
