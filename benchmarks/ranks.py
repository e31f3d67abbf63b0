"""Speed of training, encoding and evaluation by two processes, against one.

``python -m benchmarks.ranks SHARDS CHECKPOINT`` runs each kind of work by one process with one
thread and by two such processes that torchrun starts, in turn, and writes
``benchmarks/results/ranks.json``. Each process has a core of its own. What is timed is the work
itself, not the start of the processes. Training is that of the default agent on random pictures.
Two processes that do the whole work each, at the same time, show what the machine has for two.
A run that was stopped goes on with ``--resume``.
"""

import json
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from benchmarks.markdown import table
from benchmarks.running import ROOT, Machine, write_run
from objloc.command import mistakes_reported
from objloc.errors import ObjlocError
from objloc.files import write_json

if TYPE_CHECKING:
    from objloc.ranks.group import Ranks

NAME = "ranks"
LABELS = {
    "training": "training, windows learned",
    "encoding": "encoding, images",
    "evaluation": "evaluation, searches",
}
UNTIMED, UPDATES = 3, 20
"""Updates before the clock starts, and after."""


def ranks_table(result: Mapping[str, Any]) -> str:
    """Table of the speeds of one process and of two."""
    rows = []
    for name, label in LABELS.items():
        if (turns := result["turns"].get(name)) is None:
            continue
        one, two, beside = ([turn[kind] for turn in turns] for kind in ("one", "two", "beside"))
        ratios = [after / before for before, after in zip(one, two, strict=True)]
        most = [after / before for before, after in zip(one, beside, strict=True)]
        rows.append(
            [
                label,
                f"{statistics.median(one):.1f}",
                f"{statistics.median(two):.1f}",
                f"**{statistics.median(ratios):.2f}** ({min(ratios):.2f} to {max(ratios):.2f})",
                f"{statistics.median(most):.2f}",
            ]
        )
    heads = (
        "work", "one process, /s", "two, /s", "times as fast", "two that tell each other nothing",
    )  # fmt: skip
    return table(heads, rows)


def train(ranks: "Ranks", _shards: Path, _checkpoint: Path) -> Iterator[float]:
    """Begin, and tell how many windows were learned."""
    from benchmarks.threads import training_on_noise
    from objloc.params import load_params

    learning = load_params(ROOT / "params.yaml").agents["scenes"].learning
    training = training_on_noise("scenes", ranks=ranks)
    ticks = training.run()
    while training.learner.updates < UNTIMED:
        next(ticks)
    yield 0.0
    while training.learner.updates < UNTIMED + UPDATES:
        next(ticks)
    yield UPDATES * learning.images_per_batch * learning.windows_per_image


def encode(ranks: "Ranks", shards: Path, _checkpoint: Path) -> Iterator[float]:
    """Begin, and tell how many images were encoded."""
    import torch

    from objloc.network.feature_store import read_feature_index
    from objloc.network.write_features import encode_sets
    from objloc.params import load_params

    params = load_params(ROOT / "params.yaml")
    encoder, batch = params.agents["pretrained"].encoder, params.encode.batch
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        yield 0.0
        sets, cpu = ("val", "test"), torch.device("cpu")
        for _ in encode_sets(shards, folder, sets, (), encoder, batch, cpu, ranks):
            pass
        yield read_feature_index(folder).images if ranks.first else 0


def evaluate(ranks: "Ranks", shards: Path, checkpoint: Path) -> Iterator[float]:
    """Begin, and tell how many greedy and stochastic searches were made."""
    import torch

    from objloc.evaluation.measure import measure_sets
    from objloc.network.checkpoint import load_checkpoint
    from objloc.params import load_params

    params = load_params(ROOT / "params.yaml").evaluate
    loaded = load_checkpoint(checkpoint, torch.device("cpu"))
    yield 0.0
    done = measure_sets(shards, loaded, params, "train", lambda _: None, ranks=ranks)
    yield sum(len(each.sampled) + len(each.greedy) for each in done)


WORK = {"training": train, "encoding": encode, "evaluation": evaluate}


def child(name: str, shards: Path, checkpoint: Path) -> None:
    """Do the work as one of the processes, on a core of its own; the first prints its speed."""
    from objloc.ranks.launch import rank_on_this_machine

    core = sorted(os.sched_getaffinity(0))[rank_on_this_machine()[0]]
    os.sched_setaffinity(0, {core})

    from objloc.network.device import device_of
    from objloc.ranks.group import joined_ranks

    with joined_ranks(device_of("cpu")) as ranks:
        work = WORK[name](ranks, shards, checkpoint)
        next(work)
        ranks.any(False)  # All begin together.
        began = time.perf_counter()
        done = next(work)
        ranks.any(False)
        seconds = time.perf_counter() - began
        if ranks.first:
            print(json.dumps(done / seconds))


def _speeds(name: str, arguments: Sequence[str]) -> dict[str, float]:
    """Speeds of one process, of two together, and of two that do the whole work each."""
    module = ["-m", "benchmarks.ranks", *arguments, "--child", name]
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    python = sys.executable
    return {
        "one": _sum([[python, *module]]),
        "two": _sum([[python, *torchrun, *module]]),
        "beside": _sum([["taskset", "-c", core, python, *module] for core in ("0", "1")]),
    }


def _sum(commands: Sequence[Sequence[str]]) -> float:
    """Run commands at the same time; the sum of the speeds that they print.

    Raises:
        ObjlocError: one failed; it has printed the reason.
    """
    running = [
        subprocess.Popen(
            command,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            cwd=ROOT, stdout=subprocess.PIPE, text=True,
        )
        for command in commands
    ]  # fmt: skip
    speeds = [each.communicate()[0] for each in running]
    for command, each in zip(commands, running, strict=True):
        if each.returncode:
            raise ObjlocError(
                f"{shlex.join(command)}: expected a speed; found status {each.returncode}"
            )
    return sum(map(float, speeds))


def main(
    shards: Annotated[Path, typer.Argument(help="Shards of the drawn scenes.")],
    checkpoint: Annotated[Path, typer.Argument(help="The default agent.")],
    turns: Annotated[int, typer.Option(help="Turns of each kind of work.")] = 3,
    only: Annotated[list[str], typer.Option(help="Kinds of work; all if none.")] = [],  # noqa: B006  # typer copies it
    resume: Annotated[
        bool, typer.Option("--resume", help="Keep the turns measured; add those that lack.")
    ] = False,
    machine: Machine = "",
    output: Annotated[Path, typer.Option(help="File to write.")] = ROOT
    / f"benchmarks/results/{NAME}.json",
    child_of: Annotated[str, typer.Option("--child", hidden=True)] = "",
) -> None:
    """Measure kinds of work in turn, and write them in the place of their earlier figures."""
    if child_of:
        with mistakes_reported():
            child(child_of, shards, checkpoint)
        return
    result = json.loads(output.read_text("utf-8")) if output.exists() else {"turns": {}}
    kinds = only or list(WORK)
    if not resume:
        result["turns"] = {
            name: done for name, done in result["turns"].items() if name not in kinds
        }
    for number in range(turns):
        for name in kinds:
            done = result["turns"].setdefault(name, [])
            if len(done) > number:
                continue
            with mistakes_reported():
                done.append(_speeds(name, [str(shards), str(checkpoint)]))
            write_json(output, result)
    write_run(output, "python -m benchmarks.ranks data/shards data/train/checkpoint.pt", machine)
    print(ranks_table(result))


if __name__ == "__main__":
    typer.run(main)
