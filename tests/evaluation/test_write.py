from pathlib import Path

import pytest

from objloc.errors import ObjlocError
from objloc.evaluation.write import files_published


def files(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_files_take_their_places_and_others_stay(tmp_path: Path) -> None:
    out = tmp_path / "out"
    (out / "detections").mkdir(parents=True)
    (out / "notes.txt").write_text("mine")
    (out / "detections" / "mine.txt").write_text("mine")
    (out / "metrics.json").write_text("old")
    with files_published(out) as folder:
        (folder / "metrics.json").write_text("new")
        (folder / "plots" / "val").mkdir(parents=True)
        (folder / "plots" / "val" / "steps.png").write_text("picture")
        assert (out / "metrics.json").read_text() == "old"
    assert files(out) == {
        "notes.txt": "mine",
        "detections/mine.txt": "mine",
        "metrics.json": "new",
        "plots/val/steps.png": "picture",
    }
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_detections_and_plots_of_an_earlier_run_go(tmp_path: Path) -> None:
    out = tmp_path / "out"
    for name in ("detections/triggered/comp3_det_test_dog.txt", "plots/test/steps.png"):
        (out / name).parent.mkdir(parents=True)
        (out / name).write_text("old")
    with files_published(out) as folder:
        (folder / "detections" / "triggered").mkdir(parents=True)
        (folder / "detections" / "triggered" / "comp3_det_val_dog.txt").write_text("new")
    assert files(out) == {"detections/triggered/comp3_det_val_dog.txt": "new"}


def test_an_error_leaves_everything_as_it_was(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "metrics.json").write_text("old")
    with pytest.raises(IsADirectoryError), files_published(out) as folder:
        (folder / "metrics.json").write_bytes(folder.read_bytes())
    assert files(tmp_path) == {"out/metrics.json": "old"}


def test_an_error_leaves_no_folder_that_was_not_there(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), files_published(tmp_path / "out"):
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    with (
        pytest.raises(ObjlocError, match=r"out: expected a folder"),
        files_published(tmp_path / "out"),
    ):
        pass
    with (
        pytest.raises(ObjlocError, match=r"deep: cannot be written"),
        files_published(tmp_path / "out" / "deep"),
    ):
        pass


def test_a_folder_in_the_way_of_a_file_is_named(tmp_path: Path) -> None:
    out = tmp_path / "out"
    (out / "metrics.json").mkdir(parents=True)
    with (
        pytest.raises(ObjlocError, match=r"out: cannot be written"),
        files_published(out) as folder,
    ):
        (folder / "metrics.json").write_text("new")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
