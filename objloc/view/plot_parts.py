"""Parts that plots of the evaluation and of the report share."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator

from objloc.evaluation.baselines import BASELINES
from objloc.view.style import (
    AGENT,
    BLIND,
    GREEN,
    MUTED,
    ORANGE,
    RANDOM,
    caption,
    label,
    legend,
    new_figure,
)

CEILING = GREEN
"""Colour of the oracle in every figure."""

BASELINE_LINES = {
    "fixed_box": (BLIND, "-"),
    "whole_image": (ORANGE, "--"),
    "random": (RANDOM, "-."),
}
"""Colour and line style of each baseline, in the order of the legends."""


def draw_line(plot: Axes, values: Mapping[Any, float | None], **style: Any) -> None:
    """Draw the known values over their keys, which are numbers; nothing if none is known."""
    known = {float(x): y for x, y in values.items() if y is not None}
    if known:
        plot.plot(list(known), list(known.values()), **style)


def wrapped_caption(figure: Figure, title: str, text: str) -> None:
    """Set the title of a figure and an explanation in lines as long as the figure is wide."""
    lines = textwrap.wrap(text, int(14 * figure.get_figwidth()))
    caption(figure, title, "\n".join(lines))


def categories_text(names: Sequence[str]) -> str:
    """The number of categories; its name if there is one only."""
    return f"category {names[0]}" if len(names) == 1 else f"{len(names)} categories"


def success_by_iou(
    curves: Mapping[str, Mapping[str, float | None]],
    threshold: float,
    *,
    top: float,
    **legend_style: Any,
) -> Figure:
    """Draw the mean success of oracle, agent and baselines against the IoU required.

    Args:
        curves: success by IoU of the ``agent``, of each baseline and, if measured, of the
            ``oracle``.
        threshold: IoU of the other figures; marked by a dotted line.
        top: end of the axis of success.
        legend_style: see ``style.legend``.
    """
    figure, axes = new_figure()
    plot = axes[0, 0]
    label(plot, "", "IoU that a triggered window must be above", "success rate")
    if "oracle" in curves:
        draw_line(plot, curves["oracle"], label="oracle, at least", color=CEILING, linewidth=1.8)
    draw_line(
        plot, curves["agent"], label="agent, greedy", color=AGENT, linewidth=2.6, marker="o",
        markersize=5, zorder=3,
    )  # fmt: skip
    for name, (colour, line) in BASELINE_LINES.items():
        title = BASELINES[name].title
        draw_line(plot, curves[name], label=title, color=colour, linestyle=line, linewidth=1.6)
    plot.axvline(threshold, color=MUTED, linewidth=0.8, linestyle=":")
    plot.set(xlim=(0.49, 0.96), ylim=(0, top))
    plot.yaxis.set_major_locator(MultipleLocator(0.1))
    legend(plot, **legend_style)
    return figure
