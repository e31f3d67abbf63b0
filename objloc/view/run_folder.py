"""The run folder of a training: checkpoints, history, metrics, plots, provenance."""

import math
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from platform import python_version

from objloc.files import write_atomically, write_json, write_yaml
from objloc.learning.experiment import Experiment
from objloc.network.checkpoint import Checkpoint, save_checkpoint
from objloc.view.plots_training import histogram_picture, training_curves

_PACKAGES = ("torch", "numpy", "pillow", "lxml", "webdataset", "mlflow", "dvc")


def write_run(
    folder: Path, experiment: Experiment, best: Checkpoint, last: Checkpoint, command: Sequence[str]
) -> None:
    """Write the run folder: checkpoints, history, metrics, plots, provenance.

    It holds no time, host or speed: the same parameters and data give the same bytes.

    Args:
        folder: folder to write to.
        experiment: the experiment, after its run.
        best: the checkpoint that is best on validation.
        last: the last checkpoint.
        command: the command line of the training.
    """
    rows = experiment.record.rows
    save_checkpoint(folder / "checkpoint.pt", best)
    save_checkpoint(folder / "final.pt", last)
    names = list(dict.fromkeys(name for row in rows for name in row))
    lines = [",".join(names)]
    lines += [",".join(_number(row.get(name)) for name in names) for row in rows]
    write_atomically(folder / "history.csv", "\n".join(lines) + "\n")
    chosen = next(row for row in rows if int(row["update"]) == best.info["update"])
    write_json(
        folder / "metrics.json",
        {
            "data": experiment.data,
            "categories": list(experiment.categories),
            "cut": best.info["cut"],
            "best": {name: value for name, value in chosen.items() if not math.isnan(value)},
        },
    )
    plots = folder / "plots"
    training_curves(rows, plots / "training.png")
    histogram_picture(
        [(u, v.numpy()) for u, v in experiment.record.losses], "loss", plots / "losses.png"
    )
    histogram_picture(
        [(u, v.numpy()) for u, v in experiment.record.q_values], "Q-value", plots / "q_values.png"
    )
    write_yaml(folder / "params.yaml", experiment.parameters)
    versions = [f"python {python_version()}", *(f"{name} {version(name)}" for name in _PACKAGES)]
    write_atomically(folder / "environment.txt", "\n".join(versions) + "\n")
    write_atomically(folder / "command.txt", " ".join(command) + "\n")


def _number(value: float | None) -> str:
    return "" if value is None or math.isnan(value) else repr(value)
