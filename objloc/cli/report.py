"""``objloc report``: the report of a run with its commit, opened in the browser."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from objloc.cli._options import Json

if TYPE_CHECKING:
    from objloc.params import Report, Train

_PARAMS = Path("params.yaml")


def command(
    run: Annotated[
        Path, typer.Argument(metavar="RUN", help="A folder with train/, evaluate/ and shards/.")
    ] = Path("data"),
    *,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FOLDER", help="Folder to write the page to.")
    ] = Path(".objloc/report"),
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Compute RUN/report again, even if it exists.")
    ] = False,
    open_page: Annotated[
        bool, typer.Option("--open/--no-open", help="Open the page in the browser.")
    ] = True,
    worst: Annotated[
        bool,
        typer.Option(
            "--worst", help="Write only two contact sheets: surest false positives, largest misses."
        ),
    ] = False,
    params_file: Annotated[
        Path | None,
        typer.Option(
            "--params",
            help="Parameter file, whose section report is used; default: params.yaml, where there "
            "is one.",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write the report of a run as a page that names the commit, and open it.

    RUN/report holds the report of the pipeline and is computed if it is missing. The page
    is a copy of it that also names the commit that made the model. With --worst only
    pictures of the worst detections are written, from shards/ and evaluate/ alone; this
    takes a minute and runs no model.
    """
    import json
    import os
    import sys
    import webbrowser

    from objloc.errors import ObjlocError
    from objloc.network.device import device_of
    from objloc.tracking.provenance import commit_of
    from objloc.view.report.build import VALUES, copy_with_commit, read_report, write_report
    from objloc.view.report.texts import EXPLORER

    train, params = _sections(params_file)
    if worst:
        from objloc.view.report.worst import write_worst

        sheets = write_worst(run / "shards", run / "evaluate", output, params.image_set)
        names = [str(each) for each in sheets]
        print(json.dumps({"sheets": names}, indent=2) if as_json else "\n".join(names))
        return
    folder = run / "report"
    if output.resolve() == folder.resolve():
        raise ObjlocError(f"--output: expected another folder than the pipeline's; found {output}")
    if rebuild or not (folder / VALUES).is_file():
        write_report(
            run / "shards",
            run / "train",
            run / "evaluate",
            folder,
            params,
            lambda line: print(line, file=sys.stderr),
            device_of(train.device),
        )
    explorer = run / "explore" / "explorer.html"
    address = os.path.relpath(explorer, output) if explorer.is_file() else EXPLORER
    model = run / "train" / "checkpoint.pt"
    commit = commit_of(model) if model.is_file() else None
    page = copy_with_commit(folder, output, commit, address)
    verdict = read_report(folder)["verdict"]["mean"]["text"]
    summary = {"page": str(page), "commit": commit, "verdict": verdict}
    print(json.dumps(summary, indent=2) if as_json else f"{verdict}\n{page}")
    if open_page and not as_json:
        webbrowser.open(page.resolve().as_uri())


def _sections(params_file: Path | None) -> "tuple[Train, Report]":
    """The sections ``train`` and ``report`` of a file; None: of params.yaml, if there is one."""
    from objloc.params import Report, Train, load_params

    if params_file is None and not _PARAMS.is_file():
        return Train(), Report()
    stated = load_params(params_file or _PARAMS)
    return stated.train, stated.report
