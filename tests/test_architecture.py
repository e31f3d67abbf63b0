"""Who may import whom, and what must wait until a stage runs."""

import ast
from collections import Counter
from pathlib import Path

import pytest

from tests.helpers.imports import ROOT, imported

ROWS = (
    ("__init__", "params", "box", "command", "errors", "files", "progress", "templates",
     "tracking", "wording"),
    ("scenes",),
    ("data",),
    ("mdp",),
    ("network",),
    ("search",),
    ("evaluation", "localiser"),
    ("diagnosis",),
    ("learning",),
    ("serving",),
    ("view",),
    ("gym",),
    ("cli",),
)  # fmt: skip
"""Rooms of ``objloc``, the lowest first: each may import its own row and those below."""

FILES = sorted(path.relative_to(ROOT) for path in (ROOT / "objloc").rglob("*.py"))
STAGES = sorted(path.relative_to(ROOT) for path in (ROOT / "stages").glob("*.py"))
HEAVY = ("dvc", "lxml", "matplotlib", "mlflow", "numpy", "PIL", "rich", "torch", "webdataset")


def row_of(file: Path) -> int:
    """Number of a file's row; the stages are above all."""
    if file.parts[0] == "stages":
        return len(ROWS)
    room = file.parts[1].removesuffix(".py")
    (row,) = (number for number, rooms in enumerate(ROWS) if room in rooms)
    return row


def packages(nodes: list[ast.stmt]) -> set[str]:
    """First names of what these statements import."""
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found


@pytest.mark.parametrize("file", FILES, ids=str)
def test_a_module_imports_its_own_row_and_those_below(file: Path) -> None:
    above = {str(each) for each in imported(file) if row_of(each) > row_of(file)}
    assert not above


def test_only_tracking_and_the_served_model_know_mlflow() -> None:
    knowing = {
        file
        for file in (*FILES, *STAGES)
        if "mlflow"
        in packages(
            [
                node
                for node in ast.walk(ast.parse((ROOT / file).read_text("utf-8")))
                if isinstance(node, ast.stmt)
            ]
        )
    }
    allowed = {file for file in FILES if file.parts[1] == "tracking"}
    served = Path("objloc/serving/mlflow_model.py")
    assert served in knowing
    assert knowing - {served} <= allowed


@pytest.mark.parametrize("file", STAGES, ids=str)
def test_a_stages_heavy_imports_wait_inside_the_command(file: Path) -> None:
    def heavy(each: Path) -> set[str]:
        return packages(ast.parse((ROOT / each).read_text("utf-8")).body) & set(HEAVY)

    ours = [
        Path(*node.module.split(".")).with_suffix(".py")
        for node in ast.parse((ROOT / file).read_text("utf-8")).body
        if isinstance(node, ast.ImportFrom)
        and node.module
        and node.module.startswith(("objloc.", "stages."))
    ]
    assert all((ROOT / each).is_file() for each in ours)
    assert not heavy(file).union(*map(heavy, ours))


def test_no_room_holds_more_modules_than_one_can_survey() -> None:
    modules = Counter(file.parent for file in FILES if file.name != "__init__.py")
    assert {room: number for room, number in modules.items() if number > 16} == {}
