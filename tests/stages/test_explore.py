import re
from dataclasses import replace
from pathlib import Path

import pytest
from mlflow import MlflowClient

from objloc.data.shard_index import read_index
from objloc.network.checkpoint import save_checkpoint
from tests.helpers.commands import run_stage, write_params
from tests.helpers.subjects import make_checkpoint

PARAMS = """
agents: {tiny: {}}
train: {agent: tiny}
explore: {images: 2, max_side: 64}
"""


@pytest.fixture
def params(tmp_path: Path) -> Path:
    return write_params(tmp_path, PARAMS)


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, make_checkpoint())
    return path


def test_the_page_and_the_trajectories_are_written_and_kept_with_the_run(
    shards_folder: Path, params: Path, tmp_path: Path, store_root: Path
) -> None:
    own = tmp_path / "own.pt"
    save_checkpoint(own, replace(make_checkpoint(), data_hash=read_index(shards_folder).data_hash))
    out = tmp_path / "out"
    result = run_stage("explore", shards_folder, own, out, "--params", params)
    assert result.status == 0, result.err
    assert sorted(path.name for path in out.iterdir()) == ["explorer.html", "trajectories.json"]
    client = MlflowClient(f"sqlite:///{store_root / 'mlflow.db'}")
    (run,) = client.search_runs([each.experiment_id for each in client.search_experiments()])
    kept = {Path(each.path).name for each in client.list_artifacts(run.info.run_id, "explore")}
    assert kept == {"explorer.html", "trajectories.json"}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("{shards}", "nowhere.pt", "{out}"), "nowhere.pt: no such checkpoint"),
        (("nowhere", "{checkpoint}", "{out}"), "nowhere"),
        (("{shards}", "{checkpoint}", "{out}", "--set", "explore.images=0"), "explore.images"),
        (("{shards}", "{checkpoint}", "{out}", "--set", "explore.image_set=x"), "image set 'x'"),
        (("{shards}", "{checkpoint}", "{checkpoint}"), "expected a folder; found a file"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(
    arguments: tuple[str, ...],
    expected: str,
    shards_folder: Path,
    checkpoint: Path,
    params: Path,
    tmp_path: Path,
) -> None:
    before = sorted(tmp_path.rglob("*"))
    places = {"shards": shards_folder, "checkpoint": checkpoint, "out": tmp_path / "out"}
    filled = [each.format(**places) for each in arguments]
    result = run_stage("explore", *filled, "--params", params)
    assert re.search(expected, result.error), result.error
    assert sorted(tmp_path.rglob("*")) == before
