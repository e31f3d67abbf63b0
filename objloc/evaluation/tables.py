"""Metrics of an image set as tables: for the terminal, and for ``dvc plots``."""

from rich.table import Table

from objloc.evaluation.baselines import BASELINES
from objloc.evaluation.metrics import ImageSetMetrics
from objloc.wording import fraction, span


def table_of(image_set: str, metrics: ImageSetMetrics) -> Table:
    """The agent beside the baselines, category by category, for the terminal."""
    table = Table(
        title=f"{image_set}: success rate (IoU > {metrics.iou_threshold:g}) and average "
        f"precision (VOC2007), {metrics.images} images",
        title_justify="left",
    )
    table.add_column("category", no_wrap=True)
    headings = (
        "images", "agent", "95 %", f"{metrics.episodes} ep.", "random", "whole", "fixed",
        "gain", "AP trig.", "AP att.",
    )  # fmt: skip
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    for column, rate in metrics.success_rate.greedy.items():
        last = column == "mean"
        blind = metrics.blind_rates(column)
        table.add_row(
            column,
            "" if last else str(metrics.images_by_category[column]),
            fraction(rate),
            span(metrics.interval.success_rate[column]),
            fraction(metrics.success_rate.episodes15[column]),
            *(fraction(blind[name]) for name in BASELINES),
            fraction(metrics.gain_over_best_baseline[column], "+.3f"),
            fraction(metrics.ap["triggered"].voc2007[column]),
            fraction(metrics.ap["attended"].voc2007[column]),
            style="bold" if last else None,
            end_section=column == metrics.model.categories[-1],
        )
    return table


def by_iou_table(metrics: ImageSetMetrics) -> str:
    """Success against IoU of agent and baselines as CSV, for ``dvc plots``."""
    rows = [",".join(("iou", "agent", *BASELINES))]
    columns = [metrics.success_by_iou]
    columns += [metrics.baselines[name].success_by_iou for name in BASELINES]
    for threshold in metrics.success_by_iou:
        values = ("" if each[threshold] is None else repr(each[threshold]) for each in columns)
        rows.append(",".join((threshold, *values)))
    return "\n".join(rows) + "\n"
