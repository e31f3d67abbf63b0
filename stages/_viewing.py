"""Paths and logging of the commands that show an agent."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from objloc.errors import ObjlocError

if TYPE_CHECKING:
    from objloc.network.checkpoint import Checkpoint

Paths = Annotated[
    list[str],
    typer.Argument(
        metavar="[SHARDS] MODEL OUTPUT",
        help="Folder of shards or its URL, not needed with --image; a checkpoint or "
        "models:/NAME/VERSION; the folder to write to.",
        show_default=False,
    ),
]


def resolve_paths(
    paths: list[str], image: Path | None, data_hash: str | None
) -> tuple[Path, Path, Path]:
    """The shards, the model's file and the output folder.

    A registered model is fetched. Without shards their path is empty.

    Args:
        paths: what the command was given.
        image: the image that is shown instead of one of the shards.
        data_hash: hash that shards by URL must have; None: any.

    Raises:
        ObjlocError: too few paths or too many; no such registered model.
    """
    minimum = 3 if image is None else 2
    from objloc.data.remote.cache import Stated, folder_at

    if not minimum <= len(paths) <= 3:
        expected = "SHARDS MODEL OUTPUT, or --image" if minimum == 3 else "[SHARDS] MODEL OUTPUT"
        raise ObjlocError(f"paths: expected {expected}; found {' '.join(paths)}")
    *before, model, output = paths
    shards = folder_at(before[0], Stated.shards(data_hash)) if before else Path()
    if model.startswith("models:"):
        from objloc.tracking.models import download_model

        return shards, download_model(model), Path(output)
    return shards, Path(model), Path(output)


def log_pictures(
    files: list[Path], folder: str, shards: Path, model: Path, checkpoint: "Checkpoint"
) -> None:
    """Log files to the run that made the model, if they show that run's data."""
    from objloc.data.shard_index import read_index
    from objloc.tracking.restore import log_to_run_of

    if read_index(shards).data_hash == checkpoint.data_hash:
        log_to_run_of(
            model,
            artifacts=files,
            folder=folder,
            data=checkpoint.data,
            data_hash=checkpoint.data_hash,
            categories=checkpoint.categories,
        )
