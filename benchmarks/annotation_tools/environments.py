"""Throwaway environments, one for each set of requirements, kept for the next run."""

import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path

from benchmarks.annotation_tools.recipes import Recipe
from benchmarks.running import ROOT

_MARKER = "requirements.txt"
_SECONDS = 900
"""Time limit of an installation or an export."""


class ToolError(Exception):
    """A tool that cannot be installed, or an export that fails; the text is its last line."""


def python_of(recipe: Recipe, folder: Path) -> Path:
    """Python with the recipe's tool, installed if it is not yet.

    Raises:
        ToolError: the tool cannot be installed.
    """
    if not recipe.environment:
        return Path(sys.executable)
    place = folder / recipe.environment
    python, marker = place / "bin" / "python", place / _MARKER
    wanted = "".join(f"{each}\n" for each in recipe.requirements)
    if not marker.is_file() or marker.read_text() != wanted:
        shutil.rmtree(place, ignore_errors=True)
        venv.create(place, with_pip=True)
        _run([str(python), "-m", "pip", "install", "--quiet", *recipe.requirements])
        marker.write_text(wanted)
    return python


def export(recipe: Recipe, python: Path, drawn: Path, output: Path) -> None:
    """Let a tool export drawn pictures.

    Args:
        recipe: the recipe.
        python: Python with its tool.
        drawn: folder of pictures and known boxes.
        output: folder to write, replaced if it is there.

    Raises:
        ToolError: the tool fails.
    """
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir(parents=True)
    module = f"benchmarks.annotation_tools.scripts.{recipe.script}"
    _run([str(python), "-m", module, recipe.writer, str(drawn), str(output)])


def _run(command: Sequence[str]) -> None:
    environment = os.environ | {
        "PYTHONPATH": str(ROOT),
        "QT_QPA_PLATFORM": "offscreen",
        "FIFTYONE_DO_NOT_TRACK": "1",
    }
    try:
        done = subprocess.run(
            command, cwd=ROOT, env=environment, timeout=_SECONDS, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise ToolError(f"not done after {_SECONDS} seconds") from None
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()] or ["no message"]
        raise ToolError(lines[-1].strip())
