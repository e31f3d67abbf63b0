"""Figures of the report; each names its image set, number of images and threshold."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, MultipleLocator

from objloc.diagnosis.tide import KINDS
from objloc.evaluation.baselines import BASELINES
from objloc.view import plot_parts as plotting
from objloc.view.plot_parts import CEILING, categories_text, draw_line, wrapped_caption
from objloc.view.report.texts import best_blind, facts
from objloc.view.style import (
    AGENT,
    BLIND,
    INK,
    MUTED,
    ORANGE,
    RANDOM,
    SKY,
    label,
    legend,
    new_figure,
)
from objloc.wording import fraction

_GROUPS = {
    "out_of_reach": RANDOM,
    "another_object": RANDOM,
    "mistimed": BLIND,
    "beside": BLIND,
    "elsewhere": BLIND,
    "never_triggered": ORANGE,
    "left": ORANGE,
    "circles": ORANGE,
    "out_of_steps": ORANGE,
}
"""Colours of misses: neither kind of failed trigger, a wrong trigger, no trigger."""


def between(contents: Mapping[str, Any]) -> Figure:
    """Draw the agent's success between floor and ceiling, by category."""
    success, number = contents["scores"]["success"], contents["images_by_category"]
    columns = ["mean", *reversed(contents["categories"])]
    places = np.arange(len(columns), dtype=np.float64)
    places[0] -= 0.3
    figure, axes = new_figure(height=1.9 + 0.36 * len(columns))
    plot = axes[0, 0]
    label(plot, "", "success rate")
    names = {
        "floor": "best blind searcher",
        "ceiling": "oracle, at least",
        "interval": "95 % interval",
        "agent": "agent",
    }
    for place, column in zip(places, columns, strict=True):
        floor = best_blind(success["baselines"], column)
        ceiling, own = success["ceiling"][column], success["agent"][column]
        if floor is not None and ceiling is not None:
            plot.hlines(place, floor, ceiling, color="#DDE3EA", linewidth=7, zorder=1)
        for value, colour, key in ((floor, BLIND, "floor"), (ceiling, CEILING, "ceiling")):
            if value is not None:
                plot.plot(
                    value, place, "|", color=colour, markersize=13, markeredgewidth=3,
                    label=names.pop(key, None), zorder=2,
                )  # fmt: skip
        if own is None:
            continue
        if success["interval"][column]:
            plot.hlines(
                place, *success["interval"][column], color=AGENT, linewidth=2, zorder=3,
                label=names.pop("interval", None),
            )  # fmt: skip
        plot.plot(
            own, place, "o", color=AGENT, markersize=8, label=names.pop("agent", None), zorder=4
        )
        plot.annotate(
            fraction(own, ".2f"), (own, place), (0, 8), textcoords="offset points", ha="center",
            fontsize=8, fontweight="bold", color=INK,
        )  # fmt: skip
    plot.set_yticks(
        places,
        [f"{each}  (n = {number[each]})" if each in number else each for each in columns],
        color=INK,
    )
    plot.set(xlim=(-0.015, 1.015), ylim=(places[0] - 0.6, places[-1] + 0.8))
    plot.xaxis.set_major_locator(MultipleLocator(0.1))
    plot.grid(visible=False, axis="y")
    legend(plot, loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=4)
    _caption(
        figure, "Success between floor and ceiling", contents,
        f"Success: a trigger with IoU > {contents['iou_threshold']:g}. Oracle: a beam of "
        f"{contents['beam_width']} windows.",
    )  # fmt: skip
    return figure


def success_by_iou(contents: Mapping[str, Any]) -> Figure:
    """Draw the mean success of oracle, agent and baselines against the IoU required."""
    figure = plotting.success_by_iou(
        contents["success_by_iou"],
        contents["iou_threshold"],
        top=1.02,
        loc="lower right",
        bbox_to_anchor=(1.0, 1.0),
        ncols=5,
    )
    _caption(
        figure, "Success against IoU", contents,
        f"Mean over {categories_text(contents['categories'])}; dotted: the threshold of the "
        f"scores, {contents['iou_threshold']:g}.",
    )  # fmt: skip
    return figure


def by_windows(contents: Mapping[str, Any]) -> Figure:
    """Draw success, recall and mean AP against the number of windows."""
    curves = contents["by_windows"]
    panels: Sequence[tuple[str, Sequence[tuple[str, str, str, str]]]] = (
        ("Success rate", (("success", "agent", AGENT, "-"),)),
        (
            "Recall",
            (
                ("recall_oracle", "oracle, at least", CEILING, "-"),
                ("recall", "agent", AGENT, "-"),
                ("recall_random", BASELINES["random"].title, RANDOM, "-."),
            ),
        ),
        (
            "Mean AP (VOC2007)",
            (
                ("ap_attended", "attended", SKY, "-"),
                ("ap_triggered", "triggered", AGENT, "-"),
            ),
        ),
    )
    figure, axes = new_figure(1, 3, width=10.0, height=3.9, sharey=True)
    for plot, (title, lines) in zip(axes[0], panels, strict=True):
        label(plot, title, "windows looked at")
        for key, text, colour, line in lines:
            values = dict(zip(curves["windows"], curves[key], strict=True))
            draw_line(
                plot, values, label=text, color=colour, linestyle=line, marker="o", markersize=3.5
            )
        plot.set_xscale("log")
        ticks = [
            tick for tick in (1, 2, 5, 10, 20, 50, 100, 200, 500) if tick <= curves["windows"][-1]
        ]
        plot.set_xticks(ticks, [str(tick) for tick in ticks])
        plot.minorticks_off()
        plot.set(ylim=(0, 1.02))
        plot.yaxis.set_major_locator(MultipleLocator(0.2))
        if len(lines) > 1:
            legend(plot, loc="upper left")
    _caption(
        figure, "What more windows bring", contents,
        f"Mean over {categories_text(contents['categories'])}. Success: IoU > "
        f"{contents['iou_threshold']:g}; recall and AP: IoU ≥ 0.5, every category searched in "
        "every image.",
    )  # fmt: skip
    return figure


def errors(contents: Mapping[str, Any]) -> Figure:
    """Draw the mean average precision that each kind of error costs."""
    explained = contents["explanation"]["errors"]
    figure, axes = new_figure(height=3.9)
    plot = axes[0, 0]
    label(plot, "", "", "mean AP that it costs (VOC2007)")
    places = np.arange(len(KINDS), dtype=np.float64)
    for shift, (name, colour) in zip(
        (-0.2, 0.2), (("triggered", AGENT), ("attended", SKY)), strict=True
    ):
        kinds = explained[name]["kinds"]
        costs = [kinds[kind]["cost"]["voc2007"] or 0.0 for kind in KINDS]
        ap = explained[name]["ap"]["voc2007"]
        plot.bar(
            places + shift,
            costs,
            0.38,
            color=colour,
            label=f"{name}: mean AP {fraction(ap, '.2f')}",
        )
        for place, kind, cost in zip(places + shift, KINDS, costs, strict=True):
            plot.annotate(
                f"{kinds[kind]['number']}", (place, max(cost, 0.0)), (0, 3),
                textcoords="offset points", ha="center", fontsize=7.5, color=MUTED,
            )  # fmt: skip
    plot.set_xticks(places, KINDS, color=INK)
    plot.axhline(0, color=MUTED, linewidth=0.8)
    plot.margins(y=0.15)
    plot.grid(visible=False, axis="x")
    legend(plot, loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2)
    _caption(
        figure, "What kinds of errors cost", contents,
        "Above the bars: how many there are. Right from IoU 0.5, background below 0.1.",
    )  # fmt: skip
    return figure


def misses(contents: Mapping[str, Any]) -> Figure:
    """Draw the success rate that each reason of failed searches costs."""
    explained = contents["explanation"]
    rows = list(reversed(explained["misses"].items()))
    figure, axes = new_figure(height=1.7 + 0.33 * len(rows))
    plot = axes[0, 0]
    label(plot, "", "success rate that it costs")
    costs = [each["cost"] or 0.0 for _, each in rows]
    colours = [_GROUPS[name] for name, _ in rows]
    plot.barh(np.arange(len(rows)), costs, 0.7, color=colours)
    for place, (_, each) in enumerate(rows):
        plot.annotate(
            f"{each['searches']} searches, {each['objects']} objects",
            (each["cost"] or 0.0, place), (4, 0), textcoords="offset points", va="center",
            fontsize=8, color=MUTED,
        )  # fmt: skip
    plot.set_yticks(np.arange(len(rows)), [each["title"] for _, each in rows], color=INK)
    plot.set_xlim(0, 1.35 * max(*costs, 0.01))
    plot.xaxis.set_major_locator(MaxNLocator(6))
    plot.grid(visible=False, axis="y")
    for colour, text in ((BLIND, "wrong trigger"), (ORANGE, "no trigger"), (RANDOM, "neither")):
        plot.barh([0], [0], color=colour, label=text)
    legend(plot, loc="lower right")
    _caption(
        figure, "Why searches failed", contents,
        f"{explained['failed_searches']} of {explained['searches']} searches failed (IoU > "
        f"{contents['iou_threshold']:g}); {explained['objects'] - explained['objects_found']} of "
        f"{explained['objects']} objects were not found.",
    )  # fmt: skip
    return figure


def _caption(figure: Figure, title: str, contents: Mapping[str, Any], text: str) -> None:
    wrapped_caption(figure, f"{title} — {contents['image_set']}", f"{facts(contents)}. {text}")
