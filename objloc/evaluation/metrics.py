"""``metrics.json`` and the table of it; every figure is defined in ``docs/metrics.md``."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from rich.table import Table

from objloc.evaluation.average_precision import AVERAGE_PRECISIONS, Curve, mean_known
from objloc.evaluation.baselines import BASELINES
from objloc.evaluation.measure import Measurement
from objloc.evaluation.success import by_iou, interval, replicated_rates
from objloc.params import Evaluate

Figures = dict[str, float | None]
"""One for each category, and ``mean``."""


def figures(categories: Sequence[str], values: Iterable[float | None]) -> Figures:
    """Values by category with their mean; None (null) stays out of the mean."""
    by_category: Figures = dict(zip(categories, values, strict=True))
    return {**by_category, "mean": mean_known(by_category.values())}


def metrics_of(measurement: Measurement, params: Evaluate, model_hash: str) -> dict[str, Any]:
    """The part of ``metrics.json`` that one image set has."""
    store = measurement.store
    categories, threshold = store.categories, params.iou_threshold
    rates = {
        name: figures(categories, outcomes.rates(threshold))
        for name, outcomes in measurement.outcomes.items()
    }
    gain = gain_over_best_baseline(rates)
    steps = measurement.greedy.steps.numpy()
    return {
        "images": len(store),
        "success_rate": {"greedy": rates["greedy"], "episodes15": rates["episodes15"]},
        "ap": {
            kind: _average_precisions(measurement.curves[kind])
            for kind in ("triggered", "attended")
        },
        "baselines": {name: _baseline(measurement, name, rates) for name in BASELINES},
        "gain_over_best_baseline": gain,
        "steps": {"mean": float(np.mean(steps)), "median": float(np.median(steps))},
        "success_by_iou": by_iou(measurement.outcomes["greedy"]),
        "interval": _intervals(measurement, params, rates),
        "answer": _answer(measurement, params, rates),
        "images_by_category": dict(
            zip(
                categories,
                measurement.outcomes["greedy"].counted.sum(dim=0).tolist(),
                strict=True,
            )
        ),
        "iou_threshold": threshold,
        "episodes": params.episodes,
        "epsilon": params.epsilon,
        "nms": params.nms,
        "soft_nms": params.search.soft_nms,
        "search": measurement.search,
        "fixed_box": measurement.fixed,
        "data": {"name": store.data, "hash": store.data_hash},
        "model": {"sha256": model_hash, "categories": list(categories)},
    }


def _average_precisions(curves: Mapping[str, Curve | None]) -> dict[str, Figures]:
    return {
        name: figures(
            list(curves), [None if curve is None else define(curve) for curve in curves.values()]
        )
        for name, define in AVERAGE_PRECISIONS.items()
    }


def _baseline(measurement: Measurement, name: str, rates: Mapping[str, Figures]) -> dict[str, Any]:
    """A baseline's figures; all null if it could not be fitted."""
    if name not in rates:
        none: Figures = dict.fromkeys(rates["greedy"])
        return {
            "success_rate": {"greedy": none},
            "ap": dict.fromkeys(AVERAGE_PRECISIONS, none),
            "success_by_iou": dict.fromkeys(by_iou(measurement.outcomes["greedy"])),
        }
    return {
        "success_rate": {"greedy": rates[name]},
        "ap": _average_precisions(measurement.curves[name]),
        "success_by_iou": by_iou(measurement.outcomes[name]),
    }


def _answer(
    measurement: Measurement, params: Evaluate, rates: Mapping[str, Figures]
) -> dict[str, Any] | None:
    """Figures of the answers at the end of a budget; None where not measured."""
    if "answer" not in rates:
        return None
    return {
        "windows": params.answer_windows,
        "success_rate": rates["answer"],
        "gain_over_best_baseline": gain_over_best_baseline(rates, "answer"),
        "interval": _intervals(measurement, params, rates, "answer"),
        "success_by_iou": by_iou(measurement.outcomes["answer"]),
    }


def gain_over_best_baseline(rates: Mapping[str, Figures], rule: str = "greedy") -> Figures:
    """The agent's success rate minus the best baseline's, in each column.

    For ``mean`` the best baseline is the one with the highest mean. Null where
    the images or a baseline are missing: less than the best would flatter.
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
) -> dict[str, dict[str, tuple[float, float] | None]]:
    """95 % intervals over images: of a rule's success rate, and of its gain."""
    outcomes = measurement.outcomes
    names = (rule, *(name for name in BASELINES if name in outcomes))
    replicates = replicated_rates(
        np.stack([outcomes[name].share(params.iou_threshold).numpy() for name in names]),
        outcomes[rule].counted.double().numpy(),
        np.random.default_rng(params.seed),
    )
    gain = gain_over_best_baseline(rates, rule)
    of_rate: dict[str, tuple[float, float] | None] = {}
    of_gain: dict[str, tuple[float, float] | None] = {}
    for index, column in enumerate(rates[rule]):
        own = replicates[0, :, index]
        of_rate[column] = interval(own)
        of_gain[column] = None
        if gain[column] is not None:
            best = max(names[1:], key=lambda name: rates[name][column] or 0.0)
            of_gain[column] = interval(own - replicates[names.index(best), :, index])
    return {"success_rate": of_rate, "gain_over_best_baseline": of_gain}


def summary_of(metrics: Mapping[str, Any]) -> Figures:
    """The few figures of an image set that a table of experiments has room for."""
    baselines = {
        name: part["success_rate"]["greedy"]["mean"] for name, part in metrics["baselines"].items()
    }
    summary: Figures = {
        "success": metrics["success_rate"]["greedy"]["mean"],
        "gain": metrics["gain_over_best_baseline"]["mean"],
        "fixed_box": baselines["fixed_box"],
        "success15": metrics["success_rate"]["episodes15"]["mean"],
        "ap_triggered": metrics["ap"]["triggered"]["voc2007"]["mean"],
        "ap_attended": metrics["ap"]["attended"]["voc2007"]["mean"],
        "steps": metrics["steps"]["mean"],
    }
    if metrics["answer"]:
        summary["answer"] = metrics["answer"]["success_rate"]["mean"]
    return summary


def table_of(image_set: str, metrics: Mapping[str, Any]) -> Table:
    """The agent beside the baselines, category by category, for the terminal."""
    table = Table(
        title=f"{image_set}: success rate (IoU > {metrics['iou_threshold']:g}) and average "
        f"precision (VOC2007), {metrics['images']} images",
        title_justify="left",
    )
    table.add_column("category", no_wrap=True)
    headings = (
        "images", "agent", "95 %", f"{metrics['episodes']} ep.", "random", "whole", "fixed",
        "gain", "AP trig.", "AP att.",
    )  # fmt: skip
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    rates, precision = metrics["success_rate"], metrics["ap"]
    for column in rates["greedy"]:
        last = column == "mean"
        reach = metrics["interval"]["success_rate"][column]
        table.add_row(
            column,
            "" if last else str(metrics["images_by_category"][column]),
            _shown(rates["greedy"][column]),
            f"{_shown(reach[0])} to {_shown(reach[1])}" if reach else "-",
            _shown(rates["episodes15"][column]),
            *(
                _shown(metrics["baselines"][name]["success_rate"]["greedy"][column])
                for name in BASELINES
            ),
            _shown(metrics["gain_over_best_baseline"][column], "+.3f"),
            _shown(precision["triggered"]["voc2007"][column]),
            _shown(precision["attended"]["voc2007"][column]),
            style="bold" if last else None,
            end_section=column == metrics["model"]["categories"][-1],
        )
    return table


def _shown(value: float | None, form: str = ".3f") -> str:
    """``.512`` as in the tables of the literature; a dash where there is none."""
    if value is None:
        return "-"
    return format(value, form).replace("0.", ".", 1)


def by_iou_table(metrics: Mapping[str, Any]) -> str:
    """Success against IoU of agent and baselines as CSV, for ``dvc plots``."""
    rows = [",".join(("iou", "agent", *BASELINES))]
    columns = [metrics["success_by_iou"]]
    columns += [metrics["baselines"][name]["success_by_iou"] for name in BASELINES]
    for threshold in metrics["success_by_iou"]:
        values = ("" if each[threshold] is None else repr(each[threshold]) for each in columns)
        rows.append(",".join((threshold, *values)))
    return "\n".join(rows) + "\n"
