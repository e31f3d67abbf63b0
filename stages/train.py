"""Train an agent: shards in, a run folder out."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from stages._command import Overrides, ParamsFile, Shards, run_command


def main(
    shards: Shards,
    output: Annotated[Path, typer.Argument(help="Run folder: models, history, plots.")],
    features: Annotated[
        str | None,
        typer.Option(help="Features of a frozen backbone (stages.encode): folder or URL."),
    ] = None,
    params_file: ParamsFile = Path("params.yaml"),
    overrides: Overrides = [],  # noqa: B006  # typer copies it
) -> None:
    """Train the agent that train.agent names by deep Q-learning.

    Interrupted, the same command goes on where it stopped. torchrun --nproc-per-node N -m
    stages.train runs it as N processes.
    """
    from objloc.data.remote.cache import Stated, folder_at
    from objloc.files import files_published, repository_root
    from objloc.learning.experiment import Experiment
    from objloc.learning.status import SILENT, UNTRACKED
    from objloc.network.device import device_of
    from objloc.network.feature_store import made_otherwise, making
    from objloc.params import load_params
    from objloc.ranks.group import joined_ranks
    from objloc.tracking.models import resolve_init
    from objloc.tracking.run import TrainingRun
    from objloc.view.run_folder import write_run
    from objloc.view.training_progress import TrainingProgress

    params = load_params(params_file, overrides)
    encoder = params.agent.encoder
    init = resolve_init(params.train.init_from, params.train.init_sha256)
    device = device_of(params.train.device, params.train.deterministic)
    with joined_ranks(device) as ranks:
        source = folder_at(shards, Stated.shards(params.dataset.data_hash))
        stored = None
        if features is not None:
            stored = folder_at(features, Stated.features(params.encode.checksum))
        experiment = Experiment(source, params, init, stored, ranks)
        if not ranks.first:
            experiment.run(SILENT, UNTRACKED)
            return
        if stored is not None and encoder.reads_store:
            made = making(encoder, params.encode.batch, device)
            for line in made_otherwise([stored], {encoder.source: made}):
                print(f"note: {line}", file=sys.stderr)
        command = ["python", "-m", "stages.train", *sys.argv[1:]]
        log = repository_root() / ".objloc" / "logs" / f"train-{experiment.key}.log"
        with (
            TrainingProgress(log) as progress,
            TrainingRun.start(
                params=experiment.parameters,
                data=experiment.data,
                data_hash=experiment.data_hash,
                categories=experiment.categories,
                run_key=experiment.key,
                command=" ".join(command),
                machine=experiment.machine,
            ) as run,
        ):
            best, last = experiment.run(progress, run)
            with files_published(output) as folder:
                write_run(folder, experiment, best, last, command)
            run.set_result(output)
            run.log_artifact(log, "log")


if __name__ == "__main__":
    run_command(main)
