"""``objloc layers``: activations of a layer for a picture."""

from pathlib import Path
from typing import Annotated

import typer

from objloc.cli._options import Json, Model, Output


def command(
    image: Annotated[str, typer.Argument(metavar="IMAGE|URL", help="The picture.")],
    model: Model = "champion",
    layer: Annotated[
        str,
        typer.Option(
            metavar="NAME|NUMBER", help="Name or number of a layer; a wrong one lists them all."
        ),
    ] = "1",
    output: Output = Path("predictions"),
    as_json: Json = False,
) -> None:
    """Draw the activations of a layer's filters for a picture, and the first layer's filters.

    FOLDER gets activations_LAYER.png and filters_conv1.png, and beside each a folder of the
    same name with one picture per filter.
    """
    import json

    from objloc.data.photograph import photograph
    from objloc.files import write_files
    from objloc.network.checkpoint import load_checkpoint
    from objloc.search.localiser import model_path
    from objloc.view.layers import layer_pictures

    checkpoint = load_checkpoint(model_path(model))
    picture = photograph(image)
    contents = layer_pictures(checkpoint, picture.sample(), picture.image, layer)
    sheets = [str(path) for path in write_files(output, contents) if path.parent == output]
    print(json.dumps({"files": sheets}, indent=2) if as_json else "\n".join(sheets))
