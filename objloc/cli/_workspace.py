"""State of a workspace for ``objloc doctor``: store, champion, locks, leftovers, cache."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from objloc.errors import ObjlocError
from objloc.files import file_hash


@dataclass(frozen=True)
class Finding:
    """The result of one check.

    Attributes:
        what: name of the check.
        found: result in a few words.
        missing: whether something that a usual command needs is not there.
        remedy: command that provides it.
    """

    what: str
    found: str
    missing: bool = False
    remedy: str = ""


def checked(what: str, look: Callable[[], str], remedy: str = "make run") -> Finding:
    """The result of a check, or why it failed."""
    try:
        return Finding(what, look())
    except ObjlocError as error:
        return Finding(what, str(error), missing=True, remedy=remedy)


def store() -> str:
    """The store of runs, whatever its size; nothing is created.

    Raises:
        ObjlocError: there is none, it is half-made, damaged or cannot be reached.
    """
    from objloc.tracking.store import describe_store

    return describe_store()


def unfinished_runs(root: Path) -> Iterator[Finding]:
    """Runs whose end MLflow does not know yet."""
    folder = root / ".objloc" / "runs"
    kept = len(list(folder.glob("*.json")))
    if kept:
        yield Finding(
            "ends of runs", f"{kept} kept in {folder} until MLflow is back", remedy="a training"
        )
    damaged = list(folder.glob("*.damaged"))
    if damaged:
        yield Finding("ends of runs", f"{len(damaged)} damaged", remedy=f"rm {folder}/*.damaged")


def locks(root: Path) -> Finding:
    """DVC's files that a kill can leave cut; DVC then refuses every command."""
    for path, remedy in ((damaged_lock(root), "rm"), (damaged_record(root), "git checkout --")):
        if path is not None:
            found = f"{path}: damaged by a kill; DVC refuses to run"
            return Finding("DVC's locks", found, True, f"{remedy} {path}")
    return Finding("DVC's locks", "in order")


def damaged_lock(root: Path) -> Path | None:
    """DVC's list of who reads and writes what, if it is damaged."""
    path = root / ".dvc" / "tmp" / "rwlock"
    try:
        return None if isinstance(json.loads(path.read_text("utf-8")), dict) else path
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        return path


def damaged_record(root: Path) -> Path | None:
    """``dvc.lock``, if it is damaged."""
    path = root / "dvc.lock"
    try:
        return None if is_record(path.read_text("utf-8")) else path
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        return path


def is_record(text: str) -> bool:
    """Whether DVC takes a text for a ``dvc.lock``."""
    from dvc.schema import COMPILED_LOCKFILE_SCHEMA
    from voluptuous import Invalid

    try:
        COMPILED_LOCKFILE_SCHEMA(YAML(typ="safe", pure=True).load(text))
    except (Invalid, YAMLError):
        return False
    return True


def leftovers(root: Path) -> Finding:
    """Remains of killed processes: hidden folders of stages, stores that were put aside."""
    found = [
        *(path for path in root.glob("data/.*") if path.is_dir()),
        *root.glob(".results.*"),
        *root.glob("mlflow.db.*"),
    ]
    if not found:
        return Finding("leftovers", "none")
    files = [each for path in found for each in (path, *path.rglob("*")) if each.is_file()]
    size = sum(path.stat().st_size for path in files) / 2**20
    names = " ".join(str(path) for path in sorted(found))
    return Finding(
        "leftovers", f"{len(found)} of killed processes, {size:.1f} MiB", remedy=f"rm -r {names}"
    )


def cache(root: Path) -> Finding:
    """DVC's cache, read whole: each file is named by the hash of its content."""
    asked = subprocess.run(
        [sys.executable, "-m", "dvc", "cache", "dir"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    if asked.returncode:
        return Finding("DVC's cache", "none: no repository of DVC")
    folder = Path(asked.stdout.strip()) / "files" / "md5"
    objects = [path for path in sorted(folder.glob("??/*")) if path.is_file()]
    damaged = [
        path
        for path in objects
        if file_hash(path, "md5") != path.parent.name + path.name.removesuffix(".dir")
    ]
    if not damaged:
        return Finding("DVC's cache", f"{folder}: {len(objects)} files, all whole")
    names = " ".join(map(str, damaged))
    return Finding(
        "DVC's cache",
        f"{folder}: {len(damaged)} of {len(objects)} files damaged",
        True,
        f"rm -f {names} && dvc repro",
    )
