"""Register: a trained model and its metrics in, an entry in the model registry out."""

from pathlib import Path
from typing import Annotated

import typer

from stages._command import Overrides, ParamsFile, run_command


def main(
    train: Annotated[Path, typer.Argument(help="Run folder of the training.")],
    evaluate: Annotated[Path, typer.Argument(help="Folder that evaluate wrote for its model.")],
    output: Annotated[Path, typer.Argument(help="Folder to write: model.json, model_card.md.")],
    params_file: ParamsFile = Path("params.yaml"),
    overrides: Overrides = [],  # noqa: B006  # typer copies it
    if_lost: Annotated[
        bool,
        typer.Option(
            "--if-lost", help="Register only what OUTPUT says was registered and the store lacks."
        ),
    ] = False,
) -> None:
    """Log the model to MLflow, register it and give it the aliases that it wins.

    Registering twice makes one version. Run by hand it restores a lost store.
    """
    if if_lost:
        _register_if_lost(train, evaluate, output)
        return
    from objloc.evaluation.read import read_metrics
    from objloc.files import file_hash, files_published, write_atomically, write_json
    from objloc.network.checkpoint import load_checkpoint
    from objloc.params import load_params
    from objloc.serving.contest_entry import entry_of
    from objloc.serving.model_card import model_card
    from objloc.tracking.registry import register

    params = load_params(params_file, overrides).registration
    path = train / "checkpoint.pt"
    checkpoint = load_checkpoint(path)
    measured = evaluate / "metrics.json"
    metrics = read_metrics(measured)
    entry = entry_of(
        metrics,
        measured,
        sha256=file_hash(path),
        data_hash=checkpoint.data_hash,
        image_set=checkpoint.info["val_image_set"],
        metric=params.metric,
    )
    command = train / "command.txt"
    told = command.read_text("utf-8") if command.is_file() else ""
    card = model_card(checkpoint, entry.sha256, metrics, told)
    registration = register(train, evaluate, params.model_name, entry, card)
    with files_published(output) as folder:
        write_json(folder / "model.json", {"model": params.model_name, **entry.summary()})
        write_atomically(folder / "model_card.md", card)
    print(f"models:/{params.model_name}/{registration.version}", end=": ")
    print("new" if registration.created else "registered before")
    print(*registration.aliases, sep="\n")


def _register_if_lost(train: Path, evaluate: Path, output: Path) -> None:
    from objloc.tracking.lookup import holds
    from objloc.tracking.outputs import Outputs

    outputs = Outputs(train, evaluate, output)
    found = outputs.registered()
    if found is not None and not holds(*found):
        from objloc.tracking.rebuild import rebuild

        rebuild(outputs)


if __name__ == "__main__":
    run_command(main)
