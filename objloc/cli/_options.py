"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

SOME_FAILED = 3
"""Exit status when some inputs succeeded and others failed."""

Model = Annotated[
    str,
    typer.Option(
        "--model",
        "-m",
        metavar="champion|PATH",
        help="An alias or number of the registered model, models:/NAME@ALIAS, or a checkpoint.",
    ),
]
Output = Annotated[
    Path, typer.Option("--output", "-o", metavar="FOLDER", help="Folder to write files to.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text for people.")]


def names_in(listed: str | None) -> list[str] | None:
    """Split names at commas; None stands for all."""
    if listed is None or listed.strip() == "all":
        return None
    return [name.strip() for name in listed.split(",") if name.strip()]
