"""``objloc data``: a check of a folder of images and annotations."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from objloc.cli._options import Json
from objloc.command import PlainCommand
from objloc.wording import counted

if TYPE_CHECKING:
    from objloc import params
    from objloc.data.check.findings import Report

SHOWN = 10
"""Maximum number of findings of a kind that are printed; --json and --all have the rest."""

app = typer.Typer(
    no_args_is_help=True, add_completion=False, rich_markup_mode=None, help="Check data."
)


@app.callback()
def _group() -> None:
    """Check a folder of images and annotations."""


@app.command(cls=PlainCommand)
def check(
    folder: Annotated[
        Path, typer.Argument(help="Images annotated as VOC, COCO, YOLO, CVAT or labelme have it.")
    ],
    *,
    boxes: Annotated[
        str, typer.Option(metavar="FORM", help="How boxes are written: dataset.boxes.")
    ] = "auto",
    unannotated: Annotated[
        str, typer.Option(metavar="RULE", help="Images without annotation: dataset.unannotated.")
    ] = "auto",
    outside: Annotated[
        str, typer.Option(metavar="RULE", help="Boxes beyond the border: dataset.outside.")
    ] = "refuse",
    sheet: Annotated[
        Path | None,
        typer.Option(metavar="FILE.png", help="Write a contact sheet with the boxes drawn."),
    ] = None,
    show_all: Annotated[
        bool, typer.Option("--all", help=f"Print every finding instead of {SHOWN} of each kind.")
    ] = False,
    as_json: Json = False,
) -> None:
    """List the contents of a folder of annotated images, and what is wrong with it.

    It reads the folder as the download stage would: the layout, missing, empty and corrupt
    files, the form of boxes, sizes and camera orientation; and looks for duplicate images
    and for sets and categories with few images. It changes nothing.

    Exit status 1: a finding that training would refuse or that would spoil the figures.
    """
    from objloc.data.check.check import check_folder
    from objloc.errors import ObjlocError

    if sheet is not None and sheet.is_file() and folder.resolve() in sheet.resolve().parents:
        raise ObjlocError(
            f"--sheet: expected a file outside {folder}; found {sheet}, one of its own"
        )
    rules = {"boxes": boxes, "unannotated": unannotated, "outside": outside}
    checked = check_folder(folder, _section(rules))
    if sheet is not None:
        from objloc.files import write_atomically
        from objloc.view.check_sheet import sheet_of
        from objloc.view.contact_sheet import png

        write_atomically(sheet, png(sheet_of(checked)))
    if as_json:
        print(json.dumps(checked.report.as_json(), indent=2))
    else:
        _print(checked.report, show_all)
        if sheet is not None:
            print(f"sheet       {sheet}")
    if not checked.report.passed:
        raise typer.Exit(1)


def _section(rules: dict[str, str]) -> "params.Dataset":
    from pydantic import ValidationError

    from objloc.errors import ObjlocError, first_complaint
    from objloc.params import Dataset

    try:
        return Dataset.model_validate(rules)
    except ValidationError as error:
        raise ObjlocError(f"--{first_complaint(error)}") from None


def _print(report: "Report", show_all: bool) -> None:
    from objloc.data.own.findings import SEVERITIES

    print(f"layout      {report.layout.upper()}")
    print(f"images      {report.images}, {report.annotated} of them annotated")
    print(f"objects     {report.objects} of {len(report.categories)} categories")
    sets = ", ".join(f"{name} {number}" for name, number in report.image_sets.items())
    print(f"image sets  {sets or 'none'}")
    if report.convention:
        print(f"boxes       {report.convention.words}")
        print(f"            ({report.convention.evidence})")
    for category, by_set in report.categories.items():
        counts = ", ".join(f"{name} {number}" for name, number in by_set.items())
        print(f"  {category:<18}{counts}")
    for severity in SEVERITIES:
        found = report.of(severity)
        kinds: dict[str, list[str]] = {}
        for each in found:
            line = f"{each.place}: {each.message}" if each.place else each.message
            kinds.setdefault(each.kind, []).append(line)
        for kind, lines in kinds.items():
            shown = lines if show_all else lines[:SHOWN]
            for line in shown:
                print(f"{severity:<8}{kind:<12}{line}")
            if len(lines) > len(shown):
                print(f"{severity:<8}{kind:<12}… and {len(lines) - len(shown)} more (--all)")
    counts = ", ".join(
        counted(number, name) for name in SEVERITIES if (number := len(report.of(name)))
    )
    print(
        f"result      {'in order' if report.passed else 'NOT in order'}: {counts or 'no findings'}"
    )
