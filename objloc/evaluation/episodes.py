"""Episodes of one image set: running them, their outcomes, and the table of them."""

import csv
import hashlib
import io
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields
from functools import partial
from typing import TypeVar

import torch
from torch import Tensor

from objloc.box import best_iou, to_voc
from objloc.command import Log
from objloc.data.store import SampleStore
from objloc.errors import ObjlocError
from objloc.evaluation.detections import as_written
from objloc.evaluation.success_rate import Outcomes
from objloc.mdp.success import is_success
from objloc.params import Mdp
from objloc.search.policy import Policy
from objloc.search.rollout import Rollout, rollout

COLUMNS = (
    "image_set", "image_id", "category", "episode", "steps", "terminated",
    "xmin", "ymin", "xmax", "ymax", "iou", "success",
)  # fmt: skip
"""Columns of ``episodes.csv`` and ``episodes15.csv``."""

GREEDY_STREAM = "greedy search"
SAMPLED_STREAM = "{episodes} episodes with epsilon {epsilon:g}"
RANDOM_STREAM = "random agent"
RANDOM_DETECTIONS_STREAM = "random detections"
RANDOM_SCORES_STREAM = "random scores"
"""Names of streams of random numbers, see ``EpisodeRunner.generator``. They are hashed into
seeds and never shown: another spelling is another seed, and changes published figures."""

_BATCH = 256
"""Episodes in lock-step."""
_SECONDS_BETWEEN_LINES = 10.0

T = TypeVar("T")


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
        """The outcomes of a rollout's episodes.

        IoU is computed again from the windows as they are written to files, so
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
    def concatenate(cls, parts: Iterable["Episodes"]) -> "Episodes":
        """Several batches as one."""
        parts = list(parts)
        return cls(
            **{
                each.name: torch.cat([getattr(part, each.name) for part in parts])
                for each in fields(cls)
            }
        )

    def outcomes(self, counted: Tensor) -> Outcomes:
        """Lay the episodes out by their number, image and category.

        Args:
            counted: ``[N, C]`` bool, the images that count for each category;
                each has all its episodes here.
        """
        quality = torch.zeros(int(self.episode.max()) + 1, *counted.shape, dtype=torch.float64)
        quality[self.episode, self.image, self.category] = torch.where(
            self.terminated, self.iou, 0.0
        )
        return Outcomes(quality, counted)


@dataclass(frozen=True)
class Player:
    """A policy whose episodes are run.

    Attributes:
        title: shown in the log.
        policy: chooses the actions.
        stream: name of its random numbers, see ``EpisodeRunner.generator``.
    """

    title: str
    policy: Policy
    stream: str


class EpisodeRunner:
    """Runs episodes on an image set in batches and logs the progress.

    Args:
        store: the images.
        mdp: the decision process.
        seed: for the policies' random choices.
        log: takes a line of progress.
    """

    def __init__(self, store: SampleStore, mdp: Mdp, seed: int, log: Log) -> None:
        self.store = store
        self._mdp = mdp
        self._seed = seed
        self._log = log

    def run(self, player: Player, tasks: Tensor) -> Iterator[tuple[slice, Rollout]]:
        """Run one episode for each task; yield the rows and the episodes of each batch.

        Args:
            player: acts in them.
            tasks: ``[M, 2]`` int64, image and category.
        """
        policy, title = player.policy, player.title
        generator = self.generator(player.stream)
        started = logged = time.monotonic()
        for rows in _batches(len(tasks)):
            yield rows, rollout(self.store, policy, self._mdp, tasks[rows], generator, _BATCH)
            now = time.monotonic()
            if now - logged >= _SECONDS_BETWEEN_LINES and rows.stop < len(tasks):
                logged = now
                left = (now - started) / rows.stop * (len(tasks) - rows.stop)
                self.log(f"{title}: {rows.stop} of {len(tasks)} searches, {left:.0f} s left")
        self.log(f"{title}: {len(tasks)} searches in {time.monotonic() - started:.1f} s")

    def jobs(
        self, player: Player, tasks: Tensor, take: Callable[[Rollout], T]
    ) -> list[Callable[[], T]]:
        """Jobs that run one episode for each task, a batch each, and what is taken of a batch.

        Args:
            player: acts in them; it draws no random numbers.
            tasks: ``[M, 2]`` int64, image and category.
            take: keeps what is needed of a batch.
        """

        def search(rows: slice) -> T:
            generator = self.generator(player.stream)
            found = rollout(self.store, player.policy, self._mdp, tasks[rows], generator, _BATCH)
            self.log(f"{player.title}: {rows.stop} of {len(tasks)} searches")
            return take(found)

        return [partial(search, rows) for rows in _batches(len(tasks))]

    def repeat(self, player: Player, counted: Tensor, episodes: int) -> Episodes:
        """Run several episodes for each image and category that count.

        Args:
            player: acts in them.
            counted: ``[N, C]`` bool.
            episodes: number for each image and category.
        """
        tasks = counted.nonzero()
        number = torch.arange(episodes).repeat(len(tasks))
        batches = self.run(player, tasks.repeat_interleave(episodes, dim=0))
        return Episodes.concatenate(
            Episodes.of(batch, self.store, number[rows]) for rows, batch in batches
        )

    def every_task(self, categories: int) -> Tensor:
        """``[N * categories, 2]`` int64: the first categories in every image."""
        return torch.cartesian_prod(torch.arange(len(self.store)), torch.arange(categories))

    def generator(self, stream: str) -> torch.Generator:
        """A random number generator for an image set and purpose.

        Each has its own, so that no figure depends on what else is measured.

        Args:
            stream: name of the purpose, one of the constants above.
        """
        text = f"{self._seed}/{self.store.image_set}/{stream}"
        digest = hashlib.sha256(text.encode()).digest()
        return torch.Generator().manual_seed(int.from_bytes(digest[:7]))

    def log(self, line: str) -> None:
        """Log a line of progress, with the image set before it."""
        self._log(f"{self.store.image_set}: {line}")


def csv_text(parts: Iterable[tuple[SampleStore, Episodes]], iou_threshold: float) -> str:
    """The table of episodes: one row each, in the order given.

    Corners are one-based inclusive pixels, unrounded; flags are 0 or 1; for success see
    ``objloc.mdp.success``.
    """
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    for store, episodes in parts:
        success = is_success(episodes.terminated, episodes.iou, iou_threshold)
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


def require_finite(batch: Rollout) -> None:
    """Refuse episodes with values that are not finite.

    Raises:
        ObjlocError: there are such values.
    """
    looked_at = torch.arange(batch.q_values.shape[1]) < batch.steps[:, None]
    if not batch.q_values[looked_at].isfinite().all():
        raise ObjlocError(
            "model: expected finite Q-values; found nan or infinity (its training diverged)"
        )


def _batches(tasks: int) -> Iterator[slice]:
    return (slice(first, min(first + _BATCH, tasks)) for first in range(0, tasks, _BATCH))
