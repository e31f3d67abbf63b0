"""The quick measurement during training: greedy success beside the best blind guess."""

import torch
from torch import Tensor

from objloc.agent.network import QNetwork
from objloc.agent.policy import GreedyPolicy
from objloc.evaluation.baselines import fit_fixed_box, fixed_boxes, fixed_outcomes
from objloc.evaluation.rollout import rollout
from objloc.evaluation.success import counted_images
from objloc.params import Agent
from objloc.voc.store import SampleStore


class Validator:
    """Measures a network on the validation images of the categories trained.

    ``score`` is the mean over categories of the share of images in which one
    greedy episode ends in a trigger with IoU above ``schedule.success_iou``. The best
    fixed box is fitted on the training images.

    Args:
        train: the training images.
        val: the validation images.
        trained: indices of the categories measured.
        agent: decision process, and how many images to use.
    """

    def __init__(
        self, train: SampleStore, val: SampleStore, trained: list[int], agent: Agent
    ) -> None:
        self._store = val
        self._mdp = agent.mdp
        wanted = torch.zeros(len(val.categories), dtype=torch.bool)
        wanted[trained] = True
        val.tasks()  # complains of a category without images
        self._counted = counted_images(val.presence(), agent.schedule.val_images) & wanted
        self._trained = trained
        self._threshold = threshold = agent.schedule.success_iou
        boxes = {
            name: fit_fixed_box(*_objects(train, index), threshold)
            for index, name in enumerate(train.categories)
        }
        blind = fixed_outcomes(val, fixed_boxes(val, boxes), self._counted).rates(threshold)
        self._blind = [rate for index in trained if (rate := blind[index]) is not None]

    @property
    def fixed_box(self) -> float:
        """Success of the best fixed box, mean over the categories."""
        return sum(self._blind) / len(self._blind)

    def __call__(self, network: QNetwork) -> dict[str, float]:
        """``score``, ``val_success`` by category, ``val_fixed_box`` and ``val_gain``."""
        episodes = rollout(
            self._store,
            GreedyPolicy(network),
            self._mdp,
            self._counted.nonzero(),
            torch.Generator(),  # a greedy policy draws nothing
        )
        success = episodes.terminated & (episodes.final_iou > self._threshold)
        rates = {
            self._store.categories[index]: float(
                success[episodes.category == index].double().mean()
            )
            for index in self._trained
        }
        score = sum(rates.values()) / len(rates)
        return {
            "score": score,
            **{f"val_success_{name}": rate for name, rate in rates.items()},
            "val_length": float(episodes.steps.double().mean()),
            "val_triggered": float(episodes.terminated.double().mean()),
            "val_fixed_box": self.fixed_box,
            "val_gain": score - self.fixed_box,
        }


def _objects(store: SampleStore, category: int) -> tuple[Tensor, Tensor]:
    """Objects of a category in shares of the image's sides, of the images that hold it."""
    mine = store.object_category == category
    images = mine.any(dim=1)
    limit = torch.cat([store.sizes, store.sizes], dim=1)[:, None]
    return (store.boxes / limit)[images], mine[images]
