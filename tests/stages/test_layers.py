import re
from pathlib import Path

import pytest
from PIL import Image

from objloc.data.remote.cache import CACHE
from objloc.data.shard_reader import read_samples
from objloc.network.checkpoint import save_checkpoint
from tests.helpers.commands import run_stage, write_params
from tests.helpers.servers import Files, serving
from tests.helpers.subjects import make_checkpoint

PARAMS = """
agents: {tiny: {}}
train: {agent: tiny}
layers: {layer: conv2}
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
    Image.linear_gradient("L").resize((60, 40)).convert("RGB").save(path)
    return path


@pytest.fixture
def places(shards_folder: Path, checkpoint: Path, photo: Path, tmp_path: Path) -> dict[str, Path]:
    """What ``{...}`` stands for in arguments."""
    out = tmp_path / "out"
    return {"shards": shards_folder, "checkpoint": checkpoint, "photo": photo, "out": out}


def files(folder: Path) -> dict[str, bytes]:
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def test_the_same_command_writes_the_same_pictures(
    shards_folder: Path, checkpoint: Path, params: Path, tmp_path: Path
) -> None:
    for name in ("one", "two"):
        result = run_stage("layers", shards_folder, checkpoint, tmp_path / name, "--params", params)
        assert result.status == 0, result.err
    written = files(tmp_path / "one")
    # Four filters in each layer, and a contact sheet of each.
    assert len(written) == 10
    assert {"activations_conv2.png", "filters_conv1.png", "filters_conv1/004.png"} <= set(written)
    assert files(tmp_path / "two") == written


def test_an_image_of_shards_by_url_gives_the_same_pictures(
    shards_folder: Path,
    checkpoint: Path,
    params: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(CACHE, str(tmp_path / "cache"))
    content = {f"/voc/{path.name}": path.read_bytes() for path in shards_folder.iterdir()}
    with serving(Files(content)) as server:
        for name, shards in (("local", shards_folder), ("far", f"{server.url}/voc")):
            result = run_stage("layers", shards, checkpoint, tmp_path / name, "--params", params)
            assert result.status == 0, result.err
        asked = [path for path, *_ in server.log]
    assert files(tmp_path / "far") == files(tmp_path / "local")
    assert asked == ["/voc/index.json", "/voc/test-000000.tar"], "only what is needed is fetched"


def test_the_image_of_the_set_is_a_parameter(
    shards_folder: Path, checkpoint: Path, params: Path, tmp_path: Path
) -> None:
    image_ids = [sample.image_id for sample in read_samples(shards_folder, "test")]
    for image_id in image_ids[:2]:
        chosen = ("--set", f"layers.image_id='{image_id}'")
        out = tmp_path / image_id
        run_stage("layers", shards_folder, checkpoint, out, "--params", params, *chosen)
    first, second = (files(tmp_path / image_id) for image_id in image_ids[:2])
    assert first["activations_conv2.png"] != second["activations_conv2.png"]
    assert first["filters_conv1.png"] == second["filters_conv1.png"]


@pytest.mark.parametrize("layer", ["conv1", "1"])
def test_any_photograph_and_layer_can_be_shown_without_shards(
    checkpoint: Path, params: Path, photo: Path, tmp_path: Path, layer: str
) -> None:
    out = tmp_path / "out"
    result = run_stage(
        "layers", checkpoint, out, "--image", photo, "--layer", layer, "--params", params
    )
    assert result.status == 0, result.err
    assert "activations_conv1.png" in files(out)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["{checkpoint}", "{out}"], "paths: expected SHARDS MODEL OUTPUT"),
        (["{shards}", "{checkpoint}", "{out}", "--layer", "conv9"], "1 conv1, .*; found 'conv9'"),
        (["{shards}", "{checkpoint}", "{out}", "--set", "layers.layer=7"], "found '7'"),
        (["{shards}", "{checkpoint}", "{out}", "--set", "layers.image_id=x"], "layers.image_id"),
        (["{shards}", "{photo}", "{out}"], "holiday.png: not a"),
        (["{checkpoint}", "{out}", "--image", "none.jpg"], "none.jpg: cannot be read"),
        (["{checkpoint}", "{out}", "--image", "{checkpoint}"], "an image"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(
    arguments: list[str], expected: str, places: dict[str, Path], params: Path, tmp_path: Path
) -> None:
    before = sorted(tmp_path.rglob("*"))
    filled = [each.format(**places) for each in arguments]
    result = run_stage("layers", *filled, "--params", params)
    assert re.search(expected, result.error), result.error
    assert sorted(tmp_path.rglob("*")) == before
