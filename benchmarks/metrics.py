"""Tables of the metrics of an image set, in Markdown."""

from benchmarks.markdown import table
from objloc.evaluation.baselines import BASELINES
from objloc.evaluation.metrics import KINDS_OF_DETECTIONS, DataName, ImageSetMetrics
from objloc.wording import fraction, span

_MIRRORS = {
    "voc2007 (mirror a95bd28b, 6b06333e)": "VOC2007 at 320 px: not the official archives but a "
    "mirror's, whose photographs were shrunk to 320 pixels on the longer side and re-encoded, "
    "and whose boxes were scaled with them; 3 of the 5,011 trainval images are missing",
    "voc2007+2012 (mirror a95bd28b, 6b06333e, 4c2bd153), by year, seeded split 0": "both years at "
    "320 px: not the official archives but a mirror's, shrunk and re-encoded; of VOC2012 only the "
    "1,697 images of its training set that hold a cat, dog, cow, horse or sheep",
}
"""Descriptions of known mirrors, by the data's name."""


def success_table(metrics: ImageSetMetrics) -> str:
    """Table of the agent's greedy success and the baselines', by category."""
    rows = []
    for column, rate in metrics.success_rate.greedy.items():
        rows.append(
            [
                column,
                str(metrics.images_of(column)),
                f"**{fraction(rate)}**",
                span(metrics.interval.success_rate[column]),
                *(fraction(metrics.blind_rates(column)[name]) for name in BASELINES),
                fraction(metrics.gain_over_best_baseline[column], "+.3f"),
            ]
        )
    headings = (
        "category", "images", "**agent**", "95 % interval", "random", "whole image",
        "best fixed box", "gain over the best",
    )  # fmt: skip
    return table(headings, rows, centre=[3])


def precision_table(metrics: ImageSetMetrics) -> str:
    """Table of stochastic success and average precision, of agent and baselines, by category."""
    triggered, attended = (metrics.ap[kind] for kind in KINDS_OF_DETECTIONS)
    columns = (
        metrics.success_rate.episodes15,
        triggered.voc2007,
        attended.voc2007,
        triggered.area,
        attended.area,
        *(metrics.baselines[name].ap.voc2007 for name in BASELINES),
    )
    headings = (
        "category", f"success, {metrics.episodes} episodes, ε {metrics.epsilon:g}",
        "AP triggered", "AP attended", "AP triggered, area", "AP attended, area",
        "AP random", "AP whole image", "AP best fixed box",
    )  # fmt: skip
    return table(
        headings,
        ([column, *(fraction(each[column]) for each in columns)] for column in metrics.columns),
    )


def data_name(data: DataName) -> str:
    """Name of the data, with a description if it is a known mirror."""
    mirror = f"; {_MIRRORS[data.name]}" if data.name in _MIRRORS else ""
    return f"`{data.name}`, hash `{data.hash[:12]}`{mirror}"


def measured_on(metrics: ImageSetMetrics, image_set: str) -> str:
    """Sentence that describes the figures of an image set."""
    return (
        f"Image set `{image_set}`, {metrics.images} images; success is a trigger with "
        f"IoU > {metrics.iou_threshold:g}; {metrics.steps.mean:.1f} steps in the mean, median "
        f"{metrics.steps.median:g}. Intervals: 95 %, over images."
    )
