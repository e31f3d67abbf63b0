"""Shard: a devkit in, WebDataset shards and an index out."""

from pathlib import Path
from typing import Annotated

import typer

from objloc.errors import ObjlocError
from stages._command import Overrides, ParamsFile, is_url_as_path, run_command


def main(
    devkit: Annotated[
        Path,
        typer.Argument(
            help="A VOC devkit: a folder, an archive, or a folder of archives; COCO's archives."
        ),
    ],
    output: Annotated[
        Path, typer.Argument(help="Folder to write: shards of each image set, index.json.")
    ],
    params_file: ParamsFile = Path("params.yaml"),
    overrides: Overrides = [],  # noqa: B006  # typer copies it
) -> None:
    """Pack annotated images into shards, image set by image set.

    The sets are the devkit's own or drawn at random (shard.split=seeded). Shards by URL
    (dataset.name=shards) are passed on as they are.
    """
    from rich.console import Console

    from objloc.data.remote.pointer import copy_pointer, origin_of
    from objloc.data.shard_index import read_index
    from objloc.data.shards import open_annotated, write_shards
    from objloc.params import load_params
    from objloc.view.shard_summary import summary_of

    params = load_params(params_file, overrides)
    if is_url_as_path(devkit):
        raise ObjlocError(
            f"{devkit}: expected a devkit; found a URL (with dataset.name=shards and the URL in "
            "dataset.path, stages.download takes shards from there)"
        )
    if origin_of(devkit) is None:
        write_shards(open_annotated(devkit), output, params.shard)
    else:
        copy_pointer(devkit, output)
    Console(width=120).print(summary_of(read_index(output)))


if __name__ == "__main__":
    run_command(main)
