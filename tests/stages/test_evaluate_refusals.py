"""What the ``evaluate`` stage refuses: in one line, and nothing is left behind."""

from pathlib import Path

import pytest

from tests.helpers.commands import run_stage, write_params
from tests.helpers.evaluations import PARAMS, bytes_in, make_checkpoint


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    return make_checkpoint(tmp_path / "model" / "checkpoint.pt")


@pytest.fixture
def params_file(tmp_path: Path) -> Path:
    return write_params(tmp_path, PARAMS)


@pytest.fixture
def arguments(
    shards_folder: Path, checkpoint: Path, params_file: Path, tmp_path: Path
) -> tuple[str | Path, ...]:
    return (shards_folder, checkpoint, tmp_path / "out", "--params", params_file)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("--set", "evaluate.image_sets=[val,nothing]"), "test, train, val; found 'nothing'"),
        (("--set", "evaluate.image_sets=[]"), "expected at least one image set"),
        (("--set", "evaluate.episodes=0"), "evaluate.episodes"),
        (("--set", "evaluate.epsilon=2"), "evaluate.epsilon"),
        (("--set", "evaluate.episode=1"), "unknown key"),
    ],
)
def test_impossible_parameters_are_one_line(
    arguments: tuple[str | Path, ...], tmp_path: Path, change: tuple[str, ...], message: str
) -> None:
    assert message in run_stage("evaluate", *arguments, *change).error
    assert {path.name for path in tmp_path.iterdir()} == {"model", "params.yaml"}


def test_a_model_that_does_not_fit_is_one_line_and_the_output_stays(
    shards_folder: Path, checkpoint: Path, params_file: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "metrics.json").write_text("earlier")
    broken = tmp_path / "broken.pt"
    broken.write_bytes(checkpoint.read_bytes()[:-500])
    diverged = make_checkpoint(tmp_path / "diverged.pt", bias=float("nan"))
    others = make_checkpoint(tmp_path / "others.pt", ("cat", "horse"))
    for model, message in (
        (tmp_path / "none.pt", "no such checkpoint"),
        (broken, "not a readable checkpoint"),
        (diverged, "expected finite Q-values"),
        (others, "model's categories cat, horse; found none of 'horse' among cat, dog"),
    ):
        result = run_stage("evaluate", shards_folder, model, out, "--params", params_file)
        assert message in result.error
    result = run_stage("evaluate", tmp_path / "nowhere", checkpoint, out, "--params", params_file)
    assert "nowhere" in result.error
    assert bytes_in(out) == {"metrics.json": b"earlier"}
    assert not list(tmp_path.glob(".out*"))


def test_an_output_that_is_a_file_is_one_line(
    shards_folder: Path, checkpoint: Path, params_file: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.write_text("")
    result = run_stage("evaluate", shards_folder, checkpoint, out, "--params", params_file)
    assert "out: expected a folder" in result.error
    assert out.read_text() == ""
