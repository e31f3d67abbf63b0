from pathlib import Path

import pytest

from stages.publish import PUBLISHED
from tests.helpers.commands import Result, run_stage
from tests.helpers.runs import make_run


@pytest.fixture
def run_folders(tmp_path: Path) -> Path:
    """A run whose files are read-only, as those that DVC links from its cache."""
    folder = make_run(tmp_path / "data")
    (folder / "train" / "environment.txt").write_text("Python\n")
    for path in folder.rglob("*"):
        if path.is_file():
            path.chmod(0o444)
    return folder


def publish(folder: Path, output: Path) -> Result:
    return run_stage("publish", folder / "train", folder / "evaluate", output)


def test_small_files_are_copied_and_can_be_written(run_folders: Path, tmp_path: Path) -> None:
    results = tmp_path / "results"
    for _ in range(2):
        assert publish(run_folders, results).status == 0
    written = {path.relative_to(results) for path in results.rglob("*") if path.is_file()}
    expected = {Path(stage, name) for stage, names in PUBLISHED.items() for name in names}
    assert {
        Path(*path.parts[:2]) if path.parts[1] == "plots" else path for path in written
    } == expected
    for path in written:
        assert (results / path).read_bytes() == (run_folders / path).read_bytes()
        assert (results / path).stat().st_mode & 0o200


def test_a_missing_file_is_told_in_one_line_and_leaves_nothing(
    run_folders: Path, tmp_path: Path
) -> None:
    (run_folders / "train" / "history.csv").unlink()
    told = publish(run_folders, tmp_path / "results")
    assert told.status == 1
    assert told.error.endswith("train/history.csv: no such file: run the train stage first")
    assert not (tmp_path / "results").exists()
