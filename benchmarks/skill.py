"""Time to skill: the default agent beside other loops of deep Q-learning on the same searches.

``python -m benchmarks.skill SHARDS`` trains each learner on the images of ``train`` until it
succeeds in .15 more of the searches on ``val`` than the best fixed box, or its time is over, and
writes ``benchmarks/results/skill.json``. Time is that of processors, all threads added, so that
other programs hardly change it; measuring is not counted. Stable-Baselines3's DQN and a loop of
the kind of CleanRL learn on the project's Gymnasium environment, with one step of one
environment after another. The loop of 2018 is the agent ``dqn2018`` with one environment and an
update of 32 transitions for each step.
"""

import json
import subprocess
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.markdown import table
from benchmarks.running import ROOT, write_run
from benchmarks.skill_learners import LEARNERS, default_agent, store_of, validator_of
from objloc.files import write_json
from objloc.network.device import use_one_thread

NAME = "skill"
ABOVE = 0.15
"""Success beyond the best fixed box's that counts as skill."""


def skill_table(result: Mapping[str, Any]) -> str:
    """Table of the minutes to skill, and how far those came that did not reach it."""
    minutes = {name: row["minutes"] for name, row in result["rows"].items()}
    first = minutes.get("scenes")
    rows = []
    for name, row in result["rows"].items():
        reached = row["minutes"] is not None
        last = row["curve"][-1]
        spent = row["minutes"] if reached else last["minutes"]
        factor = f"{'' if reached else 'more than '}{spent / first:.0f}" if first else ""
        rows.append(
            [
                LEARNERS[name][0],
                f"{spent:.1f}" if reached else f"more than {spent:.1f}",
                "1" if name == "scenes" else factor,
                f"{max(each['success'] for each in row['curve']):.2f}",
                f"{last['steps']:,}",
            ]
        )
    return table(
        ("learner", "minutes of a core to skill", "times ours", "highest success", "steps"), rows
    )


def learn(name: str, shards: Path, minutes: float, every: float) -> dict[str, Any]:
    """Train one learner in this process until it has the skill or its time is over.

    Args:
        name: entry of ``LEARNERS``.
        shards: folder of shards.
        minutes: time limit, of processors.
        every: first time between two measurements, in minutes; later ones grow with time.

    Returns:
        ``minutes`` to skill, None if it was not reached; ``curve``: minutes, steps and success.
    """
    use_one_thread()
    agent = default_agent()
    fixed = validator_of(
        {each: store_of(shards, each, agent) for each in ("train", "val")}, agent
    ).fixed_box
    curve: list[dict[str, float]] = []
    spent, since, due = 0.0, time.process_time(), every
    for steps, success in LEARNERS[name][1](shards):
        now = spent + (time.process_time() - since) / 60
        if now < min(due, minutes):
            continue
        found = success()
        curve.append({"minutes": round(now, 3), "steps": steps, "success": round(found, 4)})
        print(f"{name}: {now:.2f} min, {steps} steps, success {found:.3f}", file=sys.stderr)
        if found >= fixed + ABOVE:
            return {"fixed_box": fixed, "minutes": round(now, 3), "curve": curve}
        if now >= minutes:
            return {"fixed_box": fixed, "minutes": None, "curve": curve}
        spent, since, due = now, time.process_time(), now + max(every, now / 8)
    return {"fixed_box": fixed, "minutes": None, "curve": curve}


def main(
    shards: Annotated[Path, typer.Argument(help="Folder of shards.")],
    minutes: Annotated[float, typer.Option(help="Time limit of each learner.")] = 30,
    every: Annotated[float, typer.Option(help="Minutes between measurements.")] = 0.1,
    only: Annotated[str | None, typer.Option(help="One learner; print its figures.")] = None,
    at_once: Annotated[int, typer.Option(help="Number of learners side by side.")] = 1,
    output: Annotated[Path, typer.Option(help="File to write.")] = ROOT
    / f"benchmarks/results/{NAME}.json",
) -> None:
    """Measure, write and print."""
    if only is not None:
        print(json.dumps(learn(only, shards.resolve(), minutes, every)))
        return

    def measured(name: str) -> dict[str, Any]:
        options = ["--minutes", str(minutes), "--every", str(every), "--only", name]
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.skill", str(shards.resolve()), *options],
            cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True,
        )  # fmt: skip
        row: dict[str, Any] = json.loads(done.stdout)
        return row

    rows = {}
    with ThreadPoolExecutor(at_once) as several:
        for name, row in zip(LEARNERS, several.map(measured, LEARNERS), strict=True):
            rows[name] = row
            write_json(output, {"limit": minutes, "above": ABOVE, "rows": rows})
    times = f"--minutes {minutes:g} --every {every:g} --at-once {at_once}"
    write_run(output, f"python -m benchmarks.skill SHARDS {times}", seed=0)
    print(skill_table({"rows": rows}))


if __name__ == "__main__":
    typer.run(main)
