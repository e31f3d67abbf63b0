"""A user's own folder through the whole pipeline, by the commands of its page."""

import json
import shutil
from pathlib import Path

import pytest

from tests.helpers.docs_shell import Shell, commands_of
from tests.helpers.imports import ROOT
from tests.helpers.own_data import CATEGORIES, make_flat
from tests.helpers.projects import Project, edit

COMMANDS = commands_of(ROOT / "docs" / "own-data.md")
VARIANTS = [
    each
    for each in COMMANDS
    if each.startswith("dvc exp run -n my-") and not each.startswith("dvc exp run -n my-photos")
]
"""Commands that run the pipeline again with other parameters; they take minutes."""
SMALL = {
    "train": {"categories": "all"},
    "agents": {
        "pretrained": {
            "encoder": {"image_size": 64},
            "learning": {"images_per_batch": 4, "windows_per_image": 2},
            "replay": {"size": 200, "init_size": 20},
            "schedule": {"environments": 8, "passes": 1, "max_updates": 10, "evaluations": 2},
        }
    },
}
"""The agent of the page, so small that it is trained in seconds."""


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory, empty_store: Path, warm: Path) -> Shell:
    """A small project with a folder of photographs; /tmp/mine is below it."""
    folder = tmp_path_factory.mktemp("own")
    project = Project(folder, warm)
    edit(project.folder, SMALL)
    project.commit("small")
    shutil.copy(empty_store, project.folder / "mlflow.db")
    make_flat(project.folder / "my-photos", 40)
    return Shell(project)


def placed(command: str, shell: Shell) -> str:
    """Replace the scratch folder of a command by the test's own."""
    return command.replace("/tmp/mine", str(shell.project.folder.parent / "mine"))  # noqa: S108


def test_the_page_leads_from_a_folder_to_a_trained_agent(shell: Shell) -> None:
    folder = shell.project.folder
    for command in COMMANDS:
        if command not in VARIANTS:
            shell(placed(command, shell))
    report = json.loads((folder / "my-photos.json").read_text())
    assert report["passed"]
    assert (folder / "my-photos.png").is_file()
    metrics = json.loads((folder / "data" / "evaluate" / "metrics.json").read_text())
    assert set(metrics) == {"val", "test"}
    assert metrics["test"]["data"]["name"] == "folder my-photos, seeded split 0"
    assert metrics["test"]["model"]["categories"] == list(CATEGORIES)
    assert set(CATEGORIES) < set(metrics["test"]["success_rate"]["greedy"])
    names = " ".join(path.name for path in (folder / "data" / "animate").iterdir())
    assert any(category.replace(" ", "_") in names.replace(" ", "_") for category in CATEGORIES)
    assert "image_id,file" in next(folder.rglob("files.csv")).read_text()
    assert (folder.parent / "mine" / "evaluate" / "metrics.json").is_file()
    assert len(list((folder / "predictions").glob("*.json"))) == 40


@pytest.mark.slow
def test_the_pages_other_runs_work_too(shell: Shell) -> None:
    photos = shell.project.folder / "my-photos"
    for number, path in enumerate(sorted(photos.glob("*.xml"))):
        part = photos / ("val" if number % 3 == 0 else "train")
        part.mkdir(exist_ok=True)
        for each in (path, path.with_suffix(".jpg")):
            shutil.move(each, part / each.name)
    shell("dvc repro --force download")
    assert len(VARIANTS) == 3
    for command in VARIANTS:
        shell(command)
    path = shell.project.folder / "data" / "evaluate" / "metrics.json"
    metrics = json.loads(Path(path).read_text())
    assert set(metrics) == {"val"}
    assert metrics["val"]["model"]["categories"] == ["robot"]
