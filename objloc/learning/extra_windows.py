"""Windows that an update looks through beside those replayed."""

import torch
from torch import Tensor

from objloc.data.store import SampleStore
from objloc.learning.landings import Landings
from objloc.mdp.action import start_windows
from objloc.mdp.environment import Observation
from objloc.params import Learning, Mdp


class FurtherWindows:
    """Draws windows of images: round objects, where searches start, where they led lately.

    Args:
        store: the images.
        mdp: its start windows.
        learning: shares of each kind; see ``objloc.params.Learning``.
        frames: windows in the observations made.
        action_history: past actions in them.
        generator: of the draws.
    """

    def __init__(
        self,
        store: SampleStore,
        mdp: Mdp,
        learning: Learning,
        frames: int,
        action_history: int,
        generator: torch.Generator,
    ) -> None:
        self._store, self._jitter = store, learning.object_jitter
        self._frames, self._action_history = frames, action_history
        self._generator = generator
        self._starts = start_windows(mdp.starts)
        # Each grid as often as any other: large windows are few.
        self._chances = torch.tensor([1 / n**2 for n, _ in mdp.starts for _ in range(n**2)])
        each = learning.windows_per_image
        self._objects, self._begun, self._landed = (
            round(each * share)
            for share in (learning.object_windows, learning.start_windows, learning.landed_windows)
        )
        self.landings = Landings(len(store)) if self._landed else None
        # At least one window of each image is replayed: it says which images.
        self.replayed = max(1, each - self._objects - self._begun - self._landed)
        """Windows of an image that are replayed."""

    def beside(self, replayed: Observation) -> Observation:
        """Windows replayed, and the others of the same images: these come last."""
        images = torch.unique(replayed.image)
        parts = [replayed]
        if self._objects:
            parts.append(self._round_objects(images.repeat_interleave(self._objects)))
        if self._begun:
            parts.append(self._at_starts(images.repeat_interleave(self._begun)))
        if self._landed:
            parts.append(self._landed_on(images.repeat_interleave(self._landed)))
        return Observation(
            torch.cat([part.image for part in parts]),
            torch.cat([part.category for part in parts]),
            torch.cat([part.boxes for part in parts]),
            torch.cat([part.actions for part in parts]),
        )

    def _round_objects(self, images: Tensor) -> Observation:
        return windows_round_objects(
            self._store, images, self._frames, self._action_history, self._generator, self._jitter
        )

    def _at_starts(self, images: Tensor) -> Observation:
        chosen = torch.multinomial(
            self._chances, len(images), replacement=True, generator=self._generator
        )
        boxes = self._starts[chosen] * self._store.sizes[images].repeat(1, 2)
        return self._observed(images, boxes)

    def _landed_on(self, images: Tensor) -> Observation:
        """Where no learned move has led yet, windows round objects."""
        others = self._round_objects(images)
        assert self.landings is not None  # noqa: S101  # for the type checker
        boxes, known = self.landings.draw(images, self._generator)
        return self._observed(images, torch.where(known[:, None], boxes, others.boxes[:, -1]))

    def _observed(self, images: Tensor, boxes: Tensor) -> Observation:
        """Windows that nothing was seen before; for a category that the image holds."""
        category = self._store.object_category[images].amax(dim=1)
        return _alone(images, category, boxes, self._frames, self._action_history)


def _alone(
    images: Tensor, category: Tensor, boxes: Tensor, frames: int, action_history: int
) -> Observation:
    return Observation(
        images,
        category,
        boxes[:, None].repeat(1, frames, 1),
        torch.full((len(images), action_history), -1),
    )


def windows_round_objects(
    store: SampleStore,
    images: Tensor,
    frames: int,
    action_history: int,
    generator: torch.Generator,
    jitter: float = 1.0,
) -> Observation:
    """Windows jittered round a random object of each image.

    They show the network what a find looks like before it can find one: centres
    are shifted by a normal share of the object's side (0.15 times ``jitter``) and
    sides scaled by a log-normal factor (0.3 times it).

    Args:
        store: the images.
        images: ``[B]`` int64; each must hold an object of a known category.
        frames: windows in the observations made.
        action_history: past actions in them.
        generator: of the draw.
        jitter: see ``objloc.params.Learning.object_jitter``.
    """
    labels = store.object_category[images]
    chance = torch.rand(labels.shape, generator=generator)
    chosen = torch.where(labels >= 0, chance, -1.0).argmax(dim=1)
    rows = torch.arange(len(images))
    boxes = store.boxes[images][rows, chosen]
    noise = torch.randn(len(images), 4, generator=generator, dtype=torch.float64)
    side = boxes[:, 2:] - boxes[:, :2]
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2 + 0.15 * jitter * noise[:, :2] * side
    half = side * torch.exp(0.3 * jitter * noise[:, 2:]) / 2
    sizes = store.sizes[images]
    low = torch.minimum((centre - half).clamp(min=0), sizes - 1)
    high = torch.maximum(torch.minimum(centre + half, sizes), low + 1)
    jittered = torch.cat([low, high], dim=1)
    return _alone(images, labels[rows, chosen], jittered, frames, action_history)
