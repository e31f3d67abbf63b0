"""What the commands that show an agent share: their paths."""

from pathlib import Path
from typing import Annotated

import typer

from objloc.errors import ObjlocError

Paths = Annotated[
    list[str],
    typer.Argument(
        metavar="[SHARDS] MODEL OUTPUT",
        help="Folder of shards, not needed with --image; a checkpoint or "
        "models:/NAME/VERSION; the folder to write to.",
        show_default=False,
    ),
]


def resolve_paths(paths: list[str], image: Path | None) -> tuple[Path, Path, Path]:
    """The shards, the model's file and the output folder.

    A registered model is fetched. Without shards theirs is the empty path.

    Raises:
        ObjlocError: too few paths or too many; no such registered model.
    """
    least = 3 if image is None else 2
    if not least <= len(paths) <= 3:
        expected = "SHARDS MODEL OUTPUT, or --image" if least == 3 else "[SHARDS] MODEL OUTPUT"
        raise ObjlocError(f"paths: expected {expected}; found {' '.join(paths)}")
    *before, model, output = paths
    if model.startswith("models:"):
        from objloc.tracking.models import download_model

        return Path(*before), download_model(model), Path(output)
    return Path(*before), Path(model), Path(output)
