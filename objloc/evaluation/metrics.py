"""``metrics.json``: figures by image set, written and read by the same classes.

Every figure is defined in ``docs/metrics.md``. Categories are keys of dicts, all
other keys are fields, in the order in which they are written.
"""

from collections.abc import Mapping
from functools import reduce
from operator import getitem
from typing import Annotated, Any, ClassVar, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from objloc.data.sample import Coordinates
from objloc.errors import ObjlocError, first_complaint
from objloc.evaluation.baselines import BASELINES
from objloc.params.section import Grown

Figures = dict[str, float | None]
"""A figure of each category, and their ``mean``; None where it is not defined."""
Interval = tuple[float, float] | None
"""95 % interval; None where it is not defined."""
ByIou = dict[str, float | None]
"""Mean success rate by IoU threshold, ``0.50`` to ``0.95``."""

KINDS_OF_DETECTIONS = ("triggered", "attended")
"""Windows triggered on, and all windows looked at."""


class Part(BaseModel):
    """A part of the file: frozen, no unknown keys, no silent conversion."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    def as_json(self) -> dict[str, Any]:
        """Plain values under the keys of the file."""
        return self.model_dump(by_alias=True)


class SuccessRates(Part):
    """Success rates of the agent by how it acts."""

    greedy: Figures
    episodes15: Figures


class BlindSuccessRate(Part):
    """Success rate of a baseline."""

    greedy: Figures


class AveragePrecisions(Part):
    """Average precision by definition."""

    voc2007: Figures
    area: Figures


class BaselineMetrics(Part):
    """Figures of a searcher that looks at nothing; all None where it was not measured."""

    success_rate: BlindSuccessRate
    ap: AveragePrecisions
    success_by_iou: ByIou


class Steps(Part):
    """Length of greedy episodes, the trigger included."""

    mean: float
    median: float


class Intervals(Part):
    """95 % intervals over images, by column."""

    success_rate: dict[str, Interval]
    gain_over_best_baseline: dict[str, Interval]


class AnswerMetrics(Part):
    """Figures of the answers at the end of a budget."""

    windows: int
    success_rate: Figures
    gain_over_best_baseline: Figures
    interval: Intervals
    success_by_iou: ByIou


class BudgetPoint(Part):
    """Figures of a search with a budget, as if it had ended after ``budget`` windows."""

    budget: int
    windows: float
    recall_50: float = Field(alias="recall_0.5")
    recall_60: float = Field(alias="recall_0.6")
    recall_70: float = Field(alias="recall_0.7")
    ap_triggered: float | None
    ap_attended: float | None


class StepsToTrigger(Part):
    """Windows from the start of a search to its trigger; None without a trigger."""

    median: float | None
    mean: float | None


class SearchMetrics(Part):
    """Figures of a search with a budget for all categories at once."""

    curve: tuple[BudgetPoint, ...]
    triggers_per_image: float
    steps_to_trigger: StepsToTrigger

    @property
    def by_budget(self) -> dict[int, BudgetPoint]:
        """The curve's points by their budget."""
        return {point.budget: point for point in self.curve}


class DataName(Part):
    """The shards that were measured on."""

    name: str
    hash: str

    def __str__(self) -> str:
        return f"{self.name} ({self.hash[:12]})"


class ModelName(Part):
    """The checkpoint that was measured."""

    sha256: str
    categories: tuple[str, ...]


def _all_of(*names: str) -> AfterValidator:
    """Refuse a dict that has other keys."""

    def check(found: dict[str, Any]) -> dict[str, Any]:
        if set(found) != set(names):
            raise ValueError(f"expected {', '.join(names)}; found {', '.join(found) or 'none'}")
        return found

    return AfterValidator(check)


AveragePrecisionsByKind = Annotated[dict[str, AveragePrecisions], _all_of(*KINDS_OF_DETECTIONS)]


class ImageSetMetrics(Part, Grown):
    """Figures of a model and of the baselines on one image set."""

    NEWER: ClassVar[frozenset[str]] = frozenset({"order", "cross"})

    images: int
    success_rate: SuccessRates
    ap: AveragePrecisionsByKind
    baselines: Annotated[dict[str, BaselineMetrics], _all_of(*BASELINES)]
    gain_over_best_baseline: Figures
    steps: Steps
    success_by_iou: ByIou
    interval: Intervals
    # Versions before answers and searches with a budget wrote none of the keys that default.
    answer: AnswerMetrics | None = None
    images_by_category: dict[str, int]
    iou_threshold: float
    episodes: int
    epsilon: float
    nms: float
    soft_nms: float | None = None
    order: str = "best_first"
    cross: float | None = None
    search: SearchMetrics | None = None
    fixed_box: dict[str, Coordinates] | None
    data: DataName
    model: ModelName

    @model_validator(mode="after")
    def _same_columns(self) -> Self:
        for name, found in self._tables().items():
            if set(found) != set(self.columns):
                raise ValueError(
                    f"{name}: expected figures of {', '.join(self.columns)}; "
                    f"found {', '.join(found) or 'none'}"
                )
        return self

    def _tables(self) -> dict[str, Mapping[str, Any]]:
        """Everything that has a value for each column, by its dotted name."""
        return {
            "success_rate.greedy": self.success_rate.greedy,
            "success_rate.episodes15": self.success_rate.episodes15,
            "gain_over_best_baseline": self.gain_over_best_baseline,
            "interval.success_rate": self.interval.success_rate,
            "interval.gain_over_best_baseline": self.interval.gain_over_best_baseline,
            **{
                f"ap.{kind}.{name}": table for kind, each in self.ap.items() for name, table in each
            },
            **{
                f"baselines.{name}.success_rate.greedy": each.success_rate.greedy
                for name, each in self.baselines.items()
            },
            **{
                f"baselines.{name}.ap.{definition}": table
                for name, each in self.baselines.items()
                for definition, table in each.ap
            },
        }

    @property
    def columns(self) -> list[str]:
        """Categories of the model, then ``mean``."""
        return [*self.model.categories, "mean"]

    def images_of(self, column: str) -> int:
        """Images that count for a category; for ``mean`` all of the set."""
        return self.images_by_category.get(column, self.images)

    def blind_rates(self, column: str) -> dict[str, float | None]:
        """Success rate of each baseline in a column."""
        return {name: each.success_rate.greedy[column] for name, each in self.baselines.items()}

    def figure(self, path: str) -> float | None:
        """A single figure.

        Args:
            path: its dotted name, such as ``success_rate.greedy.mean``.

        Raises:
            KeyError: there is no such figure.
        """
        value: Any = reduce(getitem, path.split("."), self.as_json())
        if value is not None and not isinstance(value, int | float):
            raise KeyError(path)
        return value

    def summary(self) -> Figures:
        """The figures of ``summary.json``, which a table of experiments has room for."""
        summary: Figures = {
            "success": self.success_rate.greedy["mean"],
            "gain": self.gain_over_best_baseline["mean"],
            "fixed_box": self.baselines["fixed_box"].success_rate.greedy["mean"],
            "success15": self.success_rate.episodes15["mean"],
            "ap_triggered": self.ap["triggered"].voc2007["mean"],
            "ap_attended": self.ap["attended"].voc2007["mean"],
            "steps": self.steps.mean,
        }
        if self.answer:
            summary["answer"] = self.answer.success_rate["mean"]
        return summary


Metrics = dict[str, ImageSetMetrics]
"""All of ``metrics.json``: figures by image set."""

_METRICS = TypeAdapter(Metrics)


def metrics_as_json(metrics: Mapping[str, ImageSetMetrics]) -> dict[str, Any]:
    """Plain values of the whole file."""
    return {image_set: part.as_json() for image_set, part in metrics.items()}


def parse_metrics(text: str | bytes, where: object) -> Metrics:
    """Metrics from the text of the file.

    Args:
        text: JSON.
        where: what holds it, for messages.

    Raises:
        ObjlocError: it is damaged, or another file.
    """
    try:
        return _METRICS.validate_json(text)
    except ValidationError as error:
        raise ObjlocError(
            f"{where}: expected metrics.json of stages.evaluate; {first_complaint(error)}"
        ) from None
