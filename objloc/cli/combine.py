"""``objloc combine``: several agents as one."""

from pathlib import Path
from typing import Annotated

import typer

from objloc.cli._options import Json


def command(
    models: Annotated[
        list[str],
        typer.Argument(
            metavar="MODEL",
            help="Two or more checkpoints, aliases or numbers of the registered model.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE.pt", help="Checkpoint to write.")
    ],
    as_json: Json = False,
) -> None:
    """Combine models of other seeds or backbones into one that averages their values."""
    import json

    from objloc.errors import ObjlocError
    from objloc.files import file_hash
    from objloc.network.checkpoint import combine, load_checkpoint, save_checkpoint
    from objloc.search.localiser import model_path

    if twice := sorted({name for name in models if models.count(name) > 1}):
        raise ObjlocError(f"MODEL: expected each model once; found {', '.join(twice)} again")
    paths = {name: model_path(name) for name in models}
    if output.exists() and any(path.exists() and output.samefile(path) for path in paths.values()):
        raise ObjlocError(f"--output: expected another file than the models'; found {output}")
    combined = combine({name: load_checkpoint(path) for name, path in paths.items()})
    save_checkpoint(output, combined)
    hashes = {name: file_hash(path) for name, path in paths.items()}
    if as_json:
        print(json.dumps({"file": str(output), "members": hashes}, indent=2))
    else:
        print(f"{output}: {len(paths)} networks for {', '.join(combined.categories)}")
