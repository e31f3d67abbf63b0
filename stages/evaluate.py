"""Evaluate: shards and a checkpoint in; metrics, tables and plots out."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stages._command import Overrides, ParamsFile, Shards, run_command

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from objloc.evaluation.measure import Measurement
    from objloc.evaluation.metrics import Metrics
    from objloc.network.checkpoint import Checkpoint
    from objloc.params import Evaluate


def main(
    shards: Shards,
    model: Annotated[str, typer.Argument(help="A checkpoint or models:/NAME/VERSION.")],
    output: Annotated[
        Path, typer.Argument(help="Folder to write: metrics, episodes, detections, plots.")
    ],
    features: Annotated[
        list[str],
        typer.Option(
            help="Features of a frozen backbone (stages.encode): folder or URL; can be repeated."
        ),
    ] = [],  # noqa: B006  # typer copies it
    params_file: ParamsFile = Path("params.yaml"),
    overrides: Overrides = [],  # noqa: B006  # typer copies it
) -> None:
    """Measure success rate and average precision of a model and of blind baselines.

    The image sets are evaluate.image_sets. torchrun --nproc-per-node N -m stages.evaluate runs
    it as N processes.
    """
    from rich.console import Console

    from objloc.data.remote.cache import Stated, folder_at
    from objloc.evaluation.measure import measure_sets
    from objloc.evaluation.metrics import metrics_as_json
    from objloc.evaluation.tables import table_of
    from objloc.files import file_hash
    from objloc.network.checkpoint import load_checkpoint
    from objloc.network.device import device_of, enough_memory
    from objloc.network.feature_store import made_otherwise
    from objloc.params import load_params
    from objloc.ranks.group import joined_ranks
    from objloc.tracking.models import download_model
    from objloc.tracking.restore import log_to_run_of

    params = load_params(params_file, overrides)
    device = device_of(params.train.device, params.train.deterministic)
    path = download_model(model)
    checkpoint, model_hash = load_checkpoint(path, device), file_hash(path)
    trained_on = checkpoint.info.get("image_set", params.train.image_set)
    # One checksum names one of several stores.
    stated = Stated.features(params.encode.checksum if len(features) == 1 else None)
    stored = [folder_at(each, stated) for each in features]
    with joined_ranks(device) as ranks:
        if ranks.first:
            made = _features_of(checkpoint, params.encode.batch, device)
            for line in made_otherwise(stored, made):
                print(f"note: {line}", file=sys.stderr)
        ranks.require_same({"model": model_hash})
        with enough_memory("evaluate.max_windows", params.evaluate.max_windows):
            measurements = measure_sets(
                folder_at(shards, Stated.shards(params.dataset.data_hash)),
                checkpoint,
                params.evaluate,
                trained_on,
                print,
                stored,
                params.encode.memory_mb,
                ranks,
            )
    if not measurements:
        return  # The first process writes.
    metrics = _write(output, measurements, params.evaluate, model_hash)
    for image_set, part in metrics.items():
        Console(width=110).print(table_of(image_set, part))
    # A run's figures are those of its own data.
    if measurements[0].store.data_hash == checkpoint.data_hash:
        log_to_run_of(
            path,
            metrics=metrics_as_json(metrics),
            artifacts=[output / "metrics.json", output / "plots"],
            folder="evaluate",
            data=checkpoint.data,
            data_hash=checkpoint.data_hash,
            categories=checkpoint.categories,
        )


def _write(
    output: Path, measurements: "Sequence[Measurement]", params: "Evaluate", model_hash: str
) -> "Metrics":
    """Write all files of the output folder; returns the figures by image set."""
    from objloc.checksums import write_sums
    from objloc.evaluation.compute import metrics_of
    from objloc.evaluation.write import NAMED_BY_DATA, write_outputs
    from objloc.files import files_published
    from objloc.view.plots_evaluation import write_plots

    with files_published(output, NAMED_BY_DATA) as folder:
        metrics = {
            each.store.image_set: metrics_of(each, params, model_hash) for each in measurements
        }
        write_outputs(folder, measurements, metrics, params.iou_threshold)
        for each in measurements:
            write_plots(folder / "plots", each, metrics[each.store.image_set])
        write_sums(folder)
    return metrics


def _features_of(
    checkpoint: "Checkpoint", batch: int, device: "torch.device"
) -> dict[str, dict[str, Any]]:
    """By backbone, how the features were made that an agent learned from, or would be here."""
    from objloc.network.feature_store import making

    agents = checkpoint.members or (checkpoint.agent,)
    infos = checkpoint.info["members"] if checkpoint.members else [checkpoint.info]
    return {
        agent.encoder.source: info.get("features") or making(agent.encoder, batch, device)
        for agent, info in zip(agents, infos, strict=True)
        if agent.encoder.reads_store
    }


if __name__ == "__main__":
    run_command(main)
