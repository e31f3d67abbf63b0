"""Download: the manifest in, a folder of archives or a drawn devkit out."""

from pathlib import Path
from typing import Annotated

import typer

from stages._command import Overrides, ParamsFile, run_command


def main(
    manifest: Annotated[Path, typer.Argument(help="Addresses and checksums of the archives.")],
    output: Annotated[
        Path, typer.Argument(help="Folder to write: archives or devkit, and source.json.")
    ],
    params_file: ParamsFile = Path("params.yaml"),
    overrides: Overrides = [],  # noqa: B006  # typer copies it
) -> None:
    """Download or draw the dataset that dataset.name names.

    Archives come from the official addresses or from dataset.mirror, and are
    verified before use. An interrupted download continues where it stopped.
    """
    from objloc.data.datasets import gather
    from objloc.params import load_params

    params = load_params(params_file, overrides)
    source = gather(params.dataset, manifest, output)
    print(f"{output}: {source.name}")
    for archive in source.archives:
        print(f"  {archive.name}  {archive.bytes:,} bytes  md5 {archive.md5}")


if __name__ == "__main__":
    run_command(main)
