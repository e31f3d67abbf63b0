"""``objloc watch`` and ``objloc layers``."""

import json
import re
import shutil
from pathlib import Path

import pytest
from PIL import Image

from objloc.box import to_voc
from objloc.localiser import Localiser
from tests.helpers.commands import run_objloc
from tests.helpers.runs import make_run
from tests.helpers.stores import make_samples


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with an agent that is surest of cats, and a photograph."""
    make_run(tmp_path / "data", trigger=1000.0)
    (tmp_path / "model.pt").write_bytes((tmp_path / "data/train/checkpoint.pt").read_bytes())
    (tmp_path / "photo.jpg").write_bytes(make_samples(1)[0].jpeg)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_watch_writes_an_animation_of_the_category_the_agent_is_surest_of(folder: Path) -> None:
    told = run_objloc("watch", "photo.jpg", "--model", "model.pt", "--height", "64")
    assert told.status == 0, told.err
    path = folder / "predictions" / "photo_cat.webp"
    assert told.out == (
        f"{path.relative_to(folder)}: Triggered. After 1 step. No truth was given to judge it by.\n"
    )
    with Image.open(path) as film:
        assert film.n_frames == 2  # type: ignore[attr-defined]


def test_watch_judges_by_the_truth_and_takes_other_options(folder: Path) -> None:
    told = run_objloc(
        "watch", "photo.jpg", "--model", "model.pt", "--category", "cat", "--truth", "1", "1",
        "120", "90", "--format", "gif", "--fps", "10", "--output", "films", "--json",
    )  # fmt: skip
    assert told.status == 0, told.err
    document = json.loads(told.out)
    assert document == {
        "file": "films/photo_cat.gif", "category": "cat", "triggered": True, "steps": 1,
        "iou": 1.0, "verdict": "Found the cat. Triggered after 1 step, at IoU 1.00.",
    }  # fmt: skip
    assert (folder / "films" / "photo_cat.gif").is_file()


def test_watch_with_a_budget_shows_the_way_to_the_best_box(folder: Path) -> None:
    best = Localiser.load("model.pt")("photo.jpg", max_windows=20).found[0]
    corners = (str(number) for number in to_voc(best.box))
    told = run_objloc(
        "watch", "photo.jpg", "--model", "model.pt", "--max-windows", "20", "--truth", *corners,
        "--height", "64", "--json",
    )  # fmt: skip
    assert told.status == 0, told.err
    document = json.loads(told.out)
    assert (document["category"], document["iou"]) == (best.category, pytest.approx(1.0))
    assert (folder / "predictions" / "photo_cat.webp").is_file()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (
            ["watch", "photo.jpg", "--category", "cow", "--max-windows", "9"],
            "categories: expected some of cat, dog; found 'cow'",
        ),
        (
            ["watch", "photo.jpg", "--truth", "0", "0", "9", "9", "--max-windows", "9"],
            "--truth: expected 1 <= XMIN",
        ),
        (["watch", "photo.jpg", "--category", "cow"], "--category: expected one of cat, dog"),
        (["watch", "photo.jpg", "--truth", "0", "0", "9", "9"], "--truth: expected 1 <= XMIN"),
        (["watch", "none.jpg"], "none.jpg: cannot be read"),
        (["layers", "model.pt"], "model.pt: expected an image"),
        (["layers", "photo.jpg", "--layer", "9"], "expected one of 1 conv1, .*; found '9'"),
    ],
)
def test_mistakes_are_told_in_one_line_and_leave_nothing(
    folder: Path, arguments: list[str], told: str
) -> None:
    result = run_objloc(*arguments, "--model", "model.pt")
    assert re.search(told, result.error)
    assert not (folder / "predictions").exists()


def test_layers_writes_contact_sheets_and_a_picture_of_each_filter(folder: Path) -> None:
    told = run_objloc("layers", "photo.jpg", "--model", "model.pt", "--layer", "conv2")
    assert told.status == 0, told.err
    sheets = ["activations_conv2.png", "filters_conv1.png"]
    assert told.out.splitlines() == [f"predictions/{name}" for name in sheets]
    assert (folder / "predictions" / "activations_conv2" / "001.png").is_file()
    again = run_objloc("layers", "photo.jpg", "--model", "model.pt", "--layer", "2", "--json")
    assert json.loads(again.out)["files"] == told.out.splitlines()


def test_models_of_several_seeds_are_combined_and_used_like_one(folder: Path) -> None:
    make_run(folder / "other", seed=1, trigger=1000.0)
    told = run_objloc(
        "combine", "model.pt", "other/train/checkpoint.pt", "--output", "new/both.pt", "--json"
    )
    assert told.status == 0, told.err
    document = json.loads(told.out)
    assert document["file"] == "new/both.pt"
    assert list(document["members"]) == ["model.pt", "other/train/checkpoint.pt"]
    found = run_objloc("predict", "photo.jpg", "--model", "new/both.pt", "--no-files", "--json")
    assert found.status == 0, found.err
    (box,) = (each for each in json.loads(found.out)["images"][0]["boxes"] if each["score"] > 900)
    assert box["category"] == "cat"
    drawn = run_objloc("layers", "photo.jpg", "--model", "new/both.pt", "--layer", "network2_conv1")
    assert drawn.status == 0, drawn.err
    refused = run_objloc("combine", "model.pt", "--output", "one.pt")
    assert "expected two models or more; found 1" in refused.error
    refused = run_objloc("combine", "model.pt", "model.pt", "--output", "one.pt")
    assert refused.error == "MODEL: expected each model once; found model.pt again"
    assert not (folder / "one.pt").exists()


def test_a_combined_model_replaces_none_of_its_members(folder: Path) -> None:
    shutil.copy(folder / "model.pt", folder / "again.pt")
    before = (folder / "again.pt").read_bytes()
    models = ("combine", "model.pt", "again.pt", "--output")
    error = run_objloc(*models, "./again.pt").error
    assert error == "--output: expected another file than the models'; found again.pt"
    assert (folder / "again.pt").read_bytes() == before
    assert "photo.jpg/new.pt: cannot be written: " in run_objloc(*models, "photo.jpg/new.pt").error
