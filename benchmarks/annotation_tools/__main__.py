"""Run the tools and write ``benchmarks/results/annotation_tools.json``."""

import platform
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.annotation_tools import table
from benchmarks.annotation_tools.comparison import differences
from benchmarks.annotation_tools.environments import ToolError, export, python_of
from benchmarks.annotation_tools.journey import PICTURES, travel
from benchmarks.annotation_tools.pictures import EIGHT, KNOWN_PICTURE, ROTATED, draw, many
from benchmarks.annotation_tools.reading import read
from benchmarks.annotation_tools.recipes import RECIPES, Recipe, one_of_each
from benchmarks.annotation_tools.rows import Journey, Results, Row, updated
from benchmarks.annotation_tools.written import describe, written
from benchmarks.published import as_json, parse
from benchmarks.running import ROOT, write_run
from objloc.files import write_json

_COMMAND = "make tools-table"


def measure(recipe: Recipe, drawn: Path, rotated: Path, exports: Path, tools: Path) -> Row:
    """Run one recipe, and read what it wrote.

    Args:
        recipe: the recipe.
        drawn: folder of the known pictures.
        rotated: folder of the pictures with rotated boxes.
        exports: folder that receives the export.
        tools: folder of environments.
    """
    row = Row(
        name=recipe.name,
        tool=recipe.tool,
        version=recipe.version,
        form=recipe.form,
        variant=recipe.variant,
        run=bool(recipe.requirements),
    )
    output = exports / recipe.name
    try:
        python = python_of(recipe, tools)
        export(recipe, python, drawn, output)
    except ToolError as error:
        return row.model_copy(update={"failed": str(error)})
    found, convention, others, not_kept = describe(recipe.form, output, EIGHT)
    if recipe.rotates:
        not_kept.append(_rotation(recipe, python, rotated))
    with tempfile.TemporaryDirectory() as folder:
        reading = read(output, EIGHT, Path(folder) / "devkit")
    known = found.get(KNOWN_PICTURE, [])
    return row.model_copy(
        update={
            "written": known[0].text if known else None,
            "convention": convention,
            "others": others,
            "not_kept": tuple(each for each in not_kept if each),
            "reading": reading,
        }
    )


def _rotation(recipe: Recipe, python: Path, rotated: Path) -> str:
    """Describe what became of a rotated box."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            export(recipe, python, rotated, Path(folder))
        except ToolError as error:
            return f"rotated boxes (fails: {error})"
        found = written(recipe.form, Path(folder), ROTATED).get(ROTATED[0].file, [])
        text = " ".join(path.read_text() for path in Path(folder).rglob("*.xml"))
    if not found:
        return "rotated boxes"
    known, box = ROTATED[0].objects[0].box, found[0].box
    if max(map(abs, differences(known, box))) > 2:
        return f"rotated boxes (written as {' '.join(f'{number:.4g}' for number in box)})"
    return "" if 'rotation="' in text else "the rotation of boxes"


def travelled(
    recipes: Sequence[Recipe], exports: Path, tools: Path, scratch: Path
) -> Iterator[Journey]:
    """Go the way of a new user with each export that can be made."""
    drawn = draw(many(PICTURES), scratch / "many")
    for recipe in recipes:
        output = exports / "journeys" / recipe.name
        try:
            export(recipe, python_of(recipe, tools), drawn, output)
        except ToolError as error:
            yield Journey(name=recipe.name, steps=(), error=f"export: {error}")
        else:
            with tempfile.TemporaryDirectory() as folder:
                yield travel(recipe.name, output, Path(folder))


def main(
    output: Annotated[Path, typer.Option(help="File to write.")] = ROOT
    / f"benchmarks/results/{table.NAME}.json",
    environments: Annotated[
        Path | None, typer.Option(help="Folder of environments, kept for the next run.")
    ] = None,
    exports: Annotated[Path | None, typer.Option(help="Folder of the exports, kept.")] = None,
    only: Annotated[
        str, typer.Option(help="Run only exports whose name has these words; others stay.")
    ] = "",
    journey: Annotated[
        bool, typer.Option("--journey", help="Train on an export of each tool instead.")
    ] = False,
) -> None:
    """Run annotation tools on known boxes; write what objloc reads of their exports."""
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        tools, kept = environments or scratch / "environments", exports or scratch / "exports"
        drawn, rotated = draw(EIGHT, scratch / "known"), draw(ROTATED, scratch / "rotated")
        chosen = [recipe for recipe in RECIPES if only in recipe.name]
        for recipe in () if journey else chosen:
            row = measure(recipe, drawn, rotated, kept.resolve(), tools.resolve())
            print(f"{row.name}: {row.failed or table.outcome(row)}", flush=True)
            _write(output, rows=(row,))
        ways = one_of_each(chosen) if journey else []
        for each in travelled(ways, kept.resolve(), tools.resolve(), scratch):
            print(f"{each.name}: {', '.join(each.steps)}; {each.error or 'done'}", flush=True)
            _write(output, journeys=(each,))
    write_run(output, _COMMAND)


def _write(output: Path, rows: tuple[Row, ...] = (), journeys: tuple[Journey, ...] = ()) -> None:
    """Write new rows and journeys beside those that the file has."""
    results = Results(
        python=platform.python_version(),
        pictures=len(EIGHT),
        boxes=sum(len(each.objects) for each in EIGHT),
        rows=rows,
        journeys=journeys,
    )
    if output.is_file():
        old = parse(Results, output.read_text(encoding="utf-8"))
        results = updated(old, results, [recipe.name for recipe in RECIPES])
    write_json(output, as_json(results))


if __name__ == "__main__":
    typer.run(main)
