"""Compute the figures of ``metrics.json`` from a measurement."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from objloc.evaluation.average_precision import AVERAGE_PRECISIONS, Curve, mean_known
from objloc.evaluation.baselines import BASELINES
from objloc.evaluation.measure import Measurement
from objloc.evaluation.metrics import (
    KINDS_OF_DETECTIONS,
    AnswerMetrics,
    AveragePrecisions,
    BaselineMetrics,
    BlindSuccessRate,
    DataName,
    Figures,
    ImageSetMetrics,
    Interval,
    Intervals,
    ModelName,
    Steps,
    SuccessRates,
)
from objloc.evaluation.success_rate import by_iou, interval, replicated_rates
from objloc.params import Evaluate


def figures(categories: Sequence[str], values: Iterable[float | None]) -> Figures:
    """Values by category with their mean; None (null) stays out of the mean."""
    by_category: Figures = dict(zip(categories, values, strict=True))
    return {**by_category, "mean": mean_known(by_category.values())}


def metrics_of(measurement: Measurement, params: Evaluate, model_hash: str) -> ImageSetMetrics:
    """Compute the figures of one image set.

    Args:
        measurement: all episodes and detections on it.
        params: parameters of the measurement.
        model_hash: SHA-256 of the checkpoint.
    """
    store = measurement.store
    categories, threshold = store.categories, params.iou_threshold
    rates = {
        name: figures(categories, outcomes.rates(threshold))
        for name, outcomes in measurement.outcomes.items()
    }
    greedy, steps = measurement.outcomes["greedy"], measurement.greedy.steps.numpy()
    counted = greedy.counted.sum(dim=0).tolist()
    return ImageSetMetrics(
        images=len(store),
        success_rate=SuccessRates(greedy=rates["greedy"], episodes15=rates["episodes15"]),
        ap={kind: _average_precisions(measurement.curves[kind]) for kind in KINDS_OF_DETECTIONS},
        baselines={name: _baseline(measurement, name, rates) for name in BASELINES},
        gain_over_best_baseline=gain_over_best_baseline(rates),
        steps=Steps(mean=float(np.mean(steps)), median=float(np.median(steps))),
        success_by_iou=by_iou(greedy),
        interval=_intervals(measurement, params, rates),
        answer=_answer(measurement, params, rates),
        images_by_category=dict(zip(categories, counted, strict=True)),
        iou_threshold=threshold,
        episodes=params.episodes,
        epsilon=params.epsilon,
        nms=params.nms,
        soft_nms=params.search.soft_nms,
        order=params.search.order,
        cross=params.search.cross if params.search.order == "restarts" else None,
        search=measurement.search,
        fixed_box=measurement.fixed,
        data=DataName(name=store.data, hash=store.data_hash),
        model=ModelName(sha256=model_hash, categories=tuple(categories)),
    )


def _average_precisions(curves: Mapping[str, Curve | None]) -> AveragePrecisions:
    return AveragePrecisions(
        **{
            name: figures(
                list(curves),
                [None if curve is None else define(curve) for curve in curves.values()],
            )
            for name, define in AVERAGE_PRECISIONS.items()
        }
    )


def _baseline(measurement: Measurement, name: str, rates: Mapping[str, Figures]) -> BaselineMetrics:
    """A baseline's figures; all None if it could not be fitted."""
    if name not in rates:
        none: Figures = dict.fromkeys(rates["greedy"])
        return BaselineMetrics(
            success_rate=BlindSuccessRate(greedy=none),
            ap=AveragePrecisions(voc2007=none, area=none),
            success_by_iou=dict.fromkeys(by_iou(measurement.outcomes["greedy"])),
        )
    return BaselineMetrics(
        success_rate=BlindSuccessRate(greedy=rates[name]),
        ap=_average_precisions(measurement.curves[name]),
        success_by_iou=by_iou(measurement.outcomes[name]),
    )


def _answer(
    measurement: Measurement, params: Evaluate, rates: Mapping[str, Figures]
) -> AnswerMetrics | None:
    """Figures of the answers at the end of a budget; None where not measured."""
    if params.answer_windows is None:
        return None
    return AnswerMetrics(
        windows=params.answer_windows,
        success_rate=rates["answer"],
        gain_over_best_baseline=gain_over_best_baseline(rates, "answer"),
        interval=_intervals(measurement, params, rates, "answer"),
        success_by_iou=by_iou(measurement.outcomes["answer"]),
    )


def gain_over_best_baseline(rates: Mapping[str, Figures], rule: str = "greedy") -> Figures:
    """The agent's success rate minus the best baseline's, in each column.

    For ``mean`` the best baseline is the one with the highest mean. None where the
    images or a baseline are missing, since comparing with the other baselines alone
    would overstate the gain.
    """
    gain: Figures = {}
    for column, own in rates[rule].items():
        others = [rates[name][column] for name in BASELINES if name in rates]
        known = [other for other in others if other is not None]
        complete = own is not None and len(known) == len(BASELINES)
        gain[column] = own - max(known) if own is not None and complete else None
    return gain


def _intervals(
    measurement: Measurement,
    params: Evaluate,
    rates: Mapping[str, Figures],
    rule: str = "greedy",
) -> Intervals:
    """95 % intervals over images: of a rule's success rate, and of its gain."""
    outcomes = measurement.outcomes
    names = (rule, *(name for name in BASELINES if name in outcomes))
    replicates = replicated_rates(
        np.stack([outcomes[name].share(params.iou_threshold).numpy() for name in names]),
        outcomes[rule].counted.double().numpy(),
        np.random.default_rng(params.seed),
    )
    gain = gain_over_best_baseline(rates, rule)
    of_rate: dict[str, Interval] = {}
    of_gain: dict[str, Interval] = {}
    for index, column in enumerate(rates[rule]):
        own = replicates[0, :, index]
        of_rate[column] = interval(own)
        of_gain[column] = None
        if gain[column] is not None:
            best = max(names[1:], key=lambda name: rates[name][column] or 0.0)
            of_gain[column] = interval(own - replicates[names.index(best), :, index])
    return Intervals(success_rate=of_rate, gain_over_best_baseline=of_gain)
