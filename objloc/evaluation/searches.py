"""The searches of a measurement: one window after another, or all categories within a budget."""

import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import torch
from torch import Tensor

from objloc.data.store import SampleStore
from objloc.errors import ObjlocError
from objloc.evaluation.budget_curve import Ledger, Overlapping
from objloc.evaluation.detections import attended, joined, triggered
from objloc.evaluation.episodes import Episodes
from objloc.evaluation.matching import Detections
from objloc.network.value_range import TriggerRange
from objloc.network.valuer import Valuer
from objloc.params import Evaluate, Mdp
from objloc.search.budgeted import search
from objloc.search.policy import GreedyPolicy, Policy, RandomPolicy
from objloc.search.rollout import Rollout, rollout

_BATCH = 256
"""Episodes in lock-step."""
_SECONDS_BETWEEN_LINES = 10.0

Say = Callable[[str], None]


class Searches:
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


def search_greedily(
    searches: Searches, network: Valuer, counted: Tensor, nms: float
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
    network: Valuer,
    mdp: Mdp,
    params: Evaluate,
    max_windows: int,
    tell: Callable[[str, str], None] | None = None,
) -> Ledger:
    """Search all categories of each image at once, within so many looks.

    Args:
        store: the images; its categories are the network's.
        network: in evaluation mode, on its device.
        mdp: the decision process that it was trained in.
        params: how it is measured.
        max_windows: looks in each image.
        tell: takes the search's name and how far it is.
    """
    overlapping = Overlapping(
        params.nms, params.search.soft_nms, TriggerRange.of(network.bounds, mdp)
    )
    ledger = Ledger(store, overlapping, params.search.detections_per_image, max_windows)
    done = 0
    for looks in search(store, network, mdp, params.search, max_windows):
        ledger.add(looks)
        done += len(looks.number)
        if tell is not None:
            tell(f"search with {max_windows} looks", f"{done} of {len(store)} images")
    return ledger


def search_blindly(searches: Searches, policy: RandomPolicy) -> dict[str, Detections]:
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
