"""What objloc reads of an export, by its public commands."""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.annotation_tools.comparison import (
    EXACT,
    differences,
    is_of,
    matched,
    most_frequent,
)
from benchmarks.annotation_tools.rows import Reading
from benchmarks.annotation_tools.scripts.known import Box, Picture
from benchmarks.running import ROOT
from objloc.data.voc.devkit import open_devkit
from objloc.errors import ObjlocError

_OBJLOC = "import sys; from objloc.cli import main; sys.argv[0] = 'objloc'; main()"
_UNTOLD = ("few", "empty", "sets")
"""Kinds of findings that any folder of eight pictures has."""

ReadObject = tuple[str, Box, bool]
"""Category, box, and whether the object is difficult."""


def stage(
    name: str, *arguments: str | Path, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run ``python -m stages.NAME``, with more variables of the environment."""
    return _run("-m", f"stages.{name}", *arguments, **environment)


def objloc(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the command ``objloc``."""
    return _run("-c", _OBJLOC, *arguments)


def error_of(done: subprocess.CompletedProcess[str]) -> str | None:
    """First error that a command printed, or its last line; None if it passed."""
    if done.returncode == 0:
        return None
    lines = [line for line in f"{done.stdout}\n{done.stderr}".splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("error")]
    line = next(iter(errors or lines[-1:]), f"exit status {done.returncode}")
    return " ".join(line.removeprefix("error:").split())


def download(
    folder: Path, devkit: Path, settings: Sequence[str] = ()
) -> subprocess.CompletedProcess[str]:
    """Run the stage ``download`` on a folder of one's own."""
    chosen = ("dataset.name=folder", f"dataset.path={json.dumps(str(folder))}", *settings)
    options = [part for each in chosen for part in ("--set", each)]
    return stage("download", "data/manifest.json", devkit, *options)


def read(export: Path, pictures: Sequence[Picture], devkit: Path) -> Reading:
    """Read an export of known pictures; once more if the error names a parameter for it.

    Args:
        export: the export.
        pictures: known pictures.
        devkit: folder that ``download`` writes.
    """
    found = _read(export, pictures, devkit, ())
    remedy = remedy_of(found.error or "")
    again = _read(export, pictures, devkit, (remedy,)) if remedy else found
    return found if again.error else again


def remedy_of(error: str) -> str | None:
    """Parameter that an error names as its remedy, ``KEY=VALUE``; None if it names none."""
    if stated := re.search(r"dataset\.boxes=\w+(?= reads it)", error):
        return stated[0]
    return "dataset.unannotated=empty" if "(dataset.unannotated says" in error else None


def _read(
    export: Path, pictures: Sequence[Picture], devkit: Path, settings: tuple[str, ...]
) -> Reading:
    report = _report(export, settings)
    shutil.rmtree(devkit, ignore_errors=True)
    done = download(export, devkit, settings)
    error = error_of(done)
    found: dict[str, list[ReadObject]] = {}
    if error is None:
        try:
            found = read_devkit(devkit, export)
        except ObjlocError as unread:
            error = f"the devkit that download wrote: {unread}"
    shifts = []
    for picture in pictures:
        known = [(each.category, each.box) for each in picture.objects]
        objects = [row for name, rows in found.items() if is_of(name, picture) for row in rows]
        boxes = matched(known, [(category, box) for category, box, _ in objects])
        shifts += [
            differences(box, other)
            for (_, box), other in zip(known, boxes, strict=True)
            if other is not None
        ]
    return Reading(
        passed=report["passed"],
        convention=(report.get("convention") or {}).get("name"),
        findings=tuple(
            f"{each['severity']} {each['kind']}: {each['place']}: {_short(each['message'], export)}"
            for each in report["findings"]
            if each["kind"] not in _UNTOLD
        ),
        error=_short(error, export) if error else None,
        notes=tuple(
            _short(line, export)
            for line in done.stderr.splitlines()
            if error is None and line.startswith(("note", "warning"))
        ),
        pictures=sum(any(is_of(name, each) for name in found) for each in pictures),
        boxes=len(shifts),
        extra=sum(map(len, found.values())) - len(shifts),
        exact=sum(max(map(abs, each)) <= EXACT for each in shifts),
        shift=most_frequent(shifts),
        largest=max((max(map(abs, each)) for each in shifts), default=None),
        difficult=sum(difficult for rows in found.values() for _, _, difficult in rows),
        settings=settings,
    )


def _report(export: Path, settings: Sequence[str]) -> dict[str, Any]:
    """Report of ``objloc data check``; one of a single error if there is none."""
    options = [f"--{each.removeprefix('dataset.')}" for each in settings]
    checked = objloc("data", "check", export, "--json", *options)
    try:
        report: dict[str, Any] = json.loads(checked.stdout)
    except ValueError:
        report = {"findings": [_finding(_short(error_of(checked) or "no report", export))]}
    return report | {"passed": checked.returncode == 0}


def read_devkit(folder: Path, source: Path) -> dict[str, list[ReadObject]]:
    """Categories, boxes and the flag difficult of a devkit, as training reads it.

    Args:
        folder: folder that ``download`` wrote.
        source: folder that it read.

    Returns:
        Rows by the file of each image within ``source``.
    """
    files: dict[str, str] = {}
    for path in folder.rglob("files.csv"):
        with path.open(encoding="utf-8", newline="") as file:
            files |= {row["image_id"]: row["file"] for row in csv.DictReader(file)}
    devkit = open_devkit(folder)
    unknown = [name for name in files.values() if not (source / name).is_file()]
    if unknown:
        raise ValueError(f"expected files of {source}; found {unknown[0]}")
    return {
        files[image_id]: [
            (each.category, each.box, each.difficult) for each in devkit.read(image_id).objects
        ]
        for image_id in devkit.image_ids
    }


def _short(message: str, export: Path) -> str:
    """Leave the places of this run out of a message."""
    message = message.replace(f"{export}: ", "").replace(f"{export}/", "")
    return re.sub(r"\btmp\w{8}\b", "tmp", message.replace(str(export), "it"))


def _finding(message: str) -> dict[str, str]:
    return {"severity": "error", "kind": "layout", "place": "", "message": message}


def _run(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    ours = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, *map(str, arguments)], cwd=ROOT, env=os.environ | ours | environment,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
