"""Who may import whom, and what must wait until a stage runs."""

import ast
from collections import Counter
from pathlib import Path

import pytest

from tests.helpers.imports import ROOT, imported, is_blank

ROWS = (
    ("__init__", "params", "box", "checksums", "command", "errors", "files", "partial", "progress",
     "ranks", "templates", "tracking", "wording"),
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
TESTED_BY = {
    # A command is tested with those that read the same run, or write from it.
    "objloc/cli/compare.py": "cli/test_analysing.py",
    "objloc/cli/explain.py": "cli/test_analysing.py",
    "objloc/cli/report.py": "cli/test_analysing.py",
    "objloc/cli/combine.py": "cli/test_viewing.py",
    "objloc/cli/export.py": "serving/test_onnx.py",
    "objloc/cli/layers.py": "cli/test_viewing.py",
    "objloc/cli/watch.py": "cli/test_viewing.py",
    # One folder, damaged in every way, shows all that is examined.
    "objloc/data/check/categories.py": "data/check/test_check.py",
    "objloc/data/check/duplicates.py": "data/check/test_check.py",
    "objloc/data/check/records.py": "data/check/test_check.py",
    "objloc/data/check/sets.py": "data/check/test_check.py",
    "objloc/view/check_sheet.py": "cli/test_data.py",
    "objloc/data/own/coco": "data/own/test_coco.py",
    # A type that all readers return.
    "objloc/data/own/written.py": "data/own/test_voc.py",
    # What single files are shows in layouts.
    "objloc/data/own/kinds.py": "data/own/test_layout.py",
    "objloc/diagnosis/explanation.py": "diagnosis/test_analysis.py",
    # What a learner stops for.
    "objloc/learning/divergence.py": "learning/test_learner.py",
    # The acting half of a training.
    "objloc/learning/episodes.py": "learning/test_training.py",
    # The maps of a feature store.
    "objloc/network/backbones/stored_maps.py": "network/test_feature_store.py",
    # Parts of one environment.
    "objloc/gym/observation.py": "gym/test_environment.py",
    "objloc/gym/picture.py": "gym/test_environment.py",
    "objloc/gym/searches.py": "gym/test_environment.py",
    "objloc/gym/settings.py": "gym/test_environment.py",
    "objloc/gym/stores.py": "gym/test_environment.py",
    "objloc/localiser.py": "search/test_localiser.py",
    # Sections of one file.
    "objloc/params/data.py": "test_params.py",
    "objloc/params/learning.py": "test_params.py",
    "objloc/params/measuring.py": "test_params.py",
    "objloc/params/section.py": "test_params.py",
    "objloc/params/training.py": "test_params.py",
    "objloc/params/viewing.py": "test_params.py",
    # What a registered model is asked and answers.
    "objloc/tracking/outputs.py": "tracking/test_rebuild.py",
    "objloc/tracking/signature.py": "serving/test_mlflow_model.py",
    "objloc/tracking/versions.py": "tracking/test_models.py",
    # What is drawn is judged as whole scenes.
    "objloc/scenes": "scenes/test_scenes.py",
    # In a browser, and the numbers behind the page by a test of the page.
    "objloc/view/app/blocks.py": "view/app/test_browser.py",
    "objloc/view/explorer/record.py": "view/explorer/test_page.py",
    "objloc/view/report/figures.py": "view/report/test_build.py",
    "objloc/view/run_folder.py": "stages/test_train.py",
}
"""Modules, or folders of them, without a test file of their name, and the one that tests them."""
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
    names = ("mlflow_model.py", "service.py", "unknown_names.py")
    served = {Path("objloc/serving", name) for name in names}
    assert served <= knowing
    assert knowing - served <= allowed


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


def test_every_module_has_a_test_file_of_its_name_or_is_named_with_another() -> None:
    def mirrored(file: Path) -> bool:
        name = f"test_{file.name.lstrip('_')}"
        return (ROOT / "tests" / Path(*file.parts[1:-1]) / name).is_file()

    modules = {file for file in FILES if file.name != "__init__.py" and not is_blank(file)}
    without = {file for file in modules if not mirrored(file)}
    excepted = {path: {file for file in without if file.is_relative_to(path)} for path in TESTED_BY}
    assert without - set().union(*excepted.values()) == set()
    assert [path for path, files in excepted.items() if not files] == [], "has its own by now"
    assert [test for test in TESTED_BY.values() if not (ROOT / "tests" / test).is_file()] == []
