"""Encode: shards in, a feature store of a frozen backbone out."""

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from stages._command import Overrides, ParamsFile, Shards, run_command


def main(
    shards: Shards,
    output: Annotated[Path, typer.Argument(help="Folder to write the features to.")],
    params_file: ParamsFile = Path("params.yaml"),
    overrides: Overrides = [],  # noqa: B006  # typer copies it
) -> None:
    """Compute the feature maps of the image sets that training and evaluation use.

    For an agent without a frozen backbone the store is empty. torchrun --nproc-per-node N -m
    stages.encode runs it as N processes.
    """
    from rich.progress import Progress

    from objloc.data.remote.cache import Stated, folder_at
    from objloc.data.shard_index import read_index
    from objloc.files import folder_written_whole
    from objloc.network.device import device_of, enough_memory
    from objloc.network.feature_store import INDEX_FILE
    from objloc.network.write_features import encode_sets, use_features_at
    from objloc.params import load_params
    from objloc.ranks.group import joined_ranks
    from objloc.ranks.launch import own_rank

    params = load_params(params_file, overrides)
    train, encoder = params.train, params.agent.encoder
    wanted: tuple[str, ...] = ()
    if encoder.reads_store:
        names = (train.image_set, train.val_image_set, *params.evaluate.image_sets)
        wanted = tuple(dict.fromkeys(names))
    source = folder_at(shards, Stated.shards(params.dataset.data_hash))
    if wanted and params.encode.url:
        data_hash = read_index(source).data_hash
        if not own_rank():
            use_features_at(
                params.encode.url, params.encode.checksum, output, wanted, data_hash, encoder
            )
        return
    device = device_of(train.device, train.deterministic)
    mirrored = (train.image_set,) if params.agent.learning.flip else ()
    with joined_ranks(device) as ranks, ExitStack() as stack:
        folder = output
        if ranks.first:
            folder = stack.enter_context(folder_written_whole(output, INDEX_FILE))
        progress = stack.enter_context(Progress())
        task = progress.add_task("features", total=None)
        stack.enter_context(enough_memory("encode.batch", params.encode.batch))
        for done, total in encode_sets(
            source, folder, wanted, mirrored, encoder, params.encode.batch, device, ranks
        ):
            progress.update(task, completed=done, total=total)


if __name__ == "__main__":
    run_command(main)
