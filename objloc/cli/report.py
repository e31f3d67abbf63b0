"""``objloc report``: the report of a run, with its commit, opened in the browser."""

from pathlib import Path
from typing import Annotated

import typer


def command(
    run: Annotated[
        Path, typer.Argument(metavar="[RUN]", help="A folder with train/, evaluate/ and shards/.")
    ] = Path("data"),
    *,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FOLDER", help="Where the page is written.")
    ] = Path(".objloc/report"),
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Compute RUN/report anew, even if it is there.")
    ] = False,
    open_page: Annotated[
        bool, typer.Option("--open/--no-open", help="Open the page in the browser.")
    ] = True,
    worst: Annotated[
        bool,
        typer.Option(
            "--worst", help="Only two contact sheets: surest false alarms, largest misses."
        ),
    ] = False,
    params_file: Annotated[
        Path, typer.Option("--params", help="Its section report, for what must be computed.")
    ] = Path("params.yaml"),
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON instead of text meant for people.")
    ] = False,
) -> None:
    """Write the report of a run as a page that tells the commit, and open it.

    RUN/report holds the report as the pipeline computes it; it is computed if it is
    missing. The page is a copy of it that also tells which commit made the model.
    With --worst only pictures of the worst detections are written: from shards/ and
    evaluate/ alone, in a minute, no model runs.
    """
    import json
    import os
    import sys
    import webbrowser

    from objloc.params import Report, load_params
    from objloc.tracking import commit_of
    from objloc.view.report.build import VALUES, copy_with_commit, read_report, write_report
    from objloc.view.report.texts import EXPLORER

    params = load_params(params_file).report if params_file.is_file() else Report()
    if worst:
        from objloc.view.report.worst import write_worst

        sheets = write_worst(run / "shards", run / "evaluate", output, params.image_set)
        names = [str(each) for each in sheets]
        print(json.dumps({"sheets": names}, indent=2) if as_json else "\n".join(names))
        return
    folder = run / "report"
    if rebuild or not (folder / VALUES).is_file():
        write_report(
            run / "shards",
            run / "train",
            run / "evaluate",
            folder,
            params,
            lambda line: print(line, file=sys.stderr),
        )
    explorer = run / "explore" / "explorer.html"
    address = os.path.relpath(explorer, output) if explorer.is_file() else EXPLORER
    model = run / "train" / "checkpoint.pt"
    commit = commit_of(model) if model.is_file() else None
    page = copy_with_commit(folder, output, commit, address)
    verdict = read_report(folder)["verdict"]["mean"]["text"]
    told = {"page": str(page), "commit": commit, "verdict": verdict}
    print(json.dumps(told, indent=2) if as_json else f"{verdict}\n{page}")
    if open_page and not as_json:
        webbrowser.open(page.resolve().as_uri())
