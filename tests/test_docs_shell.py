"""Run every shell command of README and docs, or give a reason why not."""

import re
import shutil
from pathlib import Path

import pytest
from PIL import Image

from objloc.files import file_hash
from tests.helpers.docs_shell import PAGES, Shell, commands_of
from tests.helpers.imports import ROOT
from tests.helpers.projects import Project, edit

BY_OTHERS = {
    r"make (run|test|check)$": ("tests/test_pipeline.py", "test_the_pipeline_runs_to_its_end"),
    r"python -m benchmarks\.tables": (
        "tests/test_docs.py",
        "test_the_tables_say_what_the_files_say",
    ),
    r"python -m benchmarks\.figures": ("tests/test_site.py", "test_the_figures_are_those_of_the"),
    r"python examples/sb3_dqn\.py": (
        "tests/gym/test_libraries.py",
        "test_the_example_trains_stable",
    ),
    r"python examples/torchrl_dqn\.py": (
        "tests/gym/test_libraries.py",
        "test_the_example_trains_torchrl",
    ),
    r"(objloc data check|dvc exp run -S dataset\.name=folder)": (
        "tests/data/own/test_own_data.py",
        "test_the_page_leads",
    ),
    r"dvc exp run -n my-(photos|val|longer|robots)": (
        "tests/data/own/test_own_data.py",
        "test_the_page_leads",
    ),
    r"torchrun --standalone": (
        "tests/stages/test_ranks.py",
        "test_two_processes_write_what_one_writes",
    ),
    r"(git|dvc) (push|pull)|dvc remote add --default team": (
        "tests/test_run_cache.py",
        "test_a_clone_that_pulls",
    ),
    r"python examples/sweep/sweep\.py": ("tests/examples/test_sweep.py", "test_a_worker_tries"),
    r"mlflow server": ("tests/tracking/test_team.py", "test_nothing_is_lost_of_four_trainings"),
    r"mlflow models serve": ("tests/test_docs_commands.py", "SERVERS = "),
}
"""Commands that another test runs, perhaps in miniature: its file and a part of its text."""

NOT_RUN = {
    r"python run_[a-z_]+\.py": "a script of 2018, shown to be translated",
    r"\. \.venv/bin/activate": "a test has no environment to activate but its own",
    r"mlflow ui": "a server that does not end",
    r"dvc queue start": "works in the background; queued runs have tests in test_pipeline.py",
    r"dvc exp run --queue": "only noted, for the queue",
    r"python -c \"from mlflow import": "names a version that a reader's store has",
    r"dvc exp run .*dataset\.name=(voc20|coco)": "needs the archives; test_docs.py reads -S",
    r"(make tools-table|python -m benchmarks\.annotation_tools)": "installs annotation tools",
    r"make benchmark-": "needs Pascal VOC's archives and an hour",
    r"python -m benchmarks\.(ablation|ahead|scratch)": "needs Pascal VOC's archives and an hour",
    r"python -m benchmarks\.devices": "needs a GPU",
    r"python -m benchmarks\.ranks": "needs two idle cores",
    r"python -m benchmarks\.startup": "needs another checkout with its run",
    r"objloc app": "a server that does not end; tests/view/app has its tests",
    r"pip install": "a test installs nothing",
}
"""Commands that no test runs, and why."""

PAGES_WITH_TESTS = {
    "own-data.md": "tests/data/own/test_own_data.py",
    "metrics.md": "tests/cli/test_results.py",
    "cli.md": "tests/test_docs_commands.py",
    "python.md": "tests/test_docs_commands.py",
    "serving.md": "tests/test_docs_commands.py",
    "report.md": "tests/cli/test_analysing.py",
}
"""Pages with a test of their own, which runs all their commands."""


SMALL = {
    # All categories in every set, and few of everything; an agent of one category, as the
    # page on 2018 takes it to be.
    "train": {"categories": ["cat"]},
    "dataset": {"scenes_images": {"train": 30, "val": 30, "test": 30}},
    "agents": {
        "dqn2018": {
            "mdp": {"max_steps": 5},
            "replay": {"size": 200, "init_size": 20},
            "schedule": {"episodes_per_image": 1, "evaluations": 2, "val_images": 4},
        }
    },
}


def all_commands() -> list[tuple[str, str]]:
    return [(page.name, command) for page in PAGES for command in commands_of(page)]


def run_here() -> list[tuple[str, str]]:
    """Commands that ``test_the_commands_of_the_pages_do_their_work`` runs."""
    return [
        (page, command)
        for page, command in all_commands()
        if page not in PAGES_WITH_TESTS
        and not any(re.match(pattern, command) for pattern in {**BY_OTHERS, **NOT_RUN})
    ]


def test_commands_are_found() -> None:
    names = {page for page, _ in all_commands()}
    assert {"README.md", "start.md", "experimenting.md", "own-data.md", "mlflow.md"} <= names
    assert ("experimenting.md", "dvc exp run -S train.agent=dqn2018") in run_here()


@pytest.mark.parametrize("pattern", [*BY_OTHERS, *NOT_RUN])
def test_every_exception_is_one(pattern: str) -> None:
    assert any(re.match(pattern, command) for _, command in all_commands())


@pytest.mark.parametrize(("file", "name"), BY_OTHERS.values())
def test_the_tests_that_run_commands_exist(file: str, name: str) -> None:
    assert name in (ROOT / file).read_text(encoding="utf-8")


@pytest.mark.parametrize(("page", "file"), PAGES_WITH_TESTS.items())
def test_a_page_with_a_test_of_its_own_is_named_there(page: str, file: str) -> None:
    assert (ROOT / "docs" / page).is_file()
    assert page.removesuffix(".md") in (ROOT / file).read_text(encoding="utf-8")


def prepared(folder: Path, empty_store: Path, warm: Path) -> Shell:
    """A small project after ``make run``, with the files that pages name."""
    project = Project(folder, warm)
    edit(project.folder, SMALL)
    project.commit("small")
    shutil.copy(empty_store, project.folder / "mlflow.db")
    project.dvc("repro")
    project.commit("run")
    # The checkpoint of models:/objloc/1, unaffected by later trainings.
    shutil.copy(project.folder / "data/train/checkpoint.pt", project.folder / "first.pt")
    (project.folder / "photos").mkdir()
    with Image.open(next((project.folder / "data/devkit").rglob("*.jpg"))) as image:
        # Large enough for the boxes that pages name.
        photograph = image.resize((400, 300))
    for name in ("PHOTO.jpg", "photo.jpg", "cat.jpg", "sheep.jpg", "photos/a.jpg"):
        photograph.save(project.folder / name)
    return Shell(project)


def substituted(command: str, shell: Shell) -> str:
    """A command with its placeholders replaced, in scratch folders of the test."""
    project = shell.project.folder
    scratch = project.parent / "scratch"
    command = command.replace("/tmp/", f"{scratch}/")  # noqa: S108
    command = command.replace("ANY_DEVKIT", "data/devkit")
    return command.replace("SHA256", file_hash(project / "first.pt"))


@pytest.mark.slow
def test_the_commands_of_the_pages_do_their_work(
    tmp_path: Path, empty_store: Path, warm: Path
) -> None:
    shell = prepared(tmp_path, empty_store, warm)
    failed = []
    for page, command in run_here():
        if command.startswith("dvc exp run"):
            # Each is meant for params.yaml as it comes; -S changes it.
            shell("git checkout --quiet params.yaml")
        try:
            shell(substituted(command, shell))
        except AssertionError as error:
            failed.append(f"{page}: {error}")
    assert not failed, "\n\n".join(failed)
