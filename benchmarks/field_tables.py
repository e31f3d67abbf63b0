"""The tables and the picture of ``docs/field.md``, from the file that ``benchmarks.field`` writes.

``python -m benchmarks.field_tables`` draws ``docs/images/field.png``.
"""

import statistics
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from benchmarks.budget import TREE_RL
from benchmarks.field import NAME, ROWS, collected
from benchmarks.markdown import spread, table
from benchmarks.metrics import data_name
from benchmarks.published import FieldRow, FieldRun, parse
from benchmarks.running import RESULTS, ROOT
from benchmarks.voc2007 import PAPER_ATTENDED, PAPER_TRIGGERED
from objloc.evaluation.metrics import BudgetPoint

_TICKS = (10, 31, 63, 100, 300, 1000, 4000)
PICTURE = ROOT / "docs" / "images" / "field.png"
CATEGORIES = (
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow",
    "diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train",
    "tvmonitor",
)  # fmt: skip
"""Pascal VOC's order, which is that of the figures of Caicedo & Lazebnik."""
NOT_YET = "*not measured yet*"
_PRECISIONS: tuple[Callable[[BudgetPoint], float], ...] = (
    lambda point: point.ap_triggered or 0.0,
    lambda point: point.ap_attended or 0.0,
)
_RECALLS: tuple[Callable[[BudgetPoint], float], ...] = (
    lambda point: point.recall_50,
    lambda point: point.recall_60,
    lambda point: point.recall_70,
)
Found = Mapping[str, FieldRow]
"""Rows that have been measured, by name."""


def protocol(found: Found) -> str:
    """What was run, in a sentence or two."""
    runs = [run for row in found.values() for run in row.seeds.values()]
    if not runs:
        return "Nothing has been measured yet."
    images = sorted({run.images for run in runs})
    some = any(each.startswith("evaluate.first_images=") for run in runs for each in run.settings)
    which = "the first" if some else "all"
    categories = sorted({run.model.categories for run in runs}, key=len)
    names = [
        ", ".join(each) if len(each) < len(CATEGORIES) else "all twenty" for each in categories
    ]
    return (
        f"Trained on `trainval`, categories: {_or(names)}; measured on {which} {_or(images)} "
        f"images of `test`. Seeds: {_seeds(found)}. AP of VOC2007 (11 points, IoU .5), in points, "
        "as all figures."
    )


def _or(values: list[int] | list[str]) -> str:
    return " or ".join(f"{each:,}" if isinstance(each, int) else each for each in values)


def _seeds(found: Found) -> str:
    return ", ".join(sorted({seed for row in found.values() for seed in row.seeds}))


def field_table(found: Found) -> str:
    """A line for each agent at the end of its budget; means over seeds."""
    headings = (
        "agent", "looks in an image", "mAP triggered", "mAP attended", "recall at IoU .5", ".6",
        ".7", "steps to a trigger: median", "mean", "updates", "minutes of training",
        "of measuring", "of a processor, training",
    )  # fmt: skip
    rows = []
    for name, row in ROWS.items():
        cells = [row.label, *([NOT_YET] if name not in found else _line(found[name]))]
        rows.append([*cells, *[""] * (len(headings) - len(cells))])
    return table(headings, rows)


def _line(row: FieldRow) -> Iterator[str]:
    runs = list(row.seeds.values())
    points = [run.search.curve[-1] for run in runs]
    yield f"{statistics.mean(each.windows for each in points):.0f}"
    for value in (*_PRECISIONS, *_RECALLS):
        yield spread([100 * value(each) for each in points])
    steps = [run.search.steps_to_trigger for run in runs]
    for several in ([each.median for each in steps], [each.mean for each in steps]):
        known = [each for each in several if each is not None]
        yield spread(known) if known else "none"
    yield _updates(row)
    for stage in ("train", "evaluate"):
        yield spread([run.minutes[stage] for run in runs if stage in run.minutes] or [0.0])
    processor = [run.processor_minutes.get("train") for run in runs]
    measured = [each for each in processor if each is not None]
    yield spread(measured) if measured else "not measured"


def _updates(row: FieldRow) -> str:
    runs = row.seeds.values()
    return _or(sorted({f"{run.updates:,}" if run.updates else "one pass" for run in runs}))


def looks_table(found: Found) -> str:
    """Recall and precision of each agent by the looks that it may take; means over seeds."""
    rows = []
    for name in (each for each in ROWS if each in found):
        curves = [run.search.curve for run in found[name].seeds.values()]
        for points in zip(*curves, strict=True):
            windows = statistics.mean(each.windows for each in points)
            figures = (
                statistics.mean(value(each) for each in points)
                for value in (*_PRECISIONS, *_RECALLS)
            )
            apart = " a category" if _apart(name) else ""
            shown = [f"{100 * figure:.1f}" for figure in figures]
            rows.append([ROWS[name].label, f"{points[0].budget}{apart}", f"{windows:.0f}", *shown])
    headings = (
        "agent", "looks, at most", "in an image", "mAP triggered", "mAP attended",
        "recall at IoU .5", ".6", ".7",
    )  # fmt: skip
    return table(headings, rows) if rows else NOT_YET


def _apart(name: str) -> bool:
    """Whether the agent searches for each category by itself."""
    return "evaluate.search.order=restarts" in ROWS[name].settings


def papers_table(found: Found) -> str:
    """What the papers report of all twenty categories, beside what is measured here.

    The precision of Caicedo & Lazebnik is that of the categories measured here, too.
    """
    several = [run.model.categories for row in found.values() for run in row.seeds.values()]
    categories = several[0] if several else CATEGORIES
    rows = []
    kinds = (("triggered", "TR", PAPER_TRIGGERED), ("attended", "AAR", PAPER_ATTENDED))
    for value, (kind, short, paper) in zip(_PRECISIONS, kinds, strict=True):
        by_category = dict(zip(CATEGORIES, paper, strict=True))
        mine = statistics.mean(by_category[each] for each in categories)
        rows.append(
            [
                ROWS["caicedo2015"].label,
                f"mAP {kind} ({short}), 200 looks a category",
                f"{statistics.mean(paper):.1f}",
                f"{mine:.1f}",
                _here(found, "caicedo2015", 200, value),
            ]
        )
    for looks, recalls in TREE_RL.items():
        for threshold, recall, value in zip((".5", ".6", ".7"), recalls, _RECALLS, strict=True):
            rows.append(
                [
                    ROWS["treerl2016"].label,
                    f"recall at IoU {threshold}, {looks} looks",
                    f"{100 * recall:.1f}",
                    "",
                    _here(found, "treerl2016", looks, value),
                ]
            )
    rows.append(
        [
            ROWS["bellver2016"].label,
            "precision and recall of aeroplane alone",
            "curves, no number",
            "",
            "",
        ]
    )
    headings = ("agent", "figure", "paper, all twenty", "paper, those measured here", "here")
    return table(headings, rows, left=[1])


def _here(found: Found, name: str, looks: int, value: Callable[[BudgetPoint], float]) -> str:
    """A figure of an agent, mean over seeds."""
    if name not in found:
        return NOT_YET
    runs: list[FieldRun] = list(found[name].seeds.values())
    points = [run.search.by_budget[looks] for run in runs if looks in run.search.by_budget]
    return spread([100 * value(each) for each in points]) if points else "no such budget"


def commands_table() -> str:
    """The command of each row."""
    rows = [
        [row.label, f"`make benchmark-field AGENTS={name} MIRROR=../shared/voc`"]
        for name, row in ROWS.items()
    ]
    return table(("agent", "command"), rows, left=[1])


def settings_table() -> str:
    """How each row searches, and what it changes of its preset."""
    rows = [
        [row.label, f"`{row.agent}`", " ".join(f"`{each}`" for each in row.settings)]
        for row in ROWS.values()
    ]
    return table(("agent", "preset", "settings"), rows, left=[1, 2])


def rows_of(read: Callable[[str], str | None]) -> dict[str, FieldRow]:
    """The rows that have been measured.

    Args:
        read: function that returns a file's text, given its path below the root.
    """
    text = read(f"benchmarks/results/{NAME}.json")
    return {} if text is None else parse(dict[str, FieldRow], text)


def origin(read: Callable[[str], str | None]) -> Iterator[str]:
    """What was run, and on which data."""
    found = rows_of(read)
    yield protocol(found)
    for row in list(found.values())[:1]:
        yield f"Data: {data_name(next(iter(row.seeds.values())).data)}."


TABLES: dict[str, Callable[[Callable[[str], str | None]], str]] = {
    "field": lambda read: field_table(rows_of(read)),
    "field-looks": lambda read: looks_table(rows_of(read)),
    "field-papers": lambda read: papers_table(rows_of(read)),
    "field-settings": lambda _: settings_table(),
    "field-commands": lambda _: commands_table(),
}
"""Tables of the page by name; each takes a function that reads files."""


def draw(found: Found, path: Path) -> None:
    """Draw precision and recall of all agents over the looks in an image."""
    from objloc.view.style import caption, label, legend, new_figure, save_figure

    figure, axes = new_figure(1, 2, width=10.5, height=4.6)
    sides = (("mean average precision, attended", _PRECISIONS[1]),
             ("recall at IoU .5", _RECALLS[0]))  # fmt: skip
    colours = ("#c2571a", "#2c8a4b", "#7fb58f", "#8a4fa3", "#888888", "#1f5fa8")
    for axis, (text, value) in zip(axes.flat, sides, strict=True):
        label(axis, "", "looks in an image", text)
        for (name, row), colour in zip(ROWS.items(), colours, strict=True):
            if name not in found:
                continue
            curves = list(
                zip(*(run.search.curve for run in found[name].seeds.values()), strict=True)
            )
            axis.plot(
                [statistics.mean(point.windows for point in each) for each in curves],
                [statistics.mean(value(point) for point in each) for each in curves],
                "o-", markersize=3, color=colour,
                label=f"{row.label}, {_updates(found[name])} updates",
            )  # fmt: skip
        axis.set(xscale="log", ylim=(0, 1))
        axis.set_xticks(_TICKS, [str(each) for each in _TICKS])
        axis.minorticks_off()
    legend(axes.flat[0], loc="upper left")
    plain = protocol(found).replace("`", "").split(". AP of")[0]
    caption(figure, "The field side by side", f"{plain}.")
    save_figure(figure, path)


if __name__ == "__main__":
    draw(collected(RESULTS / f"{NAME}.json"), PICTURE)
