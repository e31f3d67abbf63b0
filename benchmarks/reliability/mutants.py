"""Mutants of the modules that every figure rests on, and how many the tests notice.

A mutant is the program with one expression changed: ``<`` for ``<=``, another number, an
argument left out. mutmut makes and tries them in a copy of the repository, each against the
tests that call the changed function. It leaves constants outside of functions alone.

mutmut is installed in an environment of its own, which needs a package index.
"""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.reliability.table import Row
from benchmarks.running import ROOT

REQUIREMENT = "mutmut>=3.8,<4"
MODULES = (
    "box",
    "mdp/action",
    "mdp/reward",
    "mdp/success",
    "evaluation/average_precision",
    "evaluation/matching",
)
"""Modules of ``objloc``, each with the test file of its name."""
_COPIED = ("objloc", "stages", "tests", "params.yaml", "pyproject.toml")
_SECONDS = 30
"""Time that mutmut adds to that of a mutant's tests. It allows four times the sum."""
_KILLED = {1, 3}
_OVER_TIME = {-24, 24, 36, 152, 255}
"""Exit statuses of mutmut's workers; 0 is a mutant that survives, others are no verdict."""


def measure() -> list[Row]:
    """Try all mutants: some minutes on a quiet machine."""
    with TemporaryDirectory() as folder:
        tree = Path(folder) / "objloc"
        _copy(tree)
        _try_all(_python(Path(folder) / "environment"), tree)
        return [_row(tree, module) for module in MODULES]


def _copy(tree: Path) -> None:
    """Copy what git tracks, and say what to mutate and which tests to run."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", *_COPIED], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in listed.stdout.rstrip("\0").split("\0"):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, tree / name)
    settings: dict[str, tuple[str, ...]] = {
        "source_paths": ("objloc",),
        "only_mutate": tuple(f"objloc/{module}.py" for module in MODULES),
        "also_copy": ("stages", "params.yaml"),
        "pytest_add_cli_args": ("-p", "no:cacheprovider", "--hypothesis-profile=mutants"),
        "pytest_add_cli_args_test_selection": tuple(map(_test_of, MODULES)),
    }
    lines = ["[mutmut]", f"timeout_constant = {_SECONDS}", "timeout_multiplier = 4"]
    for key, values in settings.items():
        lines += [f"{key} =", *(f"    {value}" for value in values)]
    (tree / "setup.cfg").write_text("\n".join([*lines, ""]), encoding="utf-8")


def _test_of(module: str) -> str:
    """Path of a module's tests."""
    folder, _, name = module.rpartition("/")
    return "/".join(part for part in ("tests", folder, f"test_{name}.py") if part)


def _python(place: Path) -> str:
    """Python of an environment with mutmut and with this one's packages."""
    venv.create(place, with_pip=True)
    python = str(place / "bin" / "python")
    subprocess.run([python, "-m", "pip", "install", "--quiet", REQUIREMENT], check=True)
    own = Path(sysconfig.get_path("purelib", vars={"base": str(place)}))
    (own / "parent.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return python


def _try_all(python: str, tree: Path) -> None:
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    environment.pop("PYTHONPATH", None)  # else it is the original that is imported
    command = [python, "-m", "mutmut", "run", "--max-children", "1"]
    subprocess.run(command, cwd=tree, env=environment, stdout=sys.stderr, check=True)


def _row(tree: Path, module: str) -> Row:
    """Mutants of a module: noticed are those that fail a test or never end."""
    recorded = json.loads((tree / "mutants" / "objloc" / f"{module}.py.meta").read_text("utf-8"))
    statuses = Counter[int | None](recorded["exit_code_by_key"].values())
    killed = sum(statuses[status] for status in _KILLED)
    endless = sum(statuses[status] for status in _OVER_TIME)
    notes = [f"{endless} of them by their time" if endless else ""]
    notes += [f"{statuses[0]} survive" if statuses[0] else ""]
    rest = statuses.total() - killed - endless - statuses[0]
    notes += [f"{rest} without a verdict" if rest else ""]
    return {
        "what": f"mutants of `objloc/{module}.py`",
        "tried": statuses.total(),
        "held": killed + endless,
        "note": "; ".join(filter(None, notes)),
    }
