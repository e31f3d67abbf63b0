"""``objloc export``: the network as ONNX files."""

from pathlib import Path
from typing import Annotated

import typer

from objloc.cli._options import Json, Model


def command(
    output: Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder to write files to.")],
    model: Model = "champion",
    as_json: Json = False,
) -> None:
    """Write encode.onnx, values.onnx and model.json (needs the extra onnx).

    encode.onnx encodes an image once, and values.onnx computes the Q-values of any number
    of its windows. Both are compared with PyTorch before they are written.
    """
    import json

    from objloc.files import file_hash, write_files
    from objloc.network.checkpoint import load_checkpoint
    from objloc.search.localiser import model_path
    from objloc.serving.onnx import onnx_files

    path = model_path(model)
    contents = onnx_files(load_checkpoint(path), file_hash(path))
    files = [str(each) for each in write_files(output, contents)]
    print(json.dumps({"files": files}, indent=2) if as_json else "\n".join(files))
