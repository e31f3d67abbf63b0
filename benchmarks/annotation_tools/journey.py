"""The way of a new user: an export of drawn pictures, checked, trained on and measured."""

import json
from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess

from benchmarks.annotation_tools import reading
from benchmarks.annotation_tools.rows import Journey

_TINY = (
    "mdp.max_steps=5",
    "encoder.image_size=32",
    "encoder.widths=[4,8]",
    "encoder.pool=2",
    "encoder.cell_width=4",
    "head.hidden=[8]",
    "learning.image_size=null",
    "learning.images_per_batch=4",
    "learning.windows_per_image=2",
    "schedule.max_updates=20",
    "schedule.evaluations=2",
)
SETTINGS = (
    "shard.split=seeded",
    *(f"agents.scenes.{each}" for each in _TINY),
    "evaluate.episodes=2",
)
"""Departures from ``params.yaml``: an agent so small that it trains in seconds."""
PICTURES = 60


def travel(name: str, export: Path, folder: Path) -> Journey:
    """Go from an export to figures until a step fails.

    Args:
        name: name of the export.
        export: export of pictures enough for three image sets.
        folder: folder for what the steps write.
    """
    passed: list[str] = []
    for step, done in _steps(export, folder):
        if error := reading.error_of(done):
            return Journey(name=name, steps=tuple(passed), error=f"{step}: {error}")
        passed.append(step)
    return Journey(name=name, steps=tuple(passed), error=None)


def _steps(export: Path, folder: Path) -> Iterator[tuple[str, CompletedProcess[str]]]:
    devkit, shards, train, evaluate = (
        folder / name for name in ("devkit", "shards", "train", "evaluate")
    )
    chosen = [
        part
        for each in (*SETTINGS, "dataset.name=folder", f"dataset.path={json.dumps(str(export))}")
        for part in ("--set", each)
    ]
    # The store of the project stays as it is.
    tracking = {"MLFLOW_TRACKING_URI": f"sqlite:///{folder / 'mlflow.db'}"}
    yield "check", reading.objloc("data", "check", export)
    yield "download", reading.download(export, devkit)
    for step, arguments in (
        ("shard", (devkit, shards)),
        ("train", (shards, train)),
        ("evaluate", (shards, train / "checkpoint.pt", evaluate)),
    ):
        yield step, reading.stage(step, *arguments, *chosen, **tracking)
    yield "results", reading.objloc("results", folder, "--output", folder / "results")
