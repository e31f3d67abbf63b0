"""Plots of a training: its curves, and the distributions of losses and Q-values."""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import NDArray

from objloc.view.style import (
    AGENT,
    BLIND,
    DENSITY,
    INK,
    MUTED,
    ORANGE,
    PURPLE,
    RANDOM,
    SERIES,
    SKY,
    caption,
    label,
    legend,
    new_figure,
    save_figure,
)

History = Sequence[Mapping[str, float]]
"""One row for each period of training; ``update`` counts updates from the start."""

_CATEGORY = "val_success_"
_BINS = 49
_SERIES = "series"
"""Group id of lines that are data; others are rules and markers."""


def training_curves(history: History, path: Path) -> None:
    """Draw the history of a training as small multiples over updates.

    Values that are missing or nan leave gaps; a panel without any value is marked so.

    Args:
        history: rows of ``update``, ``loss``, ``td_error``, ``q_mean``, ``q_max``,
            ``epsilon``, ``episode_reward``, ``episode_length``, ``train_success``,
            ``score``, ``val_success_<category>``, ``val_length``,
            ``val_fixed_box``, ``val_gain``, ``train_gain``, ``phase``.
        path: PNG file to write.

    Raises:
        ObjlocError: the file cannot be written.
    """
    figure, axes = new_figure(3, 3, width=10.0, height=7.6)
    for plot in axes.flat:
        _over_updates(plot, history)
    _success(axes[0, 0], history)
    _gain(axes[0, 1], history)
    _by_category(axes[0, 2], history)
    label(axes[1, 0], "Loss", "updates")
    _draw(axes[1, 0], history, "loss", AGENT)
    label(axes[1, 1], "TD error, mean size", "updates")
    _draw(axes[1, 1], history, "td_error", AGENT)
    label(axes[1, 2], "Q-values", "updates")
    _draw(axes[1, 2], history, "q_max", SKY, "largest")
    _draw(axes[1, 2], history, "q_mean", AGENT, "mean")
    label(axes[2, 0], "Epsilon", "updates")
    _draw(axes[2, 0], history, "epsilon", PURPLE)
    axes[2, 0].set_ylim(0, 1.02)
    label(axes[2, 1], "Reward of an episode", "updates")
    _draw(axes[2, 1], history, "episode_reward", ORANGE)
    label(axes[2, 2], "Steps of an episode", "updates")
    _draw(axes[2, 2], history, "episode_length", ORANGE, "training")
    _draw(axes[2, 2], history, "val_length", AGENT, "validation")
    for plot in axes.flat:
        _finish(plot)
    caption(
        figure,
        "Training",
        "Each point is a period of training. Training searches with epsilon-greedy exploration, "
        "validation greedily.\nBest fixed box: one box for every image of a category, fitted on "
        "the training images, nothing looked at.",
    )
    save_figure(figure, path)


def _success(plot: Axes, history: History) -> None:
    label(plot, "Success", "updates", "share of searches")
    _draw(plot, history, "train_success", RANDOM, "training")
    _draw(plot, history, "score", AGENT, "validation", linewidth=2.2)
    _draw(plot, history, "val_fixed_box", BLIND, "best fixed box", linestyle="--", marker="")
    best = max(_points(history, "score"), key=lambda point: point[1], default=None)
    if best is not None:
        plot.plot(*best, "o", markersize=8, color="none", markeredgecolor=INK, markeredgewidth=1.2)
        place = (best[0], best[1])
        plot.annotate(
            f"best {best[1]:.2f}", place, (0, 8), textcoords="offset points", ha="center",
            fontsize=8, color=INK,
        )  # fmt: skip
    plot.set_ylim(0, 1)


def _gain(plot: Axes, history: History) -> None:
    label(plot, "Gain over the best fixed box", "updates", "difference of success")
    points = _points(history, "val_gain")
    if points:
        x, y = np.array(points).T
        plot.axhline(0, color=BLIND, linewidth=1.2, linestyle="--")
        plot.fill_between(x, 0, y, where=y >= 0, interpolate=True, color=AGENT, alpha=0.15, lw=0)
        plot.fill_between(x, 0, y, where=y <= 0, interpolate=True, color=BLIND, alpha=0.15, lw=0)
    _draw(plot, history, "train_gain", RANDOM, "training")
    _draw(plot, history, "val_gain", AGENT, "validation", linewidth=2.2)


def _by_category(plot: Axes, history: History) -> None:
    label(plot, "Success on validation by category", "updates")
    names = dict.fromkeys(key for row in history for key in row if key.startswith(_CATEGORY))
    few = len(names) <= len(SERIES)
    for number, key in enumerate(names):
        if few:
            _draw(plot, history, key, SERIES[number], key.removeprefix(_CATEGORY))
        else:
            # More lines than colours: their spread is what can be seen.
            _draw(plot, history, key, RANDOM, marker="", linewidth=0.7)
    if not few:
        _draw(plot, history, "score", AGENT, f"mean of {len(names)}", linewidth=2.2)
    plot.set_ylim(0, 1)


def _points(history: History, key: str) -> list[tuple[float, float]]:
    """Pairs of update and value of a key, where both are known."""
    pairs = [(row.get("update", math.nan), row.get(key, math.nan)) for row in history]
    return [pair for pair in pairs if all(math.isfinite(number) for number in pair)]


def _draw(
    plot: Axes, history: History, key: str, colour: str, name: str = "", **style: Any
) -> None:
    points = _points(history, key)
    if not points:
        return
    x, y = zip(*points, strict=True)
    settings: dict[str, Any] = {
        "linewidth": 1.6,
        "marker": "o" if len(points) <= 12 else "",
        "markersize": 3.5,
        "gid": _SERIES,
    }
    plot.plot(x, y, color=colour, label=name or "_", **{**settings, **style})


def _over_updates(plot: Axes, history: History) -> None:
    """Set the x axis that all panels share, and mark where a curriculum enters its next phase."""
    plot.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    plot.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _short(value)))
    last = max((update for update, _ in _points(history, "update")), default=0.0)
    plot.set_xlim(0, max(1.0, 1.03 * last))
    for before, after in itertools.pairwise(_points(history, "phase")):
        if before[1] != after[1]:
            plot.axvline(before[0], color=MUTED, linewidth=0.8, linestyle=":")


def _finish(plot: Axes) -> None:
    drawn = [line for line in plot.lines if line.get_gid() == _SERIES]
    if any(not str(line.get_label()).startswith("_") for line in drawn):
        legend(plot)
    if not drawn:
        place: dict[str, Any] = {"transform": plot.transAxes, "ha": "center", "va": "center"}
        plot.text(0.5, 0.5, "not recorded", color=MUTED, fontsize=9, **place)


def _short(value: float) -> str:
    """A number of updates; 12,500 is ``12.5k``."""
    return f"{value / 1000:g}k" if abs(value) >= 1000 else f"{value:g}"


@dataclass(frozen=True)
class _Period:
    """Values sampled between two updates."""

    start: int
    end: int
    values: NDArray[np.float64]


def histogram_picture(
    values: Sequence[tuple[int, NDArray[np.floating[Any]]]], name: str, path: Path
) -> None:
    """Draw how the distribution of a value changed in training, as a heat map over updates.

    Args:
        values: update at the end of each period, and values sampled in it; values that
            are not finite are left out, and so are periods without updates.
        name: name of the value, ``loss`` or ``Q-value``.
        path: PNG file to write.

    Raises:
        ObjlocError: the file cannot be written.
    """
    figure, axes = new_figure(width=8.0, height=4.0)
    plot = axes[0, 0]
    periods: list[_Period] = []
    for end, array in sorted(values, key=lambda pair: pair[0]):
        start = periods[-1].end if periods else 0
        if end > start:
            finite = np.asarray(array, dtype=np.float64)[np.isfinite(array)]
            periods.append(_Period(start, end, finite))
    _over_updates(plot, [])
    label(plot, "", "updates", name)
    plot.grid(False)
    if any(len(period.values) for period in periods):
        _heat_map(plot, periods)
    _finish(plot)
    caption(
        figure,
        f"Distribution of the {name} over training",
        "A column is a period of training: the darker, the larger the share of its values there.\n"
        "What lies beyond the axis is counted in the outermost cells.",
    )
    save_figure(figure, path)


def _heat_map(plot: Axes, periods: list[_Period]) -> None:
    everything = np.concatenate([period.values for period in periods])
    low, high = np.quantile(everything, [0.005, 0.998])
    if high <= low:
        low, high = low - 0.5, high + 0.5
    # Losses reach over many powers of ten.
    if everything.min() >= 0 and high > 50 * np.median(everything) > 0:
        low = max(low, high * 1e-6)
        edges = np.geomspace(low, high, _BINS + 1)
        plot.set_yscale("log")
    else:
        edges = np.linspace(low, high, _BINS + 1)
    shares = np.stack(
        [
            np.histogram(period.values.clip(low, high), edges)[0] / max(1, len(period.values))
            for period in periods
        ]
    )
    columns = [periods[0].start, *(period.end for period in periods)]
    # Square root: a few values far from the rest are still seen.
    plot.pcolormesh(columns, edges, np.sqrt(shares.T), cmap=DENSITY, rasterized=True)
    full = [period for period in periods if len(period.values)]
    middles = [(period.start + period.end) / 2 for period in full]
    quantiles = np.stack([np.quantile(period.values, [0.1, 0.5, 0.9]) for period in full], axis=1)
    for line, style, text in zip(
        quantiles, (":", "-", ":"), ("", "median", "10 % and 90 %"), strict=True
    ):
        plot.plot(
            middles, line.clip(low, high), style, color=BLIND, linewidth=1.6, label=text or "_",
            marker="o" if len(middles) == 1 else "", markersize=4, gid=_SERIES,
        )  # fmt: skip
    plot.set_xlim(columns[0], columns[-1])
    plot.set_ylim(low, high)
