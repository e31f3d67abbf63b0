"""What was computed once is not computed again, and git and the registry have their part."""

import copy
import shutil
from pathlib import Path

import pytest

from tests.helpers.projects import Project, edit

TARGETS = ("publish", "register")
COMPUTED = ("download", "shard", "encode", "train", "evaluate")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, warm: Path, empty_store: Path) -> Project:
    """The project after a run of the pipeline, with its results committed."""
    project = Project(tmp_path_factory.mktemp("cached"), warm)
    shutil.copy(empty_store, project.folder / "mlflow.db")
    project.dvc("repro", *TARGETS)
    project.commit("results")
    return project


def ran(told: str) -> list[str]:
    """The stages that ``dvc repro`` says it runs, in their order."""
    return [line.split("'")[1] for line in told.splitlines() if line.startswith("Running stage")]


def test_git_has_the_small_files_and_a_second_run_does_nothing(project: Project) -> None:
    listed = set(project.run("git", "ls-files", "results", "data").split())
    expected = {
        "data/manifest.json", "data/evaluate/summary.json", "results/train/history.csv",
        "results/train/params.yaml", "results/train/plots/losses.png",
        "results/evaluate/metrics.json",
    }  # fmt: skip
    assert expected <= listed
    assert not [path for path in listed if path.endswith(".pt")]
    assert ran(project.dvc("repro", *TARGETS)) == []
    assert project.run("git", "status", "--short") == ""


@pytest.mark.parametrize(
    "lost",
    ["data/train/history.csv", "data/evaluate/metrics.json", "data/evaluate/summary.json"],
)
def test_a_lost_file_comes_back_from_the_cache(project: Project, lost: str) -> None:
    path = project.folder / lost
    before = path.read_bytes()
    path.unlink()
    assert ran(project.dvc("repro", *TARGETS)) == []
    assert path.read_bytes() == before
    assert project.run("git", "status", "--short") == ""


def test_a_lost_copy_is_copied_again(project: Project) -> None:
    (project.folder / "results" / "train" / "history.csv").unlink()
    assert ran(project.dvc("repro", *TARGETS)) == ["publish"]
    assert project.run("git", "status", "--short") == ""


def test_a_seed_set_there_and_back_does_not_train_again(project: Project) -> None:
    outs = project.outs()
    edit(project.folder, {"train": {"seed": 7}})
    assert ran(project.dvc("repro", *TARGETS)) == ["train", "evaluate", "publish", "register"]
    assert project.outs()["train"] != outs["train"]
    assert "results/train/history.csv" in project.run("git", "status", "--short")
    edit(project.folder, {"train": {"seed": 0}})
    assert ran(project.dvc("repro", *TARGETS)) == ["publish"]
    assert project.outs() == outs


def test_a_clone_with_the_cache_trains_nothing_and_has_a_champion(
    project: Project, tmp_path: Path
) -> None:
    project.run("git", "checkout", "--quiet", ".")
    clone = copy.copy(project)
    clone.folder = tmp_path / "clone"
    project.run("git", "clone", "--quiet", str(project.folder), str(clone.folder))
    clone.dvc("cache", "dir", "--local", str(project.folder / ".dvc" / "cache"))
    assert ran(clone.dvc("repro", *TARGETS)) == []
    assert clone.run("git", "status", "--short") == ""
    assert clone.outs() == project.outs()
    assert not (clone.folder / "mlflow.db").exists()
    # DVC knows nothing of the store: whoever asks for a model finds it lost.
    command = "python -m stages.layers data/shards models:/objloc@champion layers 2>&1"
    told = clone.run("sh", "-c", command)
    assert "data/train: registered it again as models:/objloc/1" in told
    assert "again" not in clone.run("sh", "-c", command)


def test_a_clone_that_pulls_runs_nothing_and_registers_from_files(
    project: Project, tmp_path: Path, empty_store: Path
) -> None:
    project.run("git", "checkout", "--quiet", ".")
    project.dvc("remote", "add", "--default", "team", str(tmp_path / "remote"))
    project.commit("a remote")
    project.dvc("push")
    clone = copy.copy(project)
    clone.folder = tmp_path / "clone"
    project.run("git", "clone", "--quiet", str(project.folder), str(clone.folder))
    shutil.copy(empty_store, clone.folder / "mlflow.db")
    clone.dvc("pull", *TARGETS, "--with-deps")
    assert ran(clone.dvc("repro", *TARGETS)) == []
    assert clone.outs() == project.outs()
    told = clone.run(
        "python", "-m", "stages.register", "data/train", "data/evaluate", "data/register"
    )
    assert "models:/objloc/1: new" in told
    assert ran(clone.dvc("repro", *TARGETS)) == []
    assert clone.run("git", "status", "--short") == ""
