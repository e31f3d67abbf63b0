"""How fast this build is on the processor: each figure beside its goal and its floor.

``python -m benchmarks.speed`` runs the default pipeline in a clone of the last commit, times its
stages, and then updates, steps of environments, memory and the start of commands, all of this
build alone. With ``--photographs FOLDER``, which holds shards and an agent, it also times an
evaluation of photographs. It writes ``benchmarks/results/speed.json``. The machine should do
nothing else. Comparisons with earlier builds are those of ``startup``, ``updates``, ``search``.

A floor is the least that the work could take: its products and convolutions at the peak of this
machine, measured in the same run, or a program that does nothing but load what is needed.
"""

import json
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from benchmarks import startup
from benchmarks.markdown import table
from benchmarks.running import ROOT, Machine, run_stages, write_run
from benchmarks.threads import operations_of_an_update, training_on_noise
from benchmarks.updates import AGENTS, peak_of_products, seconds_of_updates
from objloc.errors import ObjlocError
from objloc.evaluation.read import read_metrics
from objloc.files import write_json
from objloc.network.device import use_one_thread
from objloc.params import load_params

NAME = "speed"
_REPLAYED = ("scenes", "pretrained", "scratch", "dqn2018")
_TIMES = 5


class Row(NamedTuple):
    """A figure.

    Attributes:
        what: what is measured.
        now: the figure.
        unit: its unit.
        goal: what it should be at most, or at least if ``more_is_better``; None: no goal.
        floor: the least that it could be, or the most; None: not known.
        bound: what bounds it, in words.
        more_is_better: whether a larger figure is better.
    """

    what: str
    now: float
    unit: str
    goal: float | None = None
    floor: float | None = None
    bound: str = ""
    more_is_better: bool = False


def speed_table(result: Mapping[str, Any]) -> str:
    """Table of all figures."""
    rows = []
    for each in chain.from_iterable(result["parts"].values()):
        row = Row(**each)
        sign = "≥" if row.more_is_better else "≤"
        goal = "" if row.goal is None else f"{sign} {_number(row.goal)} {row.unit}"
        floor = "" if row.floor is None else f"{_number(row.floor)} {row.unit}"
        rows.append([row.what, f"**{_number(row.now)} {row.unit}**", goal, floor, row.bound])
    return table(("", "now", "goal", "floor", "the floor is"), rows)


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 20 else f"{value:.2g}"


def pipeline(peak: float) -> Iterator[Row]:
    """Run the default pipeline in a clone; seconds in all, and of each stage."""
    with tempfile.TemporaryDirectory() as name:
        clone = Path(name) / "objloc"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        (clone / ".venv").symlink_to(ROOT / ".venv")
        seconds = seconds_by_stage(clone)
    agent = load_params(ROOT / "params.yaml").agents["scenes"]
    gflop = operations_of_an_update("scenes") * (agent.schedule.max_updates or 0)
    floor = gflop / peak
    yield Row(
        "`make run` after set-up", sum(seconds.values()), "s", 240, floor,
        "the products of training at the peak",
    )  # fmt: skip
    for stage, spent in seconds.items():
        if stage != "train":
            yield Row(f"its stage `{stage}`", spent, "s")
        else:
            yield Row(f"its stage `{stage}`", spent, "s", None, floor, "its products at the peak")


def seconds_by_stage(clone: Path) -> dict[str, float]:
    """Run ``dvc repro``; seconds from each stage's first line to that of the next.

    Raises:
        ObjlocError: it failed; the message has its last lines.
    """
    path = f"{clone / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}"
    running = subprocess.Popen(
        ["dvc", "repro", "--force"], cwd=clone, env={**os.environ, "PATH": path},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    begun: list[tuple[str, float]] = []
    told: list[str] = []
    assert running.stdout is not None  # noqa: S101  # for the type checker: it is a pipe
    for line in running.stdout:
        told.append(line)
        if line.startswith("Running stage '"):
            begun.append((line.split("'")[1], time.monotonic()))
    if running.wait():
        raise ObjlocError(f"dvc repro: status {running.returncode}: {''.join(told[-20:])}")
    ends = [*(at for _, at in begun[1:]), time.monotonic()]
    return {stage: end - at for (stage, at), end in zip(begun, ends, strict=True)}


def updates(peak: float) -> Iterator[Row]:
    """Milliseconds of an update, and its arithmetic beside the peak."""
    for name in AGENTS:
        seconds = statistics.median(seconds_of_updates(ROOT, name) for _ in range(3))
        gflop = operations_of_an_update(name)
        yield Row(
            f"update of `{name}`, 20 categories", 1e3 * seconds, "ms", None, 1e3 * gflop / peak,
            f"{gflop:.1f} GFLOP of products at the peak",
        )  # fmt: skip
        yield Row(
            f"its arithmetic, of the peak of {peak:.0f} GFLOP/s", 100 * gflop / seconds / peak,
            "%", 60, 100, "float32; bfloat16 may exceed it", more_is_better=True,
        )  # fmt: skip


def replay() -> Iterator[Row]:
    """Bytes of a stored transition."""
    for name in _REPLAYED:
        training = training_on_noise(name, ("replay.init_size=90000",))
        steps = training.run()
        next(steps)
        memory = training.state_dict()["memory"]
        number = len(memory["image"])
        held = sum(
            each.nbytes for each in memory.values() if len(each.shape) and len(each) >= number
        )
        yield Row(f"transition of `{name}` in the replay memory", held / number, "bytes", 128)


def environments() -> Iterator[Row]:
    """Microseconds of a step of the Gymnasium environment, alone and in a vector."""
    import gymnasium

    use_one_thread()
    name = "objloc.gym:objloc/Localisation-v0"
    one = gymnasium.make(name, categories=["cat", "dog"])
    several = gymnasium.make_vec(name, num_envs=8, categories=["cat", "dog"])
    for each, slots, what, goal in (
        (one, 1, "step of a Gymnasium environment", 200),
        (several, 8, "step of a slot in a Gymnasium vector of 8", 60),
    ):
        each.reset(seed=0)

        def step(each: Any = each, slots: int = slots) -> None:
            *_, terminated, truncated, _info = each.step(each.action_space.sample())
            if slots == 1 and (terminated or truncated):
                each.reset()

        yield Row(what, 1e6 * _least_seconds(step, 200) / slots, "µs", goal)


def _least_seconds(work: Callable[[], None], calls: int) -> float:
    """Least processor seconds of a call, over several rounds."""
    rounds = []
    for _ in range(_TIMES + 1):
        began = time.process_time()
        for _ in range(calls):
            work()
        rounds.append((time.process_time() - began) / calls)
    return min(rounds[1:])


def starts() -> Iterator[Row]:
    """Seconds until commands are done that start something small."""
    for what, command, goal, floor in (
        ("`objloc predict PHOTO`", startup.WORK["`objloc predict PHOTO`"], None, "`import torch`"),
        ("`objloc --help`", startup.GENERAL_HELP, 0.4, "Python alone"),
        ("`dvc repro`, nothing to do", startup.WORK["`dvc repro`, nothing to do"], 2.0,
         "`import dvc.repo`"),
    ):  # fmt: skip
        now, least = (_median_wall(each) for each in (command, startup.FLOORS[floor]))
        yield Row(what, now, "s", goal, least, floor)


def _median_wall(command: Sequence[str]) -> float:
    return statistics.median(startup.seconds(ROOT, command)["wall"] for _ in range(_TIMES))


def photographs(folder: Path, images: int) -> Iterator[Row]:
    """Photographs evaluated in a second, the mean average precision beside it.

    The backbone looks at the images in the same command: no features are stored. torchrun starts
    a process for each core. What is timed is the command, from its start to its end, without what
    it takes for a few images.

    Args:
        folder: with ``shards``, and ``checkpoint.pt`` of the pretrained agent.
        images: number of images of ``test`` that are evaluated, its first.
    """
    seconds: dict[int, float] = {}
    few = 8
    for number in (few, images):
        settings = [
            "evaluate.image_sets=[test]", f"evaluate.first_images={number}",
            "evaluate.max_windows=100", "evaluate.episodes=1", "evaluate.max_images=1",
            "evaluate.search.soft_nms=0.3", "evaluate.search.first_starts=1",
        ]  # fmt: skip
        with tempfile.TemporaryDirectory() as name:
            out = Path(name) / "evaluated"
            arguments = [folder / "shards", folder / "checkpoint.pt", out]
            began = time.monotonic()
            run_stages([("evaluate", arguments, out)], settings, os.cpu_count() or 1)
            seconds[number] = time.monotonic() - began
            search = read_metrics(out / "metrics.json")["test"].search
    if search is None:
        raise ValueError("expected an evaluation with evaluate.max_windows; found one without")
    reached = 100 * (search.curve[-1].ap_attended or 0)
    yield Row(
        f"photographs evaluated, 20 categories, 100 looks, encoding included: mAP {reached:.1f}",
        (images - few) / (seconds[images] - seconds[few]), "images/s", 15, more_is_better=True,
    )  # fmt: skip


def main(
    photographs_in: Annotated[
        Path | None, typer.Option("--photographs", help="Folder of shards and checkpoint.pt.")
    ] = None,
    images: Annotated[int, typer.Option(help="Number of photographs evaluated.")] = 1000,
    only: Annotated[list[str], typer.Option(help="Parts measured anew; all if none.")] = [],  # noqa: B006  # typer copies it
    machine: Machine = "",
    output: Annotated[Path, typer.Option(help="File to write.")] = ROOT
    / f"benchmarks/results/{NAME}.json",
) -> None:
    """Measure, write and print; parts that are not measured stay as they were."""
    peak = peak_of_products()
    parts: dict[str, Iterator[Row]] = {
        "pipeline": pipeline(peak),
        "updates": updates(peak),
        "replay": replay(),
        "environments": environments(),
        "starts": starts(),
    }
    if photographs_in is not None:
        parts["photographs"] = photographs(photographs_in, images)
    result = json.loads(output.read_text("utf-8")) if output.exists() else {"parts": {}}
    for name, rows in parts.items():
        if only and name not in only:
            continue
        result["parts"][name] = []
        for row in rows:
            result["parts"][name].append(row._asdict())
            print(f"{row.what}: {_number(row.now)} {row.unit}", flush=True)
        write_json(output, result)
    write_run(output, "python -m benchmarks.speed --photographs FOLDER", machine)
    print(speed_table(result))


if __name__ == "__main__":
    typer.run(main)
