"""Plots of an evaluation, one set for each image set."""

import math
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, MultipleLocator

from objloc.evaluation.average_precision import Curve
from objloc.evaluation.baselines import BASELINES
from objloc.evaluation.measure import Measurement
from objloc.evaluation.metrics import KINDS_OF_DETECTIONS, ImageSetMetrics, SearchMetrics
from objloc.mdp.success import is_success
from objloc.view import plot_parts as plotting
from objloc.view.plot_parts import BASELINE_LINES, categories_text, wrapped_caption
from objloc.view.style import (
    AGENT,
    BLIND,
    GREEN,
    INK,
    RANDOM,
    label,
    legend,
    new_figure,
    save_figure,
)
from objloc.wording import fraction


def write_plots(folder: Path, measurement: Measurement, metrics: ImageSetMetrics) -> None:
    """Draw an image set's plots into ``folder/<image set>``.

    Args:
        folder: in which a folder of the image set's name is made.
        measurement: the image set's measurement.
        metrics: the same set's metrics.
    """
    own = folder / measurement.store.image_set
    save_figure(success_by_iou(measurement, metrics), own / "success_by_iou.png")
    save_figure(success_by_category(measurement, metrics), own / "success_by_category.png")
    save_figure(precision_recall(measurement, metrics), own / "precision_recall.png")
    save_figure(steps(measurement, metrics), own / "steps.png")
    if metrics.search:
        save_figure(budget(measurement, metrics.search), own / "budget.png")


def budget(measurement: Measurement, search: SearchMetrics) -> Figure:
    """Draw recall and mean average precision against the budget of windows."""
    curve = search.curve
    looks = [point.budget for point in curve]
    figure, axes = new_figure()
    plot = axes[0, 0]
    label(plot, "", "looks in an image, at most", "share of objects, or mean AP")
    for key, text, colour, line in (
        ("recall_50", "recall at IoU .5", BLIND, "-"),
        ("recall_60", "recall at IoU .6", BLIND, "--"),
        ("recall_70", "recall at IoU .7", BLIND, ":"),
        ("ap_attended", "mAP, windows attended", AGENT, "-"),
        ("ap_triggered", "mAP, windows triggered on", AGENT, "--"),
    ):
        plot.plot(
            looks, [getattr(point, key) or 0.0 for point in curve], line, color=colour,
            label=text, marker="o", markersize=4,
        )  # fmt: skip
    plot.set(xlim=(0, None), ylim=(0, 1))
    legend(plot, loc="best")
    wrapped_caption(
        figure,
        f"What looks are worth — {measurement.store.image_set}",
        f"{_set(measurement)}; {_categories(measurement)}. One search for all categories; a "
        "smaller budget is the beginning of a larger.",
    )
    return figure


def success_by_iou(measurement: Measurement, metrics: ImageSetMetrics) -> Figure:
    """Draw the mean success of agent and baselines against the IoU required."""
    curves = {"agent": metrics.success_by_iou}
    curves |= {name: metrics.baselines[name].success_by_iou for name in BASELINE_LINES}
    top = _axis_end(y for curve in curves.values() for y in curve.values())
    figure = plotting.success_by_iou(curves, metrics.iou_threshold, top=top, loc="upper right")
    wrapped_caption(
        figure,
        f"Success against IoU — {measurement.store.image_set}",
        f"{_set(measurement)}; {_categories(measurement)}. The fixed box is fitted at "
        f"IoU > {metrics.iou_threshold:g}, and the dotted line stands there.",
    )
    return figure


def _axis_end(values: Iterable[float | None]) -> float:
    """End of an axis of fractions: a tenth with some air above the values, 1 at most."""
    highest = max((value for value in values if value is not None), default=0.0)
    return min(1.0, math.ceil(highest * 10 + 0.5) / 10)


def success_by_category(measurement: Measurement, metrics: ImageSetMetrics) -> Figure:
    """Draw the success of agent and baselines as bars, with the agent's interval."""
    rates = metrics.success_rate.greedy
    categories = measurement.store.categories
    columns = [*categories, "mean"] if len(categories) > 1 else list(categories)
    places = np.arange(len(columns), dtype=np.float64)
    # The mean stands apart from what it is the mean of.
    places[len(categories) :] += 0.35
    figure, axes = new_figure(width=min(18.0, max(8.0, 2.0 + 0.95 * len(columns))))
    plot = axes[0, 0]
    label(plot, "", "", "success rate")
    reach = metrics.interval.success_rate
    tops = [*rates.values(), *(each[1] for each in reach.values() if each)]
    plot.bar(
        places - 0.27, [rates[each] or 0.0 for each in columns], 0.3, color=AGENT,
        label="agent, greedy",
    )  # fmt: skip
    for index, (name, (colour, _)) in enumerate(BASELINE_LINES.items()):
        values = metrics.baselines[name].success_rate.greedy
        heights = [values[each] or 0.0 for each in columns]
        title = BASELINES[name].title
        plot.bar(places + 0.01 + 0.17 * index, heights, 0.15, color=colour, label=title)
        tops += heights
    ceiling = _axis_end(tops) + 0.02
    for place, column in zip(places - 0.27, columns, strict=True):
        if (interval := reach[column]) is None:
            continue
        low, high = interval
        plot.vlines(place, low, high, color=INK, linewidth=1.2)
        plot.text(
            place, high + 0.012 * ceiling, fraction(rates[column], ".2f"), ha="center", fontsize=8,
            fontweight="bold", color=INK,
        )  # fmt: skip
    number = metrics.images_by_category
    names = [f"{each}\nn = {number[each]}" if each in number else each for each in columns]
    plot.set_xticks(places, names, color=INK)
    margin = max(0.6, 2 - len(columns) / 2)
    plot.set_xlim(places[0] - margin, places[-1] + margin)
    plot.set_ylim(0, ceiling)
    plot.yaxis.set_major_locator(MultipleLocator(0.1))
    plot.grid(visible=False, axis="x")
    legend(plot, loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=4)
    wrapped_caption(
        figure,
        f"Success by category — {measurement.store.image_set}",
        f"{_set(measurement)}; n: images that hold the category. Success: a trigger with IoU > "
        f"{metrics.iou_threshold:g}. Dark lines: 95 % interval over images (bootstrap).",
    )
    return figure


def precision_recall(measurement: Measurement, metrics: ImageSetMetrics) -> Figure:
    """Draw precision against recall, a panel for each category."""
    categories = measurement.store.categories
    across = min(len(categories), 3 if len(categories) <= 9 else 5)
    down = math.ceil(len(categories) / across)
    figure, axes = new_figure(
        down, across, width=max(5.0, 2.7 * across), height=1.1 + 2.2 * down, sharex=True,
        sharey=True,
    )  # fmt: skip
    for index, plot in enumerate(axes.flat):
        if index >= len(categories):
            plot.set_axis_off()
            continue
        category = categories[index]
        label(
            plot,
            category,
            "recall" if index + across >= len(categories) else "",
            "precision" if index % across == 0 else "",
        )
        # Where both are the same the thin one lies on the thick one.
        for kind, colour, width in (("triggered", AGENT, 3.0), ("attended", GREEN, 1.2)):
            curve = measurement.curves[kind][category]
            value = metrics.ap[kind].voc2007[category]
            if curve is not None:
                plot.plot(
                    *_steps(curve),
                    color=colour,
                    linewidth=width,
                    label=f"{kind}: AP {fraction(value, '.2f')}",
                )
        plot.set(xlim=(0, 1), ylim=(0, 1.03))
        plot.tick_params(labelbottom=index + across >= len(categories))
        if plot.lines:
            legend(plot, loc="upper right", fontsize=7.5)
    mean = {kind: metrics.ap[kind].voc2007["mean"] for kind in KINDS_OF_DETECTIONS}
    wrapped_caption(
        figure,
        f"Precision and recall — {measurement.store.image_set}",
        f"{_set(measurement)}; every category searched in every image; a match is IoU ≥ 0.5. "
        f"VOC2007 AP, mean: triggered {fraction(mean['triggered'], '.2f')}, "
        f"attended {fraction(mean['attended'], '.2f')}.",
    )
    return figure


def _steps(curve: Curve) -> tuple[np.ndarray, np.ndarray]:
    """Points of a curve at which recall grows: recall and precision."""
    recall = np.concatenate(([0.0], curve.recall))
    grown = np.flatnonzero(np.diff(recall) > 0)
    return curve.recall[grown], curve.precision[grown]


def steps(measurement: Measurement, metrics: ImageSetMetrics) -> Figure:
    """Draw how many steps the greedy episodes took and how they ended."""
    greedy = measurement.greedy
    right = is_success(greedy.terminated, greedy.iou, metrics.iou_threshold)
    endings = (
        ("trigger on an object", right, AGENT),
        ("trigger elsewhere", greedy.terminated & ~right, BLIND),
        ("step limit reached", ~greedy.terminated, RANDOM),
    )
    figure, axes = new_figure()
    plot = axes[0, 0]
    label(plot, "", "steps of the episode, the trigger included", "episodes")
    limit = int(greedy.steps.max())
    counts = [
        np.bincount(greedy.steps[which].numpy(), minlength=limit + 1) for _, which, _ in endings
    ]
    below = np.zeros(limit + 1)
    for (text, which, colour), count in zip(endings, counts, strict=True):
        share = fraction(float(which.double().mean()), ".2f")
        plot.bar(
            np.arange(limit + 1), count, 0.88, bottom=below, color=colour, label=f"{text}: {share}"
        )
        below += count
    # Searches that never end pile up at the limit: their bar may leave the picture.
    ceiling = 1.25 * float(below[:limit].max())
    if 0 < ceiling < below[limit] and not greedy.terminated.all():
        plot.set_ylim(0, ceiling)
        plot.text(
            limit - 0.8, 0.97 * ceiling, f"{below[limit]:.0f} episodes of {limit} steps \u2191",
            ha="right", va="top", fontsize=8, color=INK,
        )  # fmt: skip
    plot.set_xlim(0, limit + 1)
    for axis in (plot.xaxis, plot.yaxis):
        axis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    plot.grid(visible=False, axis="x")
    legend(plot, loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=3)
    length = metrics.steps
    wrapped_caption(
        figure,
        f"Length of greedy searches — {measurement.store.image_set}",
        f"{_set(measurement)}; {len(greedy)} episodes, one for each image and category it holds; "
        f"median {length.median:g} steps, mean {length.mean:.1f}. On an object: IoU > "
        f"{metrics.iou_threshold:g}.",
    )
    return figure


def _set(measurement: Measurement) -> str:
    store = measurement.store
    return f"{store.data}, {store.image_set}: {len(store)} images"


def _categories(measurement: Measurement) -> str:
    names = measurement.store.categories
    return categories_text(names) if len(names) == 1 else f"mean over {categories_text(names)}"
