"""Results of the exports; the same classes write and read the file."""

from collections.abc import Sequence

from objloc.evaluation.metrics import Part


class Reading(Part):
    """What objloc made of an export by its two public commands.

    Attributes:
        passed: whether ``objloc data check`` found no error.
        convention: name of the convention that it concluded; None without one.
        findings: its findings in one line each.
        error: error of the stage ``download``; None if it passed.
        notes: other lines that ``download`` printed.
        pictures: number of known pictures in the devkit.
        boxes: number of known boxes that a box of the same category was read for.
        extra: number of further boxes in the devkit, which nobody drew.
        exact: number of known boxes that are right to a hundredth of a pixel.
        shift: most frequent difference of the four numbers from the known ones.
        largest: largest difference of a number; None without boxes.
        difficult: number of objects read as difficult.
        settings: parameters that had to be set, ``KEY=VALUE``; empty if nothing had to be done.
    """

    passed: bool
    convention: str | None
    findings: tuple[str, ...]
    error: str | None
    notes: tuple[str, ...]
    pictures: int
    boxes: int
    extra: int = 0
    exact: int
    shift: tuple[float, float, float, float] | None
    largest: float | None
    difficult: int
    settings: tuple[str, ...] = ()


class Row(Part):
    """An export, as written and as read.

    Attributes:
        name: name of the export's folder.
        tool, version, form, variant: as in the recipe.
        run: whether the tool itself was run.
        failed: why there is no export; None if there is one.
        written: known box of the known picture as the file has it.
        convention: convention of the numbers, from all known boxes.
        others: number of known boxes whose numbers follow another one, or are missing.
        not_kept: what the file does not say of what was known.
        reading: what objloc made of it; None without an export.
    """

    name: str
    tool: str
    version: str
    form: str
    variant: str
    run: bool
    failed: str | None = None
    written: str | None = None
    convention: str | None = None
    others: int = 0
    not_kept: tuple[str, ...] = ()
    reading: Reading | None = None


class Journey(Part):
    """Way of an export from its files to figures: the steps passed, and the error of the next."""

    name: str
    steps: tuple[str, ...]
    error: str | None


class Results(Part):
    """Content of the file.

    Attributes:
        python: version of Python that ran the tools.
        pictures: number of known pictures.
        boxes: number of known boxes.
        rows: exports, in the order of the recipes.
        journeys: ways to figures; empty if they were not run.
    """

    python: str
    pictures: int
    boxes: int
    rows: tuple[Row, ...]
    journeys: tuple[Journey, ...] = ()


def updated(old: Results, new: Results, order: Sequence[str]) -> Results:
    """Replace rows and journeys of earlier results by new ones.

    Args:
        old: earlier results.
        new: new results, perhaps of some exports only.
        order: names of all exports there are; others are left out.
    """
    rows = {row.name: row for row in (*old.rows, *new.rows)}
    journeys = {each.name: each for each in (*old.journeys, *new.journeys)}
    return new.model_copy(
        update={
            "rows": tuple(rows[name] for name in order if name in rows),
            "journeys": tuple(journeys[name] for name in order if name in journeys),
        }
    )
