"""What training tells of itself: reports of periods, and where it stands."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from objloc.learning.learner import Update

_HISTOGRAM_SAMPLES = 2000
"""Values kept of each period for its histograms."""


@dataclass(frozen=True)
class Report:
    """What a period of training measured.

    Attributes:
        metrics: see ``docs/metrics.md``.
        losses, q_values: float32 samples of the period, for histograms.
        best: the validation score is the best so far.
    """

    metrics: dict[str, float]
    losses: NDArray[np.float32]
    q_values: NDArray[np.float32]
    best: bool


@dataclass
class Tick:
    """Where training stands after a lock-step.

    Attributes:
        progress: share of the episodes that have ended.
        updates, steps, episodes: counted from the start of the run.
        loss: running mean; nan before the first update.
        epsilon: of the last step.
        reward: mean of the period's episodes; nan before the first has ended.
        report: at the end of a period.
    """

    progress: float
    updates: int
    steps: int
    episodes: int
    loss: float
    epsilon: float
    reward: float
    report: Report | None = None


class Period:
    """Sums since the last report."""

    def __init__(self) -> None:
        self.sums: dict[str, float] = {}
        self.losses: list[Tensor] = []
        self.q_values: list[Tensor] = []
        self.q_max = float("-inf")

    def add(self, **values: float) -> None:
        """Add to the sums."""
        for name, value in values.items():
            self.sums[name] = self.sums.get(name, 0.0) + value

    def add_update(self, update: Update) -> None:
        """Add what an update measured."""
        self.add(
            updates=1,
            loss=update.loss,
            td_error=update.td_error,
            q=float(update.q_values.sum()),
            q_count=len(update.q_values),
        )
        self.q_max = max(self.q_max, float(update.q_values.max()))
        # Every tenth value is enough for a picture.
        self.losses.append(update.losses[::10].clone())
        self.q_values.append(update.q_values[::10].clone())

    def ratio(self, name: str, by: str) -> float:
        """A mean of the period; nan if there was nothing."""
        count = self.sums.get(by, 0.0)
        return self.sums.get(name, 0.0) / count if count else float("nan")

    def histogram(self, kept: list[Tensor]) -> NDArray[np.float32]:
        """Evenly chosen samples of the period."""
        values = torch.cat(kept) if kept else torch.empty(0)
        stride = max(1, len(values) // _HISTOGRAM_SAMPLES)
        return values[::stride].numpy()
