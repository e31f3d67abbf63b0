"""The measurements that training yields, and the protocols of what receives them."""

from dataclasses import dataclass, field
from typing import Any, Protocol, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from objloc.learning.learner import Update
from objloc.network.device import CPU

_HISTOGRAM_SAMPLES = 2000
"""Values kept of each period for its histograms."""


@dataclass(frozen=True)
class ValidationReport:
    """The measurements of a period of training and of the validation at its end.

    Attributes:
        metrics: see ``docs/metrics.md``.
        losses, q_values: float32 samples of the period, for histograms.
        best: whether the validation score is the best so far.
    """

    metrics: dict[str, float]
    losses: NDArray[np.float32]
    q_values: NDArray[np.float32]
    best: bool


@dataclass(frozen=True)
class TrainingStatus:
    """How far training has got after a lock-step.

    Attributes:
        progress: fraction of the schedule that is done.
        updates, steps, episodes: counts from the start of the phase.
        loss: running mean; nan before the first update.
        epsilon: probability of a random action in the last step.
        reward: mean over the period's episodes; nan before the first has ended.
        report: the period's report, if the period ended with this step.
    """

    progress: float
    updates: int
    steps: int
    episodes: int
    loss: float
    epsilon: float
    reward: float
    report: ValidationReport | None = None


@dataclass
class Record:
    """Everything that a run has measured so far.

    Attributes:
        rows: metrics of each period, in order; key ``phase`` counts from 0.
        losses, q_values: update and samples of each period.
    """

    rows: list[dict[str, float]] = field(default_factory=list)
    losses: list[tuple[int, Tensor]] = field(default_factory=list)
    q_values: list[tuple[int, Tensor]] = field(default_factory=list)

    def updates_before(self, phase: int) -> int:
        """Number of updates in all earlier phases."""
        before = [row["update"] for row in self.rows if row["phase"] < phase]
        return int(before[-1]) if before else 0

    def add(self, phase: int, report: ValidationReport) -> dict[str, float]:
        """Add a period; its updates are counted on from those of earlier phases."""
        row = {**report.metrics, "phase": float(phase)}
        row["update"] += self.updates_before(phase)
        self.rows.append(row)
        update = int(row["update"])
        self.losses.append((update, torch.from_numpy(report.losses.copy())))
        self.q_values.append((update, torch.from_numpy(report.q_values.copy())))
        return row


class Period:
    """Sums and samples since the last report."""

    def __init__(self) -> None:
        self.sums: dict[str, float | Tensor] = {}
        self.losses: list[Tensor] = []
        self.q_values: list[Tensor] = []
        self._q_max: float | Tensor = float("-inf")

    def add(self, **values: float | Tensor) -> None:
        """Add numbers or tensors ``[]`` to the sums, which stay on their device."""
        for name, value in values.items():
            exact = value.double() if isinstance(value, Tensor) else value
            self.sums[name] = self.sums.get(name, 0.0) + exact

    def add_update(self, update: Update) -> None:
        """Add the measurements of an update."""
        self.add(
            updates=1,
            loss=update.loss,
            td_error=update.td_error,
            q=update.q_values.sum(),
            q_count=update.real.sum(),
        )
        largest = torch.where(update.real, update.q_values, -torch.inf).max()
        self._q_max = largest.clamp(min=self._q_max)
        # Every tenth value is enough for a histogram.
        padding = ~update.real[::10]
        self.losses.append(update.losses[::10].masked_fill(padding, torch.nan))
        self.q_values.append(update.q_values[::10].masked_fill(padding, torch.nan))

    @property
    def q_max(self) -> float:
        """The largest Q-value; minus infinity without any."""
        return float(self._q_max)

    def ratio(self, name: str, by: str) -> float:
        """One sum divided by another; nan if the divisor is 0."""
        count = float(self.sums.get(by, 0.0))
        return float(self.sums.get(name, 0.0)) / count if count else float("nan")

    def histogram(self, kept: list[Tensor]) -> NDArray[np.float32]:
        """Evenly spaced samples of the period's values."""
        values = torch.cat(kept).cpu() if kept else torch.empty(0)
        values = values[~values.isnan()]
        stride = max(1, len(values) // _HISTOGRAM_SAMPLES)
        return values[::stride].numpy()

    def state(self) -> list[Any]:
        """Everything measured, to resume the period later."""
        return [self.sums, self.losses, self.q_values, self._q_max]

    @classmethod
    def from_state(cls, state: list[Any], device: torch.device = CPU) -> Self:
        """Restore a period, whose measurements go on being made on a device."""
        period = cls()
        sums, losses, q_values, q_max = state
        *sums_now, period._q_max = (
            torch.as_tensor(each, dtype=torch.float64, device=device)
            for each in (*sums.values(), q_max)
        )
        period.sums = dict(zip(sums, sums_now, strict=True))
        period.losses, period.q_values = (
            [each.to(device) for each in kept] for kept in (losses, q_values)
        )
        return period


class Run(Protocol):
    """Tracking of a training; ``objloc.tracking.TrainingRun`` is one."""

    def log_metrics(self, metrics: dict[str, float], step: int) -> None:
        """Log a period's metrics at an update."""


class Progress(Protocol):
    """Display of a training; ``objloc.view.training_progress.TrainingProgress`` is one."""

    def phase(self, name: str) -> None:
        """Begin a phase."""

    def log(self, line: str) -> None:
        """Show a line."""

    def update(self, status: TrainingStatus) -> None:
        """Show where training stands."""

    def rates(self, status: TrainingStatus) -> dict[str, float]:
        """Metrics of speed: steps and updates per second since the phase began."""


class _Silent:
    """A ``Progress`` that shows nothing: that of all processes but the first."""

    def phase(self, name: str) -> None: ...
    def log(self, line: str) -> None: ...
    def update(self, status: TrainingStatus) -> None: ...
    def rates(self, _status: TrainingStatus) -> dict[str, float]:
        return {}


class _Untracked:
    """A ``Run`` that keeps nothing: that of all processes but the first."""

    def log_metrics(self, metrics: dict[str, float], step: int) -> None: ...


SILENT: Progress = _Silent()
UNTRACKED: Run = _Untracked()
