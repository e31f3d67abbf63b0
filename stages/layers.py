"""Layers: an agent and an image in, pictures of its filters' activations out."""

from pathlib import Path
from typing import Annotated

import typer

from stages._command import Overrides, ParamsFile, run_command
from stages._viewing import Paths, resolve_paths


def main(
    paths: Paths,
    image: Annotated[
        Path | None, typer.Option(help="Image file to use instead of an image of the shards.")
    ] = None,
    layer: Annotated[
        str | None,
        typer.Option(metavar="NAME|NUMBER", help="Layer to draw instead of layers.layer."),
    ] = None,
    params_file: ParamsFile = Path("params.yaml"),
    overrides: Overrides = [],  # noqa: B006  # typer copies it
) -> None:
    """Draw the activations of a layer for an image, and the first layer's filters.

    An image of the shards: stages.layers data/shards data/train/checkpoint.pt OUTPUT

    Any image file: stages.layers data/train/checkpoint.pt OUTPUT --image PHOTO.jpg --layer conv2
    """
    from objloc.data.images import open_image
    from objloc.data.photograph import photograph
    from objloc.files import write_files
    from objloc.network.checkpoint import load_checkpoint
    from objloc.network.device import device_of
    from objloc.params import load_params
    from objloc.view.layers import layer_pictures, one_sample

    stated = load_params(params_file, overrides)
    params, device = stated.layers, device_of(stated.train.device)
    shards, model, output = resolve_paths(paths, image, stated.dataset.data_hash)
    checkpoint = load_checkpoint(model, device)
    if image is None:
        sample = one_sample(shards, params.image_set, params.image_id)
        shown = open_image(sample.jpeg, sample.image_id, upright=False)
    else:
        picture = photograph(image)
        sample, shown = picture.sample(), picture.image
    asked = params.layer if layer is None else layer
    write_files(output, layer_pictures(checkpoint, sample, shown, asked))


if __name__ == "__main__":
    run_command(main)
