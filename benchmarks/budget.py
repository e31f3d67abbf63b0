"""Precision and recall on VOC2007 by the number of windows: ``python -m benchmarks.budget``.

Draws ``docs/images/voc2007_budget.png`` from the figures in ``benchmarks/results``.
"""

import statistics
from collections.abc import Mapping
from pathlib import Path

from benchmarks.published import CombinedRun, Detector, parse
from benchmarks.running import RESULTS, ROOT
from benchmarks.voc2007 import (
    COMBINED,
    LABELS,
    NAME,
    PAPER_ATTENDED,
    PAPER_TRIGGERED,
    Runs,
)
from objloc.evaluation.metrics import BudgetPoint

PICTURE = ROOT / "docs" / "images" / "voc2007_budget.png"
TREE_RL = {31: (0.681, 0.587, 0.438), 63: (0.748, 0.670, 0.528)}
"""Jie et al. (2016), table 1: recall at IoU .5, .6 and .7 by number of windows per image."""
_RECALLS = (("recall_50", ".5", "-"), ("recall_60", ".6", "--"), ("recall_70", ".7", ":"))
_PRECISIONS = (
    ("ap_attended", "attended", "-", PAPER_ATTENDED),
    ("ap_triggered", "triggered on", "--", PAPER_TRIGGERED),
)


def agents() -> dict[str, Runs]:
    """Measured runs by the name of their agent."""
    single = parse(Detector, (RESULTS / f"{NAME}.json").read_text("utf-8")).seeds
    found: dict[str, Runs] = {LABELS[1]: single}
    for number, name in COMBINED.items():
        if (path := RESULTS / f"{name}.json").exists():
            found[LABELS[number]] = parse(dict[str, CombinedRun], path.read_text("utf-8"))
    return dict(reversed(found.items()))


def draw(runs: Mapping[str, Runs], path: Path) -> None:
    """Draw mean average precision and recall over the number of windows, as means over seeds."""
    from objloc.view.style import (
        AGENT,
        BLIND,
        GREEN,
        MUTED,
        caption,
        label,
        legend,
        new_figure,
        save_figure,
    )

    figure, axes = new_figure(1, 2, width=10.5, height=4.4)
    precision, recall = axes.flat
    label(precision, "", "looks in an image, at most", "mean average precision")
    label(recall, "", "looks in an image, at most", "share of objects covered")
    colours = dict(zip(LABELS.values(), (BLIND, AGENT, GREEN), strict=True))
    for agent, by_seed in runs.items():
        colour = colours[agent]
        points = list(zip(*(run.search.curve for run in by_seed.values()), strict=True))
        looks = [each[0].budget for each in points]

        def means(key: str, points: list[tuple[BudgetPoint, ...]] = points) -> list[float]:
            return [statistics.mean(getattr(point, key) for point in each) for each in points]

        for key, text, line, _ in _PRECISIONS:
            precision.plot(looks, means(key), line, color=colour, label=f"{agent}, {text}")
        for key, text, line in _RECALLS:
            recall.plot(looks, means(key), line, color=colour, label=f"{agent}, IoU {text}")
    for _, text, line, paper in _PRECISIONS:
        precision.axhline(
            statistics.mean(paper) / 100, color=MUTED, linewidth=1.2, linestyle=line,
            label=f"Caicedo & Lazebnik (2015), {text}",
        )  # fmt: skip
    for number, marker in enumerate("osD"):
        recall.plot(
            list(TREE_RL), [each[number] for each in TREE_RL.values()], marker, color=MUTED,
            markersize=5, label=f"Jie et al. (2016), IoU {_RECALLS[number][1]}",
        )  # fmt: skip
    for plot in (precision, recall):
        plot.set(xlim=(0, None))
        legend(plot, loc="lower right")
    precision.set(ylim=(0.3, 0.7))
    recall.set(ylim=(0, 1))
    caption(
        figure,
        "What looks are worth",
        "VOC2007 test at 320 px, 4,952 images, all twenty categories by one search of an image; "
        "means over the seeds. A smaller budget is the beginning of a larger.",
    )
    save_figure(figure, path)


def main() -> None:
    """Draw the figure from the published measurements."""
    draw(agents(), PICTURE)


if __name__ == "__main__":
    main()
