"""``objloc results``: detections and ground truth for other programs' metrics."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from objloc.cli._options import Json, Output


class Difficult(StrEnum):
    """Keys that can mark difficult objects in COCO's JSON."""

    ISCROWD = "iscrowd"
    IGNORE = "ignore"


def command(
    run: Annotated[
        Path, typer.Argument(metavar="RUN", help="A folder with evaluate/ and shards/.")
    ] = Path("data"),
    *,
    output: Output = Path(".objloc/results"),
    shards: Annotated[
        Path | None, typer.Option(help="Folder of shards; default: RUN/shards.", show_default=False)
    ] = None,
    image_set: Annotated[
        list[str] | None,
        typer.Option(
            help="Image set to write, repeatable; default: all evaluated.", show_default=False
        ),
    ] = None,
    difficult: Annotated[
        Difficult, typer.Option(help="Key that marks difficult objects.")
    ] = Difficult.ISCROWD,
    calibrate_on: Annotated[
        str,
        typer.Option(metavar="SET", help="Evaluated image set to fit the probabilities on."),
    ] = "val",
    as_json: Json = False,
) -> None:
    """Write detections as COCO's results, ground truth as COCO's instances.

    Scores become probabilities of being right, in the same order. The detections in the
    devkit's format, with their own scores, are written beside them.
    """
    import json
    from dataclasses import asdict

    from objloc.evaluation.coco import results_files
    from objloc.evaluation.read import read_metrics
    from objloc.files import write_files

    evaluate = run / "evaluate"
    contents, calibrations = results_files(
        shards or run / "shards",
        evaluate,
        image_set or list(read_metrics(evaluate / "metrics.json")),
        difficult=difficult.value,
        calibrate_on=calibrate_on,
    )
    files = [str(each) for each in write_files(output, contents)]
    if as_json:
        fitted = {kind: asdict(each) for kind, each in calibrations.items()}
        print(json.dumps({"files": files, "calibration": fitted}, indent=2))
        return
    for kind, each in calibrations.items():
        print(f"{kind}: {each}, fitted on {calibrate_on}")
    print("\n".join(files))
