"""Windows that join the replayed ones in a batch, drawn from the same images.

An add-on of ``AllActionTargets``: targets of all actions follow from geometry, so any window
of an image can be trained on, not only those that an episode visited.
"""

import torch
from torch import Tensor

from objloc.data.store import SampleStore
from objloc.learning.selection import distinct
from objloc.mdp.action import start_windows
from objloc.mdp.environment import Observation
from objloc.network.device import CPU
from objloc.params import Learning, Mdp

_WINDOWS_KEPT = 32
"""Windows that ``LandedWindows`` keeps for each image."""
_WINDOWS_ADDED = 8
"""Maximum number of them that one update adds to an image."""


class ExtraWindows:
    """Draw windows round objects, at the starts of searches, and where learned moves landed.

    Args:
        store: the images.
        mdp: the decision process; its start windows are used.
        learning: the fraction of each kind; see ``objloc.params.Learning``.
        frames: windows in the observations made.
        action_history: past actions in them.
        generator: source of random draws.

    Attributes:
        replayed: number of windows of an image that are replayed.
        landed: where learned moves landed; None if such windows are not used.
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
        device = store.sizes.device
        self._starts = start_windows(mdp.starts).to(device)
        # Each grid is as likely as any other, though large windows are few.
        weights = [1 / n**2 for n, _ in mdp.starts for _ in range(n**2)]
        self._start_weights = torch.tensor(weights, device=device)
        each = learning.windows_per_image
        self._num_object, self._num_start, self._num_landed = (
            round(each * fraction)
            for fraction in (
                learning.object_windows,
                learning.start_windows,
                learning.landed_windows,
            )
        )
        self.landed = LandedWindows(len(store), device) if self._num_landed else None
        # At least one is replayed: it determines the image.
        self.replayed = max(1, each - self._num_object - self._num_start - self._num_landed)

    def add_to(self, replayed: Observation, most: int) -> Observation:
        """Append extra windows of the same images to replayed ones.

        Args:
            replayed: windows of some images.
            most: see ``objloc.learning.batch.make_batch``.
        """
        images, _ = distinct(replayed.image, most)
        parts = [replayed]
        if self._num_object:
            parts.append(self._around_objects(images.repeat_interleave(self._num_object)))
        if self._num_start:
            parts.append(self._at_starts(images.repeat_interleave(self._num_start)))
        if self._num_landed:
            parts.append(self._where_landed(images.repeat_interleave(self._num_landed)))
        return Observation(
            torch.cat([part.image for part in parts]),
            torch.cat([part.category for part in parts]),
            torch.cat([part.boxes for part in parts]),
            torch.cat([part.actions for part in parts]),
        )

    def _around_objects(self, images: Tensor) -> Observation:
        return windows_around_objects(
            self._store, images, self._frames, self._action_history, self._generator, self._jitter
        )

    def _at_starts(self, images: Tensor) -> Observation:
        chosen = torch.multinomial(
            self._start_weights, len(images), replacement=True, generator=self._generator
        )
        boxes = self._starts[chosen] * self._store.sizes[images].repeat(1, 2)
        return self._observed(images, boxes)

    def _where_landed(self, images: Tensor) -> Observation:
        """Windows where learned moves landed; round objects if none has landed in the image."""
        others = self._around_objects(images)
        assert self.landed is not None  # noqa: S101  # for the type checker
        boxes, known = self.landed.draw(images, self._generator)
        return self._observed(images, torch.where(known[:, None], boxes, others.boxes[:, -1]))

    def _observed(self, images: Tensor, boxes: Tensor) -> Observation:
        """Observations without a past, for a category that the image holds."""
        category = self._store.object_category[images].amax(dim=1)
        return _without_past(images, category, boxes, self._frames, self._action_history)


class LandedWindows:
    """The latest windows of each image where the agent's learned steps and zooms led.

    A network that is trained only on windows that other moves led to cannot value those
    that its own learned moves lead to.

    Source: Ross, Gordon & Bagnell (2011), DAgger: learn on the states that one's own policy
    visits; Cai & Vasconcelos (2018) do so with regressed boxes.

    Args:
        images: number of images.
        device: that of the windows.
    """

    def __init__(self, images: int, device: torch.device = CPU) -> None:
        self._images = images
        # One image more takes what is not kept.
        exact = torch.float64
        self._boxes = torch.zeros(images + 1, _WINDOWS_KEPT, 4, dtype=exact, device=device)
        self._added = torch.zeros(images + 1, dtype=torch.int64, device=device)

    def add(self, image: Tensor, boxes: Tensor, made: Tensor, generator: torch.Generator) -> None:
        """Keep windows; of many in one image, a random selection.

        Args:
            image: ``[P]`` int64.
            boxes: ``[P, 4]`` float64, pixels of the store's image.
            made: ``[P]`` bool, False where there is no window.
            generator: source of random draws.
        """
        image = torch.where(made, image, self._images)
        order = torch.randperm(len(image), generator=generator, device=image.device)
        order = order[torch.argsort(image[order], stable=True)]
        image, boxes = image[order], boxes[order]
        rank = torch.arange(len(image), device=image.device)
        rank = rank - torch.searchsorted(image, image)
        image = torch.where(rank < _WINDOWS_ADDED, image, self._images)
        self._boxes[image, (self._added[image] + rank) % _WINDOWS_KEPT] = boxes
        self._added.scatter_add_(0, image, torch.ones_like(image))

    def draw(self, images: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw one window of each image.

        Args:
            images: ``[B]`` int64.
            generator: source of random draws.

        Returns:
            Windows ``[B, 4]`` float64, and ``[B]`` bool, whether the image has any.
        """
        known = self._added[images].clamp(max=_WINDOWS_KEPT)
        place = torch.rand(
            len(images), generator=generator, dtype=torch.float64, device=images.device
        )
        return self._boxes[images, (place * known).long()], known > 0

    def state_dict(self) -> dict[str, Tensor]:
        """All windows kept."""
        return {"boxes": self._boxes[: self._images], "added": self._added[: self._images]}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Restore a state."""
        self._boxes[: self._images] = state["boxes"]
        self._added[: self._images] = state["added"]


def windows_around_objects(
    store: SampleStore,
    images: Tensor,
    frames: int,
    action_history: int,
    generator: torch.Generator,
    jitter: float = 1.0,
) -> Observation:
    """Draw a random object of each image and jitter its box.

    They show the network successful windows before its own searches end at any. Centres
    are shifted by a normal fraction of the object's side (standard deviation 0.15 times
    ``jitter``), sides are scaled by a log-normal factor (0.3 times ``jitter``).

    Args:
        store: the images.
        images: ``[B]`` int64; each must hold an object of a known category.
        frames: windows in the observations made.
        action_history: past actions in them.
        generator: source of random draws, of the store's device.
        jitter: see ``objloc.params.Learning.object_jitter``.
    """
    labels = store.object_category[images]
    device = labels.device
    score = torch.rand(labels.shape, generator=generator, device=device)
    chosen = torch.where(labels >= 0, score, -1.0).argmax(dim=1)
    boxes = store.boxes[images, chosen]
    noise = torch.randn(len(images), 4, generator=generator, dtype=torch.float64, device=device)
    side = boxes[:, 2:] - boxes[:, :2]
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2 + 0.15 * jitter * noise[:, :2] * side
    half = side * torch.exp(0.3 * jitter * noise[:, 2:]) / 2
    sizes = store.sizes[images]
    low = torch.minimum((centre - half).clamp(min=0), sizes - 1)
    high = torch.maximum(torch.minimum(centre + half, sizes), low + 1)
    jittered = torch.cat([low, high], dim=1)
    category = labels.gather(1, chosen[:, None])[:, 0]
    return _without_past(images, category, jittered, frames, action_history)


def _without_past(
    images: Tensor, category: Tensor, boxes: Tensor, frames: int, action_history: int
) -> Observation:
    """Observations like those at the start of an episode."""
    return Observation(
        images,
        category,
        boxes[:, None].repeat(1, frames, 1),
        torch.full((len(images), action_history), -1, device=images.device),
    )
