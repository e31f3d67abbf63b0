"""Encode: shards in, a feature store of a frozen backbone out."""

from pathlib import Path
from typing import Annotated

import typer

from stages._command import Overrides, ParamsFile, run_command


def main(
    shards: Annotated[Path, typer.Argument(help="Folder of shards.")],
    output: Annotated[Path, typer.Argument(help="Folder to write the features to.")],
    params_file: ParamsFile = Path("params.yaml"),
    overrides: Overrides = [],  # noqa: B006  # typer copies it
) -> None:
    """Compute the feature maps of the image sets that training and evaluation use.

    For an agent without a frozen backbone the store is empty.
    """
    from rich.progress import Progress

    from objloc.files import folder_written_whole
    from objloc.network.device import device_of
    from objloc.network.feature_store import INDEX_FILE
    from objloc.network.write_features import encode_sets
    from objloc.params import load_params

    params = load_params(params_file, overrides)
    train, encoder = params.train, params.agent.encoder
    wanted: tuple[str, ...] = ()
    if encoder.reads_store:
        wanted = (train.image_set, train.val_image_set, *params.evaluate.image_sets)
    with folder_written_whole(output, INDEX_FILE) as folder, Progress() as progress:
        task = progress.add_task("features", total=None)
        for done, total in encode_sets(
            shards,
            folder,
            tuple(dict.fromkeys(wanted)),
            (train.image_set,) if params.agent.learning.flip else (),
            encoder,
            params.encode.batch,
            device_of(train.device, train.deterministic),
        ):
            progress.update(task, completed=done, total=total)


if __name__ == "__main__":
    run_command(main)
