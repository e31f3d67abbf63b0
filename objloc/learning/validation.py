"""Validation during training: success of greedy episodes, compared with a fixed box."""

from typing import NamedTuple

import torch
from torch import Tensor

from objloc.data.sample import Coordinates
from objloc.data.store import SampleStore
from objloc.errors import ObjlocError
from objloc.evaluation.baselines import WHOLE_IMAGE, fit_fixed_boxes, fixed_boxes, fixed_outcomes
from objloc.evaluation.success_rate import counted_images
from objloc.mdp.success import is_success
from objloc.network.q_network import QNetwork
from objloc.params import Agent
from objloc.ranks.group import ALONE, Ranks
from objloc.search.policy import GreedyPolicy
from objloc.search.rollout import rollout

_BATCH = 64
"""Episodes in lock-step: the views of their images, of 2.8 MB each at 448 pixels, are kept."""


class Validator:
    """Measure a network on the validation images of some categories.

    ``score`` is the success rate of greedy episodes, one for each image that holds a
    category, averaged over categories. Success is a trigger with IoU above
    ``schedule.success_iou``. The best fixed box is fitted on the training images. With
    ``schedule.train_images`` the same is measured on some training images, which shows
    overfitting.

    Args:
        train: the training images.
        val: the validation images.
        measured: indices of the categories measured.
        agent: the decision process and the numbers of images.
        ranks: the processes that divide the searches.

    Raises:
        ObjlocError: a category without validation images, or fewer searches than processes.
    """

    def __init__(
        self,
        train: SampleStore,
        val: SampleStore,
        measured: list[int],
        agent: Agent,
        ranks: Ranks = ALONE,
    ) -> None:
        schedule = agent.schedule
        try:
            val.tasks(measured)
        except ObjlocError as error:
            raise ObjlocError(f"{error} (train.val_categories: those that are measured)") from None
        names = [val.categories[index] for index in measured]
        boxes = fit_fixed_boxes(train, names, schedule.success_iou)
        self._val = _Part(val, boxes, measured, agent, schedule.val_images, ranks)
        self._train = None
        if schedule.train_images:
            self._train = _Part(train, boxes, measured, agent, schedule.train_images, ranks)

    @property
    def fixed_box(self) -> float:
        """Success rate of the best fixed box on validation, averaged over categories."""
        return self._val.fixed_box

    def __call__(self, network: QNetwork) -> dict[str, float]:
        """Metrics of a network in evaluation mode; see ``docs/metrics.md``.

        They include ``score``, and ``train_gain`` if training images are measured too.
        """
        rates, episodes = self._val.rates(network)
        score = sum(rates.values()) / len(rates)
        found = {
            "score": score,
            **{f"val_success_{name}": rate for name, rate in rates.items()},
            "val_length": float(episodes.steps.mean()),
            "val_triggered": float(episodes.terminated.mean()),
            "val_fixed_box": self.fixed_box,
            "val_gain": score - self.fixed_box,
        }
        if self._train is not None:
            rates, _ = self._train.rates(network)
            found["train_gain"] = sum(rates.values()) / len(rates) - self._train.fixed_box
        return found


class _Searches(NamedTuple):
    """Outcomes of n searches, all of float64.

    Attributes:
        category, steps, terminated, success: ``[n]``.
    """

    category: Tensor
    steps: Tensor
    terminated: Tensor
    success: Tensor


class _Part:
    """Images of one set, and the success rate of the best fixed boxes on them."""

    def __init__(
        self,
        store: SampleStore,
        boxes: dict[str, Coordinates],
        measured: list[int],
        agent: Agent,
        images: int | None,
        ranks: Ranks,
    ) -> None:
        wanted = torch.zeros(len(store.categories), dtype=torch.bool)
        wanted[measured] = True
        self._store, self._mdp, self._measured = store, agent.mdp, measured
        self._threshold = agent.schedule.success_iou
        counted = counted_images(store.presence(), images) & wanted
        self._tasks: Tensor = counted.nonzero()
        self._ranks = ranks
        ranks.require_enough(len(self._tasks), f"the searches of image set '{store.image_set}'")
        everywhere = dict.fromkeys(store.categories, WHOLE_IMAGE) | boxes
        blind = fixed_outcomes(store, fixed_boxes(store, everywhere), counted)
        rates = blind.rates(self._threshold)
        known = [rate for index in measured if (rate := rates[index]) is not None]
        self.fixed_box = sum(known) / len(known)

    def rates(self, network: QNetwork) -> tuple[dict[str, float], _Searches]:
        """The success rate of each category, and the searches."""
        mine = rollout(
            self._store,
            GreedyPolicy(network),
            self._mdp,
            self._tasks[self._ranks.part(len(self._tasks))],
            torch.Generator(),  # a greedy policy draws nothing
            _BATCH,
        )
        success = is_success(mine.terminated, mine.final_iou, self._threshold)
        columns = (mine.category, mine.steps, mine.terminated, success)
        rows = torch.stack([each.double() for each in columns], dim=1)
        searches = _Searches(*self._ranks.rows(rows).unbind(dim=1))
        rates = {
            self._store.categories[index]: float(
                searches.success[searches.category == index].mean()
            )
            for index in self._measured
        }
        return rates, searches
