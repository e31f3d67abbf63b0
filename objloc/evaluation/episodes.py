"""Episodes of one image set: what each search came to, and the table of them."""

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from objloc.box import best_iou, to_voc
from objloc.data.store import SampleStore
from objloc.evaluation.detections import as_written
from objloc.evaluation.success import Outcomes
from objloc.search.rollout import Rollout

COLUMNS = (
    "image_set", "image_id", "category", "episode", "steps", "terminated",
    "xmin", "ymin", "xmax", "ymax", "iou", "success",
)  # fmt: skip
"""Of ``episodes.csv`` and ``episodes15.csv``."""


@dataclass(frozen=True)
class Episodes:
    """E episodes side by side.

    Attributes:
        image: ``[E]`` int64, index into the store.
        category: ``[E]`` int64, index into the store's categories.
        episode: ``[E]`` int64, number of the episode of its image and category,
            from 0.
        steps: ``[E]`` int64, actions taken, the trigger included.
        terminated: ``[E]`` bool, ended by a trigger.
        boxes: ``[E, 4]`` float64 pixels, the final windows.
        iou: ``[E]`` float64, of the final window with the best-matching object of
            the category, difficult ones included.
    """

    image: Tensor
    category: Tensor
    episode: Tensor
    steps: Tensor
    terminated: Tensor
    boxes: Tensor
    iou: Tensor

    def __len__(self) -> int:
        return len(self.image)

    def __getitem__(self, rows: Tensor) -> "Episodes":
        return Episodes(**{each.name: getattr(self, each.name)[rows] for each in fields(self)})

    @classmethod
    def of(cls, rollout: Rollout, store: SampleStore, episode: Tensor | None = None) -> "Episodes":
        """What the episodes of a rollout came to.

        IoU is computed anew from the windows as they are written to files, so
        that a reader of the files finds the same number.
        """
        boxes = as_written(rollout.final_boxes)
        return cls(
            image=rollout.image,
            category=rollout.category,
            episode=torch.zeros_like(rollout.image) if episode is None else episode,
            steps=rollout.steps,
            terminated=rollout.terminated,
            boxes=boxes,
            iou=best_iou(boxes, *store.objects_of(rollout.image, rollout.category)),
        )

    @classmethod
    def joined(cls, parts: Iterable["Episodes"]) -> "Episodes":
        """Several batches as one."""
        parts = list(parts)
        return cls(
            **{
                each.name: torch.cat([getattr(part, each.name) for part in parts])
                for each in fields(cls)
            }
        )

    def outcomes(self, counted: Tensor, episodes: int = 1) -> Outcomes:
        """Lay the episodes out by image and category.

        Args:
            counted: ``[N, C]`` bool, the images that count for each category;
                each has all its episodes here.
            episodes: of each image and category.
        """
        quality = torch.zeros(episodes, *counted.shape, dtype=torch.float64)
        quality[self.episode, self.image, self.category] = torch.where(
            self.terminated, self.iou, 0.0
        )
        return Outcomes(quality, counted)


def csv_text(parts: Iterable[tuple[SampleStore, Episodes]], iou_threshold: float) -> str:
    """The table of episodes: one row each, in the order given.

    Corners are one-based inclusive pixels, unrounded; flags are 0 or 1; success
    is a trigger with IoU above ``iou_threshold``.
    """
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    for store, episodes in parts:
        success = episodes.terminated & (episodes.iou > iou_threshold)
        for image, category, episode, steps, terminated, box, iou, right in zip(
            episodes.image.tolist(),
            episodes.category.tolist(),
            episodes.episode.tolist(),
            episodes.steps.tolist(),
            episodes.terminated.tolist(),
            episodes.boxes.tolist(),
            episodes.iou.tolist(),
            success.tolist(),
            strict=True,
        ):
            writer.writerow(
                (
                    store.image_set,
                    store.image_ids[image],
                    store.categories[category],
                    episode,
                    steps,
                    int(terminated),
                    *to_voc(box),
                    iou,
                    int(right),
                )
            )
    return stream.getvalue()
