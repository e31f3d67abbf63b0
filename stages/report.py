"""Report: a run in, a page of its scores, curves, errors and images out."""

from pathlib import Path
from typing import Annotated

import typer

from stages._command import Overrides, ParamsFile, Shards, run_command


def main(
    shards: Shards,
    train: Annotated[Path, typer.Argument(help="Run folder of the training.")],
    evaluate: Annotated[Path, typer.Argument(help="Folder that evaluate wrote for its model.")],
    output: Annotated[
        Path, typer.Argument(help="Folder to write: report.html, .md, .json, pictures.")
    ],
    params_file: ParamsFile = Path("params.yaml"),
    overrides: Overrides = [],  # noqa: B006  # typer copies it
) -> None:
    """Report a run on one page: scores between floor and ceiling, and reasons for misses."""
    from tempfile import TemporaryDirectory

    from objloc.data.remote.cache import Stated, folder_at
    from objloc.network.checkpoint import load_checkpoint
    from objloc.network.device import device_of
    from objloc.params import load_params
    from objloc.tracking.provenance import commit_of
    from objloc.tracking.restore import log_to_run_of
    from objloc.view.report.build import copy_with_commit, logged_figures, write_report

    params = load_params(params_file, overrides)
    folder = folder_at(shards, Stated.shards(params.dataset.data_hash))
    device = device_of(params.train.device)
    contents = write_report(folder, train, evaluate, output, params.report, print, device)
    print(contents["verdict"]["mean"]["text"])
    model = train / "checkpoint.pt"
    checkpoint = load_checkpoint(model)
    # A run's figures are those of its own data.
    if contents["data"]["hash"] == checkpoint.data_hash:
        with TemporaryDirectory() as temporary:
            copy = Path(temporary, "report")
            copy_with_commit(output, copy, commit_of(model))
            log_to_run_of(
                model,
                metrics=logged_figures(contents),
                artifacts=[copy],
                data=checkpoint.data,
                data_hash=checkpoint.data_hash,
                categories=checkpoint.categories,
            )


if __name__ == "__main__":
    run_command(main)
