"""A sweep over parameters by Optuna, on one machine or several: extra `sweep`.

    python examples/sweep/sweep.py run data/shards sweep --storage sqlite:///sweep.db --trials 20
    python examples/sweep/sweep.py plot sweep/sweep.png --storage sqlite:///sweep.db

Start the first command once for each worker, on any machine that reaches the storage: a database
(`postgresql+psycopg2://…`, `sqlite:///…` for the workers of one machine) or a journal file on a
shared file system (`journal:PATH`). All workers read the same shards and features.

A trial is `python -m stages.train` with values of `space.yaml`, then `python -m stages.evaluate` on
the validation set alone. It is stopped early where its validations, which are read from its run in
MLflow, fall behind those of the other trials. With a database, a trial whose worker was killed is
put in the queue again with its values, and its training goes on from its last state.
"""

import ctypes
import os
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import matplotlib as mpl
import optuna
import typer
from matplotlib.figure import Figure
from mlflow import MlflowClient
from optuna.storages import JournalStorage, RDBStorage, RetryFailedTrialCallback
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, Trial, TrialState
from ruamel.yaml import YAML

from objloc.errors import ObjlocError
from objloc.evaluation.metrics import parse_metrics
from objloc.tracking.run import newest_run
from objloc.tracking.store import connect, harmless

METRIC = "success_rate.greedy.mean"
"""Figure of `metrics.json` that is maximised, on the validation set."""
HEARTBEAT, GRACE = 10, 40
"""Seconds between a worker's signs of life, and without one after which it is taken for dead."""
RETRIES = 3
STARTUP, WARMUP = 5, 3
"""Trials that are tried at random and never stopped early, and the first validation of a later one
that can stop it. The agents validate 4 to 10 times; the first ones tell little of the end, since
exploration and the step size still fall."""
POLL_SECONDS = 5.0
_LIBC: Any = ctypes.CDLL(None) if sys.platform == "linux" else None
HERE = Path(__file__).parent


def storage_at(address: str, heartbeat: int = HEARTBEAT, grace: int = GRACE) -> Any:
    """The study's storage; a database notices workers that died, a journal file does not."""
    if address.startswith("journal:"):
        return JournalStorage(JournalFileBackend(address.removeprefix("journal:")))
    return RDBStorage(
        address,
        engine_kwargs={"connect_args": {"timeout": 60}} if address.startswith("sqlite") else None,
        heartbeat_interval=heartbeat,
        grace_period=grace,
        failed_trial_callback=RetryFailedTrialCallback(max_retry=RETRIES),
    )


def suggest(trial: Trial, space: dict[str, Any]) -> dict[str, Any]:
    """Choose a value of each parameter: from a list, or between `low` and `high`."""
    values: dict[str, Any] = {}
    for key, choice in space.items():
        if isinstance(choice, list):
            values[key] = trial.suggest_categorical(key, choice)
        elif all(isinstance(choice[end], int) for end in ("low", "high")):
            values[key] = trial.suggest_int(key, choice["low"], choice["high"])
        else:
            values[key] = trial.suggest_float(
                key, choice["low"], choice["high"], log=choice.get("log", False)
            )
    return values


def objective(
    trial: Trial, shards: Path, out: Path, space: dict[str, Any], settings: Sequence[str]
) -> float:
    """Train and evaluate on val; the figure that is maximised."""
    # A trial that is repeated has the name, the folder and the run of the first attempt.
    trials = trial.study.get_trials(deepcopy=False)
    repeated = RetryFailedTrialCallback.retried_trial_number(trials[trial.number])
    first = trials[trial.number if repeated is None else repeated]
    name, folder = f"{trial.study.study_name}-{first.number}", out / str(first.number)
    since = first.datetime_start or datetime.now()
    chosen = [f"{key}={value}" for key, value in suggest(trial, space).items()]
    options = [part for each in (*settings, *chosen) for part in ("--set", each)]
    train = _start(name, ["stages.train", shards, folder / "train", *options])
    _watch(trial, train, Validations(name, int(since.timestamp() * 1000) - 1000))
    _finish(train, name)
    measured = [*options, "--set", "evaluate.image_sets=[val]"]
    checkpoint = folder / "train" / "checkpoint.pt"
    evaluate: list[Path | str] = ["stages.evaluate", shards, checkpoint, folder / "evaluate"]
    _finish(_start(name, [*evaluate, *measured]), name)
    path = folder / "evaluate" / "metrics.json"
    value = parse_metrics(path.read_text("utf-8"), path)["val"].figure(METRIC)
    if value is None:
        raise ObjlocError(f"{path}: expected {METRIC} of val; found none")
    return value


def _watch(
    trial: Trial, process: subprocess.Popen[bytes], validations: Callable[[], list[float]]
) -> None:
    """Report each validation of a training until it ends; stop it if the study says so."""
    reported = 0
    try:
        ended = False
        while not ended:
            ended = process.poll() is not None
            found = validations()
            for number, score in enumerate(found[reported:], start=reported + 1):
                trial.report(score, number)
            reported = max(reported, len(found))
            if reported and not ended and trial.should_prune():
                raise optuna.TrialPruned
            time.sleep(0 if ended else POLL_SECONDS)
    finally:
        _stop(process)


class Validations:
    """Scores of a training's validations so far, from its run in MLflow.

    A store that fails is reported once; without it no trial is stopped early.

    Args:
        name: name of the trial, which its run is tagged with.
        since: milliseconds since 1970 before which no run of it started.
    """

    def __init__(self, name: str, since: int) -> None:
        self._name = name
        self._condition = f"attributes.start_time >= {since}"
        self._client: MlflowClient | None = None
        self._silent = False

    def __call__(self) -> list[float]:
        """The scores, in order."""
        scores: list[float] = []
        with harmless("the sweep", silent=self._silent) as failures:
            self._client = self._client or connect()
            run_id = newest_run(self._client, condition=self._condition, dvc_exp_name=self._name)
            found = self._client.get_metric_history(run_id, "score") if run_id else []
            scores = [each.value for each in sorted(found, key=lambda each: each.step)]
        self._silent = bool(failures)
        return scores


def _start(name: str, command: Sequence[Path | str]) -> subprocess.Popen[bytes]:
    environment = os.environ | {"DVC_EXP_NAME": name}
    return subprocess.Popen(  # noqa: S603 - no shell
        [sys.executable, "-m", *map(str, command)],
        env=environment,
        preexec_fn=_end_with_parent if _LIBC else None,  # noqa: PLW1509 - it takes no lock
        # Ctrl-C reaches the worker alone, which passes it on once.
        start_new_session=True,
    )


def _end_with_parent() -> None:
    """Let the kernel stop this process when its worker is killed: another one repeats it."""
    set_signal_on_parents_death = 1
    _LIBC.prctl(set_signal_on_parents_death, signal.SIGTERM)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End a stage that goes on: a training saves its state, and its run is marked as stopped."""
    if process.poll() is None:
        # Not SIGINT, which a script's background jobs ignore.
        process.terminate()
        process.wait()


def _finish(process: subprocess.Popen[bytes], name: str) -> None:
    try:
        process.wait()
    finally:
        _stop(process)
    if process.returncode:
        raise ObjlocError(f"trial {name}: a stage ended with status {process.returncode}")


def plot(study: optuna.Study, path: Path) -> None:
    """Draw the validations of all trials, and their figures by each parameter's value."""
    trials = [
        each for each in study.trials if each.state in (TrialState.COMPLETE, TrialState.PRUNED)
    ]
    keys = sorted({key for each in trials for key in each.params})
    best = study.best_trial.number
    figure = Figure(figsize=(4.2 * (1 + len(keys)), 3.8), layout="constrained")
    curves, *slices = figure.subplots(1, 1 + len(keys), sharey=True, squeeze=False)[0]
    colours = mpl.colormaps["viridis"]
    for place, each in enumerate(trials):
        colour = colours(place / max(1, len(trials) - 1))
        steps = sorted(each.intermediate_values)
        curves.plot(
            steps, [each.intermediate_values[step] for step in steps], color=colour,
            linestyle="--" if each.state == TrialState.PRUNED else "-",
            linewidth=2.5 if each.number == best else 1, marker=".",
        )  # fmt: skip
    curves.set_xlabel("validation")
    curves.xaxis.get_major_locator().set_params(integer=True)
    curves.set_ylabel("success on val")
    curves.set_title("validations (dashed: stopped early)", fontsize=10)
    for axes, key in zip(slices, keys, strict=True):
        _slice(axes, key, trials, best)
    figure.suptitle(
        f"{study.study_name}: {len(trials)} trials, the best is {best} with {study.best_value:.3f}"
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def _slice(axes: Any, key: str, trials: Sequence[FrozenTrial], best: int) -> None:
    done = [each for each in trials if key in each.params and each.state == TrialState.COMPLETE]
    stopped = [
        each for each in trials if key in each.params and each.state == TrialState.PRUNED
        and each.intermediate_values
    ]  # fmt: skip
    values = [each.params[key] for each in (*done, *stopped)]
    text = any(isinstance(each, str | bool) for each in values)
    shown = partial(str) if text else partial(float)
    axes.scatter([shown(each.params[key]) for each in done], [each.value for each in done])
    axes.scatter(
        [shown(each.params[key]) for each in stopped],
        [each.intermediate_values[max(each.intermediate_values)] for each in stopped],
        marker="x", color="grey", label="stopped early",
    )  # fmt: skip
    winner = [each for each in done if each.number == best]
    axes.scatter(
        [shown(each.params[key]) for each in winner], [each.value for each in winner],
        s=140, facecolors="none", edgecolors="red", label="best",
    )  # fmt: skip
    if not text and min(values) > 0 and max(values) / min(values) > 5:
        axes.set_xscale("log")
    axes.tick_params(axis="x", which="both", labelsize=7, labelrotation=30)
    axes.set_xlabel(key, fontsize=8)
    axes.legend(fontsize=8)


app = typer.Typer(add_completion=False, help=__doc__.splitlines()[0])
Storage = Annotated[str, typer.Option(help="Database address, or journal:PATH.")]
Study = Annotated[str, typer.Option(help="Name of the study.")]


@app.command("run")
def run_command(
    shards: Annotated[Path, typer.Argument(help="Folder of shards.")],
    out: Annotated[Path, typer.Argument(help="Folder of the trials' files.")],
    storage: Storage,
    study: Study = "sweep",
    trials: Annotated[int, typer.Option(help="Number of trials of all workers together.")] = 20,
    space: Annotated[Path, typer.Option(help="Parameters and their ranges.")] = HERE / "space.yaml",
    settings: Annotated[list[str], typer.Option("--set", help="KEY=VALUE of every trial.")] = [],  # noqa: B006
    seed: Annotated[
        int | None, typer.Option(help="Seed of the choices; another in each worker.")
    ] = None,
    grace: Annotated[int, typer.Option(help="Seconds until a silent worker is dead.")] = GRACE,
) -> None:
    """Be one worker: try values until all trials are done."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    chosen = YAML(typ="safe", pure=True).load(space.read_text("utf-8"))
    opened = optuna.create_study(
        study_name=study,
        storage=storage_at(storage, heartbeat=min(HEARTBEAT, max(1, grace // 3)), grace=grace),
        direction="maximize",
        load_if_exists=True,
        sampler=optuna.samplers.TPESampler(seed=seed, n_startup_trials=STARTUP, constant_liar=True),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=STARTUP, n_warmup_steps=WARMUP),
    )
    found = [each.name for each in opened.directions]
    if found != ["MAXIMIZE"]:  # Optuna keeps an existing study's own, whatever it is asked for
        raise ObjlocError(f"study {study}: expected one to MAXIMIZE; found {', '.join(found)}")
    ended = (TrialState.COMPLETE, TrialState.PRUNED)
    work = partial(objective, shards=shards, out=out, space=chosen, settings=settings)
    while len(opened.get_trials(deepcopy=False, states=ended)) < trials:
        under_way = opened.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        done = opened.get_trials(deepcopy=False, states=ended)
        waiting = opened.get_trials(deepcopy=False, states=(TrialState.WAITING,))
        if not waiting and len(done) + len(under_way) >= trials:
            # Others are at the last trials; if one of them dies, its trial comes back.
            optuna.storages.fail_stale_trials(opened)
            time.sleep(POLL_SECONDS)
            continue
        opened.optimize(work, n_trials=1, callbacks=[_say])


def _say(_study: optuna.Study, trial: FrozenTrial) -> None:
    value = "" if trial.value is None else f" with {trial.value:.3f} on val"
    print(f"trial {trial.number}: {trial.state.name.lower()}{value}", flush=True)


@app.command("plot")
def plot_command(
    path: Annotated[Path, typer.Argument(help="Picture to write.")],
    storage: Storage,
    study: Study = "sweep",
) -> None:
    """Draw a picture that compares the trials."""
    plot(optuna.load_study(study_name=study, storage=storage_at(storage)), path)


if __name__ == "__main__":
    # Heartbeats are experimental since 2021, and 4.9 has another name for their callback.
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    warnings.simplefilter("ignore", FutureWarning)
    try:
        app(standalone_mode=False)
    except ObjlocError as error:
        sys.exit(f"error: {error}")
    except typer.Abort:
        sys.exit(130)
