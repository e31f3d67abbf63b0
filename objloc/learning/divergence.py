"""Divergence of a training: found where it happens, reported when the host asks."""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from objloc.errors import ObjlocError
from objloc.network.device import stalls
from objloc.wording import abridged

_SHOWN = 5


class DivergenceError(ObjlocError):
    """The loss is not finite, or Q-values are far outside of all returns: training is lost."""


class DivergenceWatch:
    """Watches every update. On a device that stalls the first lost one is noted there.

    Args:
        limit: Q-values beyond it have run away.
        image_ids: names of the store's images.
        device: that of what is watched.
    """

    def __init__(self, limit: float, image_ids: Sequence[str], device: torch.device) -> None:
        self.limit = limit
        self._image_ids = image_ids
        # The update, its loss, its largest Q-value; 0 for none.
        self._found = torch.zeros(3, dtype=torch.float64, device=device)
        self._images: Tensor | None = None

    def note(
        self, update: int, loss: Tensor, q_values: Tensor, images: Callable[[], Tensor]
    ) -> None:
        """Look at an update.

        Args:
            update: its number, from 1.
            loss: ``[]``.
            q_values: ``[n]``, the values that were trained.
            images: gives ``[B]`` int64, images of its batch; asked for only where training is
                lost, on a device that does not stall.

        Raises:
            DivergenceError: training is lost, on a device that does not stall.
        """
        largest = q_values.abs().max().double()
        loss = loss.double()
        first = ~(loss.isfinite() & (largest <= self.limit)) & (self._found[0] == 0)
        now = torch.stack([torch.full_like(loss, update), loss, largest])
        self._found = torch.where(first, now, self._found)
        if not stalls(loss.device):
            if bool(first):
                self._images = images()
            self.check()
        elif self._images is None:
            self._images = images()
        else:
            self._images = torch.where(first, images(), self._images)

    def check(self) -> None:
        """Look at what was noted.

        Raises:
            DivergenceError: training is lost.
        """
        update, loss, largest = self._found.cpu().tolist()
        if not update or self._images is None:
            return
        names = [self._image_ids[image] for image in sorted(set(self._images.cpu().tolist()))]
        what = (
            f"Q-values of at most {self.limit:g}; found {largest:g}"
            if math.isfinite(loss)
            else f"a finite loss; found {loss}"
        )
        raise DivergenceError(
            f"update {int(update)}: expected {what}, in a batch of {len(names)} images: "
            f"{abridged(names, _SHOWN)}"
        )
