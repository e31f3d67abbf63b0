import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from mlflow import MlflowClient
from PIL import Image

from objloc.data.shard_index import read_index
from objloc.network.checkpoint import save_checkpoint
from tests.helpers.commands import run_stage, write_params
from tests.helpers.subjects import make_checkpoint

PARAMS = """
agents: {tiny: {}}
train: {agent: tiny}
animate: {samples: 2, height: 100, format: gif}
"""


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    path = tmp_path / "model" / "checkpoint.pt"
    save_checkpoint(path, make_checkpoint())
    return path


@pytest.fixture
def params(tmp_path: Path) -> Path:
    return write_params(tmp_path, PARAMS)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "holiday.png"
    Image.new("RGB", (60, 40), (10, 200, 30)).save(path)
    return path


@pytest.fixture
def places(shards_folder: Path, checkpoint: Path, photo: Path, tmp_path: Path) -> dict[str, Path]:
    """What ``{...}`` stands for in arguments."""
    out = tmp_path / "out"
    return {"shards": shards_folder, "checkpoint": checkpoint, "photo": photo, "out": out}


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_same_command_writes_the_same_animations(
    shards_folder: Path, checkpoint: Path, params: Path, tmp_path: Path
) -> None:
    for name in ("one", "two"):
        result = run_stage(
            "animate", shards_folder, checkpoint, tmp_path / name, "--params", params
        )
        assert result.status == 0, result.err
    written = files(tmp_path / "one")
    assert len(written) == 3
    assert "contact_sheet.png" in written
    assert sorted(name.split("_")[1] for name in written if "." in name and name[0] == "0") == [
        "cat.gif",
        "dog.gif",
    ]
    assert files(tmp_path / "two") == written


def test_formats_and_images_are_parameters(
    shards_folder: Path, checkpoint: Path, params: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    result = run_stage(
        "animate", shards_folder, checkpoint, out, "--params", params,
        "--set", "animate.format=webp", "--set", "animate.image_set=train",
        "--set", "animate.image_ids=['000002']", "--set", "animate.categories=dog",
    )  # fmt: skip
    assert result.status == 0, result.err
    assert sorted(files(out)) == ["000002_dog.webp", "contact_sheet.png"]


def test_animations_go_into_the_run_of_the_model_if_they_show_its_data(
    shards_folder: Path, checkpoint: Path, params: Path, tmp_path: Path, store_root: Path
) -> None:
    own = tmp_path / "own" / "checkpoint.pt"
    save_checkpoint(own, replace(make_checkpoint(), data_hash=read_index(shards_folder).data_hash))
    out = tmp_path / "out"
    for model in (checkpoint, own):
        out.mkdir(exist_ok=True)
        (out / "own notes.txt").write_text("not the stage's")
        result = run_stage("animate", shards_folder, model, out, "--params", params)
        assert result.status == 0, result.err
    client = MlflowClient(f"sqlite:///{store_root / 'mlflow.db'}")
    experiments = [each.experiment_id for each in client.search_experiments()]
    (run,) = client.search_runs(experiments)
    kept = {Path(each.path).name for each in client.list_artifacts(run.info.run_id, "animate")}
    assert kept == set(files(out)) - {"own notes.txt"}


def test_any_photograph_can_be_searched_without_shards(
    checkpoint: Path, params: Path, photo: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    by_hand = ("--params", params, "--image", photo, "--category", "cat")
    truth = ("--truth", "10", "5.5", "50", "40")
    assert run_stage("animate", checkpoint, out, *by_hand).status == 0
    result = run_stage("animate", "shards", checkpoint, out, *by_hand, *truth, "--name", "judged")
    assert result.status == 0, result.err
    written = files(out)
    assert sorted(written) == ["holiday_cat.gif", "judged.gif"]
    assert written["holiday_cat.gif"] != written["judged.gif"]


def test_a_registered_model_is_fetched(
    checkpoint: Path, params: Path, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = {"models:/objloc/3": checkpoint}
    monkeypatch.setattr("objloc.tracking.models.download_model", models.__getitem__)
    result = run_stage(
        "animate", "models:/objloc/3", tmp_path / "out", "--params", params,
        "--image", photo, "--category", "cat",
    )  # fmt: skip
    assert result.status == 0, result.err
    assert sorted(files(tmp_path / "out")) == ["holiday_cat.gif"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["{checkpoint}", "{out}"], "paths: expected SHARDS MODEL OUTPUT"),
        (["a", "b", "{checkpoint}", "{out}", "--image", "{photo}"], "paths: expected"),
        (["{out}", "--image", "{photo}"], r"paths: expected \[SHARDS\] MODEL OUTPUT"),
        (["{shards}", "{photo}", "{out}"], "holiday.png: not a"),
        (["{shards}", "nowhere.pt", "{out}"], "nowhere.pt: no such checkpoint"),
        (["nowhere", "{checkpoint}", "{out}"], "nowhere"),
        (["{shards}", "{checkpoint}", "{out}", "--set", "animate.image_set=x"], "image set"),
        (["{shards}", "{checkpoint}", "{out}", "--set", "animate.categories=[cow]"], "unknown cat"),
        (["{shards}", "{checkpoint}", "{out}", "--set", "animate.format=avi"], "animate.format"),
        (["{checkpoint}", "{out}", "--image", "{checkpoint}", "--category", "cat"], "an image"),
        (["{checkpoint}", "{out}", "--image", "none.jpg", "--category", "cat"], "none.jpg"),
        (["{checkpoint}", "{out}", "--image", "{photo}"], "--category: expected one of cat, dog"),
        (["{checkpoint}", "{out}", "--image", "{photo}", "--category", "cow"], "found 'cow'"),
        (
            ["{checkpoint}", "{out}", "--image", "{photo}", "--category", "cat", "--name", "a/b"],
            "--name",
        ),
        (
            ["{checkpoint}", "{out}", "--image", "{photo}", "--category", "cat",
             "--truth", "0", "1", "5", "5"],
            "--truth: expected",
        ),
        (
            ["{shards}", "{checkpoint}", "{out}", "--category", "cat"],
            "^--category: expected with --image only; choose animate.categories with --set",
        ),
        (
            ["{shards}", "{checkpoint}", "{out}", "--truth", "1", "1", "5", "5"],
            "^--truth: expected with --image only; ",
        ),
        (
            ["{shards}", "{checkpoint}", "{out}", "--name", "mine"],
            "^--name: expected with --image only; ",
        ),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_and_leaves_nothing(
    arguments: list[str], expected: str, places: dict[str, Path], params: Path, tmp_path: Path
) -> None:
    before = sorted(tmp_path.rglob("*"))
    filled = [each.format(**places) for each in arguments]
    result = run_stage("animate", *filled, "--params", params)
    assert re.search(expected, result.error), result.error
    assert sorted(tmp_path.rglob("*")) == before


def test_mp4_without_its_extra_is_refused_before_any_work(
    shards_folder: Path,
    checkpoint: Path,
    params: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    result = run_stage(
        "animate", shards_folder, checkpoint, tmp_path / "out", "--params", params,
        "--set", "animate.format=mp4",
    )  # fmt: skip
    assert ".[video]" in result.error
    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_a_file_is_refused(
    shards_folder: Path, checkpoint: Path, params: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.write_text("precious")
    result = run_stage("animate", shards_folder, checkpoint, out, "--params", params)
    assert "expected a folder; found a file" in result.error
    assert out.read_text() == "precious"
