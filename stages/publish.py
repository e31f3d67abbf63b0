"""Publish: the small files of a run in, copies for git out.

DVC reuses an earlier run of a stage only if it caches all that the stage writes, and
what it caches git ignores. So git keeps copies: figures, parameters, plots.
"""

import shutil
from pathlib import Path
from typing import Annotated

import typer

from stages._command import run_command

PUBLISHED = {
    "train": (
        "params.yaml", "command.txt", "environment.txt", "metrics.json", "history.csv", "plots",
    ),
    "evaluate": ("metrics.json", "plots"),
}  # fmt: skip
"""Files and folders of each stage; the others are large, or only other stages read them."""


def main(
    train: Annotated[Path, typer.Argument(help="Run folder of the training.")],
    evaluate: Annotated[Path, typer.Argument(help="Folder that evaluate wrote for its model.")],
    output: Annotated[Path, typer.Argument(help="Folder to write: train, evaluate.")],
) -> None:
    """Copy figures, parameters and plots of a run."""
    from objloc.errors import ObjlocError
    from objloc.files import folder_written_whole

    with folder_written_whole(output, "evaluate/metrics.json") as folder:
        for source, (stage, names) in zip((train, evaluate), PUBLISHED.items(), strict=True):
            for name in names:
                path = source / name
                if not path.exists():
                    raise ObjlocError(f"{path}: no such file: run the {stage} stage first")
                for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
                    place = folder / stage / file.relative_to(source)
                    if file.is_file():
                        place.parent.mkdir(parents=True, exist_ok=True)
                        # Contents alone: DVC's cache has read-only files.
                        shutil.copyfile(file, place)


if __name__ == "__main__":
    run_command(main)
