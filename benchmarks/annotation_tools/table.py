"""Tables of the page on annotation tools."""

from collections.abc import Callable

from benchmarks.annotation_tools.recipes import FORMS
from benchmarks.annotation_tools.rows import Journey, Reading, Results, Row
from benchmarks.markdown import table
from benchmarks.published import parse

NAME = "annotation_tools"
"""Name of the file of results in ``benchmarks/results``."""
BEFORE = "annotation_tools_0.2.0"
"""Name of the file of what version 0.2.0 read."""
_LONGEST = 110
"""Maximum length of a message in a cell."""


def exports_text(now: Results, before: Results | None) -> str:
    """Tables of all exports, one for each form of annotations."""
    readings = {row.name: row for row in before.rows} if before else {}
    parts = [
        f"{now.pictures} pictures, {now.boxes} boxes; the tools ran in Python {now.python}.",
        _summary(now, before),
    ]
    for form in FORMS:
        rows = [row for row in now.rows if row.form == form]
        headings = ["tool", "the known box", "numbers", "recognised as", "read to the pixel"]
        headings += ["by 0.2.0", "not kept"] if before else ["not kept"]
        cells = []
        for row in rows:
            told = [row_name(row), *_written(row), recognised(row.reading), outcome(row)]
            if before:
                told.append(outcome(old, brief=True) if (old := readings.get(row.name)) else "-")
            cells.append([*told, ", ".join(row.not_kept) or "-"])
        parts += [f"**{form}**", table(headings, cells, left=range(1, len(headings)))]
    return "\n\n".join(parts)


def journeys_text(results: Results) -> str:
    """Table of the ways from exports to figures."""
    if not results.journeys:
        return "*Not run yet.*"
    cells = [_journey(each) for each in results.journeys]
    return table(("export", "steps passed", "then"), cells, left=[1, 2])


def row_name(row: Row) -> str:
    """Name of a tool with its version and what sets this export apart."""
    name = f"{row.tool} {row.version}".strip()
    apart = [row.variant, *([] if row.run else ["not run"])]
    told = "; ".join(each for each in apart if each)
    return f"{name} ({told})" if told else name


def recognised(reading: Reading | None) -> str:
    """Convention that objloc concluded."""
    return (reading.convention if reading else None) or "-"


def outcome(row: Row, brief: bool = False) -> str:
    """Describe in a few words what objloc read of an export; if brief, not why not."""
    reading = row.reading
    if reading is None:
        return "-"
    if reading.error:
        return "refused" if brief else f"refused: {_cell(reading.error)}"
    parts = [f"{reading.exact} of {reading.boxes} boxes, {reading.pictures} pictures"]
    if reading.shift and any(reading.shift):
        parts.append(f"most {' '.join(f'{number:+g}' for number in reading.shift)}")
    elif reading.exact < reading.boxes:
        parts.append(f"others up to {reading.largest:g}")
    if reading.extra:
        parts.append(f"{reading.extra} more")
    if not reading.difficult and "difficult" not in row.not_kept:
        parts.append("none difficult")
    parts += [f"with `{setting}`" for setting in reading.settings]
    if not reading.passed:
        parts.append("`data check` reports errors")
    return "; ".join(parts)


def right(row: Row, results: Results) -> bool:
    """Whether every box was read to the pixel, and both commands passed without a parameter."""
    reading = row.reading
    return (
        reading is not None
        and reading.error is None
        and reading.passed
        and reading.exact == results.boxes
        and not reading.extra
        and not reading.settings
    )


def exports_table(read: Callable[[str], str | None]) -> str:
    """Text of the page's tables of exports."""
    now, before = (_results(read, name) for name in (NAME, BEFORE))
    return exports_text(now, before) if now else "*Not measured yet: `make tools-table`.*"


def journeys_table(read: Callable[[str], str | None]) -> str:
    """Text of the page's table of ways from exports to figures."""
    now = _results(read, NAME)
    return journeys_text(now) if now else "*Not measured yet: `make tools-table`.*"


def _results(read: Callable[[str], str | None], name: str) -> Results | None:
    text = read(f"benchmarks/results/{name}.json")
    return parse(Results, text) if text is not None else None


def _summary(now: Results, before: Results | None) -> str:
    exported = [row for row in now.rows if row.failed is None]
    text = f"{sum(right(row, now) for row in exported)} of {len(exported)} exports are read whole"
    if before:
        old = sum(right(row, before) for row in before.rows)
        text += f" (by version 0.2.0: {old} of {sum(row.failed is None for row in before.rows)})"
    return f"{text}: every box to the pixel, without a parameter that had to be set."


def _written(row: Row) -> list[str]:
    if row.failed is not None:
        return [f"fails: {_cell(row.failed)}", "-"]
    others = f"; {row.others} others" if row.others else ""
    return [f"`{row.written}`" if row.written else "missing", f"{row.convention}{others}"]


def _journey(journey: Journey) -> list[str]:
    ended = f"fails: {_cell(journey.error)}" if journey.error else "done"
    return [journey.name, ", ".join(journey.steps) or "-", ended]


def _cell(message: str) -> str:
    message = " ".join(message.split()).replace("|", "/")
    if len(message) > _LONGEST:
        message = f"{message[:_LONGEST].rstrip()} …"
    return f"`{message}`" if "`" not in message else message
