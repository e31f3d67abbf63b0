"""``objloc explain``: reasons for missed objects, and costs of each kind of error."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from objloc.cli._options import Json
from objloc.wording import number

if TYPE_CHECKING:
    from rich.table import Table

    from objloc.diagnosis.explanation import ErrorFigures, Explanation, MissFigures


def command(
    run: Annotated[
        Path, typer.Argument(metavar="RUN", help="A folder with train/, evaluate/ and shards/.")
    ] = Path("data"),
    *,
    shards: Annotated[
        Path | None, typer.Option(help="Folder of shards; default: RUN/shards.", show_default=False)
    ] = None,
    image_set: Annotated[str, typer.Option(help="Image set that was evaluated.")] = "val",
    beam_width: Annotated[
        int, typer.Option(min=1, help="Number of windows that the oracle keeps after each move.")
    ] = 16,
    images: Annotated[
        bool, typer.Option("--images", help="List the images of each bin, with links.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Explain why searches failed, and how much AP each kind of error costs."""
    import json
    import sys

    from rich.console import Console

    from objloc.diagnosis.explanation import explanation_of
    from objloc.network.device import device_of
    from objloc.view.report.build import analyse_run
    from objloc.view.report.texts import link

    def log(line: str) -> None:
        print(line, file=sys.stderr)

    analysis, _, _ = analyse_run(
        shards or run / "shards",
        run / "train",
        run / "evaluate",
        image_set,
        beam_width=beam_width,
        seed=0,
        device=device_of("auto"),
        log=log,
    )
    explained = explanation_of(analysis)
    if as_json:
        print(json.dumps(explained.as_json(), indent=2))
        return
    console = Console(width=110)
    bins: list[tuple[Table, Sequence[MissFigures | ErrorFigures]]]
    bins = [(_misses(explained), [*explained.misses.values()])]
    bins += [
        (_errors(explained, kind), [*errors.kinds.values()])
        for kind, errors in explained.errors.items()
    ]
    explorer = str(run / "explore" / "explorer.html")
    for table, parts in bins:
        console.print(table)
        for each in parts if images else ():
            print(f"\n{each.title}:")
            for place in each.listed:
                print(f"  {place.image_id} {place.category}  {link(explorer, place.as_json())}")


def _misses(explained: "Explanation") -> "Table":
    from rich.table import Table

    table = Table(
        title=f"{explained.image_set}: {explained.failed_searches} of "
        f"{explained.searches} searches failed (IoU > {explained.iou_threshold:g}), "
        f"{explained.objects - explained.objects_found} of {explained.objects} objects "
        "were missed; each has the first reason that applies",
        title_justify="left",
    )
    for heading in ("reason", "success it costs", "searches", "objects"):
        table.add_column(heading, justify="left" if heading == "reason" else "right")
    for each in explained.misses.values():
        name = f"{each.title}: {each.text}"
        table.add_row(name, number(each.cost), str(each.searches), str(each.objects))
    return table


def _errors(explained: "Explanation", kind: str) -> "Table":
    from rich.table import Table

    errors = explained.errors[kind]
    table = Table(
        title=f"{explained.image_set}: errors of {kind} windows; mean AP "
        f"{number(errors.ap['voc2007'])} (VOC2007), {number(errors.ap['area'])} (area)",
        title_justify="left",
    )
    for heading in ("error", "VOC2007 AP it costs", "area AP it costs", "number"):
        table.add_column(heading, justify="left" if heading == "error" else "right")
    for each in errors.kinds.values():
        costs = map(number, each.cost.values())
        table.add_row(f"{each.title}: {each.text}", *costs, str(each.number))
    return table
