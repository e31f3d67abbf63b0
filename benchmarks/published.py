"""Figures kept in ``benchmarks/results``; the same classes write and read them."""

from pathlib import Path
from typing import TypeVar

from pydantic import Field, TypeAdapter

from objloc.evaluation.metrics import (
    AnswerMetrics,
    AveragePrecisionsByKind,
    BudgetPoint,
    DataName,
    Figures,
    ImageSetMetrics,
    Interval,
    ModelName,
    Part,
    SearchMetrics,
    Steps,
    StepsToTrigger,
)

T = TypeVar("T")
P = TypeVar("P", bound=Part)


class DetectorRun(Part):
    """Figures of one seed of an agent that finds all objects of VOC2007."""

    ap: AveragePrecisionsByKind
    search: SearchMetrics
    model: ModelName


class CombinedRun(DetectorRun):
    """Figures of one seed of an agent of two networks."""

    data: DataName
    images: int


class Detector(Part):
    """Figures of the agent of one network."""

    test: ImageSetMetrics
    """All figures of the first seed."""
    seeds: dict[str, DetectorRun]


class Spent(Part):
    """Minutes that were spent, by stage: ``train`` and ``evaluate``."""

    minutes: dict[str, float] = Field(default_factory=dict)
    processor_minutes: dict[str, float] = Field(default_factory=dict)
    """Of a processor; none of runs before it was measured."""


class FieldRun(DetectorRun, Spent):
    """Figures of one seed of an agent of the field."""

    data: DataName
    images: int
    """Number of test images measured."""
    updates: int | None
    settings: tuple[str, ...]


class FieldRow(Part):
    """Figures of an agent of the field, by seed."""

    seeds: dict[str, FieldRun]


class Walk(Part):
    """Figures of ways to choose windows, of one network."""

    data: DataName
    model: ModelName
    image_set: str
    images: int
    updates: int
    """Of the network."""
    ways: dict[str, tuple[BudgetPoint, ...]]

    @property
    def protocol(self) -> str:
        """What was measured, in a line."""
        categories = len(self.model.categories)
        return (
            f"The first {self.images:,} images of {self.image_set} at 320 px, {categories} "
            f"categories, one network of {self.updates:,} updates."
        )


class AblationRow(Part):
    """Figures of one row of the ablation."""

    settings: tuple[str, ...]
    images: int
    minutes: float | None = None
    """Minutes of training; None if the row uses the first row's network."""
    updates: int | None = None
    curve: tuple[BudgetPoint, ...]
    triggers_per_image: float
    steps_to_trigger: StepsToTrigger


class AheadRow(Part):
    """Figures of one way to learn values."""

    updates: int
    processor_minutes: float
    """Of training."""
    curve: tuple[BudgetPoint, ...]
    triggers_per_image: float
    steps_to_trigger: StepsToTrigger


class Ahead(Part):
    """Figures of ways to learn values at equal cost, measured on the first images of ``val``."""

    minutes: float
    """Of a processor, that each row was to take."""
    images: int
    categories: tuple[str, ...]
    rows: dict[str, AheadRow]

    @property
    def protocol(self) -> str:
        """What was measured, in a line."""
        return (
            f"The first {self.images:,} images of val at 320 px, categories: "
            f"{', '.join(self.categories)}; {self.minutes:g} minutes of one processor for each."
        )


class ScratchPrecision(Part):
    """AP of VOC2007 of an agent from scratch, and of the best fixed box."""

    triggered: Figures
    attended: Figures
    fixed_box: Figures


class ScratchRun(Part):
    """Figures of one seed of an agent from scratch, on one image set."""

    images: int
    images_by_category: dict[str, int]
    first_trigger: Figures
    answer: AnswerMetrics
    interval: dict[str, Interval]
    blind: dict[str, Figures]
    ap: ScratchPrecision
    steps: Steps
    data: DataName
    model: str


ScratchRuns = dict[str, dict[str, ScratchRun]]
"""Figures by seed, then by image set."""


class Unseen(Part):
    """Success of an agent that searches for a category that it never saw."""

    fixed_box: float | None
    whole_image: float | None
    images: int
    answer: dict[str, float | None]
    """Success rate by the category that the agent was asked for."""


class Questions(Part):
    """Figures of the questions of 2018."""

    rows: dict[str, ScratchRuns]
    unseen: dict[str, Unseen]


def parse(kind: type[T], text: str) -> T:
    """Parse a file of results.

    Raises:
        pydantic.ValidationError: the file is of another kind.
    """
    return TypeAdapter(kind).validate_json(text)


def resumed(path: Path, new: P, rows: str) -> P:
    """Results of the same conditions that a file has; the new ones without such a file.

    Args:
        path: file of results.
        new: conditions, and no rows yet.
        rows: name of the mapping that has the rows.
    """
    if not path.exists():
        return new
    before = parse(type(new), path.read_text("utf-8"))
    return before if before.model_copy(update={rows: {}}) == new else new


def as_json(results: object) -> object:
    """Convert results to plain values, without keys that were not given."""
    return TypeAdapter(type(results)).dump_python(results, by_alias=True, exclude_unset=True)


def known(figures: Figures, column: str) -> float:
    """Get the figure of a column.

    Raises:
        ValueError: the figure is not defined.
    """
    value = figures[column]
    if value is None:
        raise ValueError(f"{column}: expected a figure; found none")
    return value
