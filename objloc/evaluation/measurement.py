"""One model measured on one image set: all searches, and what they came to."""

import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from objloc.agent.checkpoint import Checkpoint
from objloc.agent.features import load_store
from objloc.agent.network import QNetwork
from objloc.agent.policy import GreedyPolicy, Policy, RandomPolicy
from objloc.errors import ObjlocError
from objloc.evaluation.answer import answers
from objloc.evaluation.average_precision import Curve, Detections, precision_recall
from objloc.evaluation.baselines import (
    WHOLE_IMAGE,
    fit_fixed_boxes,
    fixed_boxes,
    fixed_detections,
    fixed_outcomes,
)
from objloc.evaluation.detections import attended, joined, objects_of, triggered
from objloc.evaluation.episodes import Episodes
from objloc.evaluation.ledger import Ledger
from objloc.evaluation.rollout import Rollout, rollout
from objloc.evaluation.search import search
from objloc.evaluation.success import Outcomes, counted_images
from objloc.params import Evaluate, Mdp
from objloc.voc.sample import Coordinates
from objloc.voc.shard_index import read_index
from objloc.voc.store import SampleStore

RANDOM_EPISODES = 15
"""Of the random agent for each image and category present."""

_BATCH = 256
"""Episodes in lock-step."""
_SECONDS_BETWEEN_LINES = 10.0

Say = Callable[[str], None]


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
    search: dict[str, Any] | None = None

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
    network: QNetwork,
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
    searches = _Searches(store, mdp, params.seed, say)
    spent = None
    answered = {}
    if params.answer_windows is not None:
        searches.tell("answers", f"{int(counted.sum())} searches of {params.answer_windows} looks")
        answered["answer"] = answers(
            store, network, mdp, params.search, params.answer_windows, counted
        )
    if params.max_windows is None:
        greedy, detections = _search_greedily(searches, network, counted, params.nms)
    else:
        greedy = searches.repeat("greedy search", GreedyPolicy(network), counted, 1)
        ledger = ledger_of(store, network, mdp, params, searches.tell)
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
    baseline_detections = {"random": _search_blindly(searches, blind)}
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
    features: Path | None = None,
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
        features: a store of the backbone's features, for a pretrained encoder.
        memory_mb: see ``objloc.agent.features.open_features``.

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
    network.to("cuda" if torch.cuda.is_available() else "cpu")
    measurements = []
    for image_set in image_sets:
        store = load_store(
            shards,
            image_set,
            checkpoint.categories,
            checkpoint.agent.encoder,
            features,
            memory_mb,
        )
        measured = measure(store, network, checkpoint.agent.mdp, params, fixed=fixed, say=say)
        # The pixels of a large set need not stay while the next is measured.
        light = replace(store, images=torch.empty(0), mirrored=None, jpegs=())
        measurements.append(replace(measured, store=light))
    return measurements


class _Searches:
    """Runs searches in batches and tells how far they are.

    Args:
        store: the images.
        mdp: the decision process.
        seed: of the policies' random choices.
        say: takes a line of progress.
    """

    def __init__(self, store: SampleStore, mdp: Mdp, seed: int, say: Say) -> None:
        self.store = store
        self.mdp = mdp
        self._seed = seed
        self._say = say

    def run(self, name: str, policy: Policy, tasks: Tensor) -> Iterator[tuple[slice, Rollout]]:
        """Search in batches: ``[M, 2]`` int64 image and category; yields rows and episodes."""
        generator = self.generator(name)
        started = told = time.monotonic()
        for first in range(0, len(tasks), _BATCH):
            rows = slice(first, min(first + _BATCH, len(tasks)))
            yield rows, rollout(self.store, policy, self.mdp, tasks[rows], generator, _BATCH)
            now = time.monotonic()
            if now - told >= _SECONDS_BETWEEN_LINES and rows.stop < len(tasks):
                told = now
                left = (now - started) / rows.stop * (len(tasks) - rows.stop)
                self.tell(name, f"{rows.stop} of {len(tasks)} searches, {left:.0f} s left")
        self.tell(name, f"{len(tasks)} searches in {time.monotonic() - started:.1f} s")

    def repeat(self, name: str, policy: Policy, counted: Tensor, episodes: int) -> Episodes:
        """So many episodes for each image and category that count: ``[N, C]`` bool."""
        tasks = counted.nonzero()
        number = torch.arange(episodes).repeat(len(tasks))
        parts = [
            Episodes.of(batch, self.store, number[rows])
            for rows, batch in self.run(name, policy, tasks.repeat_interleave(episodes, dim=0))
        ]
        return Episodes.joined(parts)

    def every_task(self, categories: int) -> Tensor:
        """``[N * categories, 2]`` int64: the first so many categories in every image."""
        return torch.cartesian_prod(torch.arange(len(self.store)), torch.arange(categories))

    def generator(self, purpose: str) -> torch.Generator:
        """Own random numbers for each image set and purpose.

        So that no figure depends on what else is measured.
        """
        text = f"{self._seed}/{self.store.image_set}/{purpose}"
        digest = hashlib.sha256(text.encode()).digest()
        return torch.Generator().manual_seed(int.from_bytes(digest[:7]))

    def tell(self, name: str, text: str) -> None:
        """Tell how far a search is."""
        self._say(f"{self.store.image_set}: {name}: {text}")


def _search_greedily(
    searches: _Searches, network: QNetwork, counted: Tensor, nms: float
) -> tuple[Episodes, dict[str, dict[str, Detections]]]:
    """Every category in every image; the counted ones are the greedy episodes."""
    store = searches.store
    # One set of values for all categories searches for all in the same way.
    alike = not network.per_category
    tasks = searches.every_task(1 if alike else len(store.categories))
    episodes, triggers, looks = [], [], []
    for _, batch in searches.run("greedy search", GreedyPolicy(network), tasks):
        _refuse_infinite(batch)
        copies = [
            replace(batch, category=torch.full_like(batch.category, category))
            for category in range(len(store.categories))
        ]
        for found in copies if alike else [batch]:
            triggers.append(triggered(found, store))
            looks.append(attended(found, store, nms))
            done = Episodes.of(found, store)
            episodes.append(done[counted[done.image, done.category]])
    together = Episodes.joined(episodes)
    order = (together.image * len(store.categories) + together.category).argsort()
    return together[order], {"triggered": joined(triggers), "attended": joined(looks)}


def ledger_of(
    store: SampleStore,
    network: QNetwork,
    mdp: Mdp,
    params: Evaluate,
    tell: Callable[[str, str], None] | None = None,
) -> Ledger:
    """Search all categories of each image at once, within ``params.max_windows`` looks.

    Args:
        store: the images; its categories are the network's.
        network: in evaluation mode, on its device.
        mdp: the decision process that it was trained in.
        params: how it is measured.
        tell: takes the search's name and how far it is.
    """
    windows = params.max_windows or 1
    ledger = Ledger(store, params.nms, params.search.detections_per_image, windows)
    done = 0
    for looks in search(store, network, mdp, params.search, windows):
        ledger.add(looks)
        done += len(looks.number)
        if tell is not None:
            tell(f"search with {windows} looks", f"{done} of {len(store)} images")
    return ledger


def _search_blindly(searches: _Searches, policy: RandomPolicy) -> dict[str, Detections]:
    """One random search for every category in every image; a trigger's score is random."""
    store = searches.store
    scores = searches.generator("random scores")
    parts = []
    tasks = searches.every_task(len(store.categories))
    for _, batch in searches.run("random detections", policy, tasks):
        drawn = torch.rand(batch.q_values.shape, generator=scores)
        parts.append(triggered(replace(batch, q_values=drawn), store))
    return joined(parts)


def _refuse_infinite(batch: Rollout) -> None:
    looked_at = torch.arange(batch.q_values.shape[1]) < batch.steps[:, None]
    if not batch.q_values[looked_at].isfinite().all():
        raise ObjlocError(
            "model: expected finite Q-values; found nan or infinity (its training diverged)"
        )
