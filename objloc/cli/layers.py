"""``objloc layers``: what a layer of the network answers to a picture."""

from pathlib import Path
from typing import Annotated

import typer

from objloc.cli._options import Json, Model, Output


def command(
    image: Annotated[str, typer.Argument(metavar="IMAGE|URL", help="The picture.")],
    model: Model = "champion",
    layer: Annotated[
        str, typer.Option(metavar="NAME|NUMBER", help="Of a layer; a wrong one lists them all.")
    ] = "1",
    output: Output = Path("predictions"),
    as_json: Json = False,
) -> None:
    """Draw the answers of a layer's filters to a picture, and what the first layer looks for.

    FOLDER gets activations_LAYER.png, filters_conv1.png, and a folder of the same
    name beside each with one picture for each filter.
    """
    import json

    from objloc.data.photograph import photograph
    from objloc.network.checkpoint import load_checkpoint
    from objloc.search.localiser import model_path
    from objloc.view.layers import layer_pictures
    from objloc.view.output import write_files

    checkpoint = load_checkpoint(model_path(model))
    picture = photograph(image)
    contents = layer_pictures(checkpoint, picture.sample(), picture.image, layer)
    sheets = [str(path) for path in write_files(output, contents) if path.parent == output]
    print(json.dumps({"files": sheets}, indent=2) if as_json else "\n".join(sheets))
