"""Explore: an agent and shards in, a page to step through its searches out."""

from pathlib import Path
from typing import Annotated

import typer

from stages._command import Overrides, ParamsFile, Shards, run_command
from stages._viewing import log_pictures, resolve_paths


def main(
    shards: Shards,
    model: Annotated[str, typer.Argument(help="A checkpoint or models:/NAME/VERSION.")],
    output: Annotated[
        str, typer.Argument(help="Folder to write: explorer.html, trajectories.json.")
    ],
    params_file: ParamsFile = Path("params.yaml"),
    overrides: Overrides = [],  # noqa: B006  # typer copies it
) -> None:
    """Write searches as a page for any browser; it needs no network.

    Open explorer.html. An address can name a place in it:
    explorer.html#image=ID&search=CATEGORY&step=3 (mode=together, mode=turn).
    """
    from objloc.files import file_hash
    from objloc.network.checkpoint import load_checkpoint
    from objloc.network.device import device_of
    from objloc.params import load_params
    from objloc.view.explorer.page import write_explorer

    stated = load_params(params_file, overrides)
    params, device = stated.explore, device_of(stated.train.device)
    folder, path, out = resolve_paths([shards, model, output], None, stated.dataset.data_hash)
    checkpoint = load_checkpoint(path, device)
    files = write_explorer(folder, checkpoint, file_hash(path), out, params)
    log_pictures(files, "explore", folder, path, checkpoint)


if __name__ == "__main__":
    run_command(main)
