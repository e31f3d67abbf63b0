import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from objloc.data.image_batch import FeatureRows, ImageBatch, pixels_of
from objloc.errors import ObjlocError
from objloc.network.backbones.catalogue import load_backbone
from objloc.network.checkpoint import combine, load_checkpoint, save_checkpoint
from objloc.network.feature_store import load_store, open_features, read_feature_index
from objloc.network.pyramid import PretrainedPyramid
from objloc.params import Encoder, load_params
from tests.helpers.buckets import s3_served
from tests.helpers.commands import Result, run_stage, write_params
from tests.helpers.workplaces import working_in

PARAMS = """
train: {agent: tiny}
evaluate: {episodes: 1, max_windows: 12, image_sets: [val]}
agents:
  tiny:
    mdp:
      max_steps: 6
      zooms: true
      further_step_sizes: [0.4]
      reward: difference
      starts: [[1, 1.0], [2, 0.6]]
    encoder:
      {kind: pretrained, image_size: 64, neck_width: 8, pool: 3, cell_width: 4,
       category_channels: 2}
    head: {hidden: [8], joint: [8], presence: true}
    learning:
      {discount: 0.0, loss: logistic, images_per_batch: 4, windows_per_image: 4,
       object_windows: 0.5, flip: true}
    replay: {size: 200, init_size: 10}
    schedule: {environments: 4, episodes_per_image: 1, passes: 2, evaluations: 2}
"""


@pytest.fixture
def params_file(store_root: Path) -> Path:
    path = store_root / "params.yaml"
    path.write_text(PARAMS)
    return path


@pytest.fixture(scope="module")
def encoded(
    shards_folder: Path, empty_store: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A folder with a store of features, and the run of a training from it. Read only."""
    with working_in(tmp_path_factory.mktemp("encoded"), empty_store) as root:
        params = ("--params", write_params(root, PARAMS))
        result = run_stage("encode", shards_folder, root / "features", *params)
        assert result.status == 0, result.err
        features = ("--features", root / "features")
        result = run_stage("train", shards_folder, root / "run", *features, *params)
        assert result.status == 0, result.err
    return root


@pytest.fixture
def features(encoded: Path) -> Path:
    return encoded / "features"


def rows_of(images: ImageBatch, backbone: str) -> torch.Tensor:
    """Rows of a batch that must hold a backbone's."""
    assert isinstance(images, FeatureRows)
    return images.by_backbone[backbone]


def encoder_of(params_file: Path) -> Encoder:
    return load_params(params_file).agent.encoder


def test_features_are_those_that_the_network_computes_from_the_images(
    shards_folder: Path, params_file: Path, features: Path
) -> None:
    encoder = encoder_of(params_file)
    stored = load_store(shards_folder, "train", ("cat", "dog"), [encoder], [features], 1000)
    seen = load_store(shards_folder, "train", ("cat", "dog"), [encoder], [], 1000)
    rows = torch.tensor([0, 3, 5])
    pyramid = PretrainedPyramid(encoder)
    pixels = pixels_of(seen.images[rows])
    plain, turned = pyramid.rows(pixels), pyramid.rows(pixels.flip(-1))
    assert torch.equal(rows_of(stored.images[rows], encoder.backbone), plain)
    for mirrored in ([False, False, False], [True, False, True]):
        found = stored.images.partly_mirrored(rows, torch.tensor(mirrored))
        expected = [turned[n] if each else plain[n] for n, each in enumerate(mirrored)]
        assert torch.equal(rows_of(found, encoder.backbone), torch.stack(expected))
    assert torch.equal(stored.boxes, seen.boxes)


def test_a_large_store_is_mapped_and_reads_the_same(params_file: Path, features: Path) -> None:
    encoder = encoder_of(params_file)
    rows = torch.tensor([1, 0])
    hash_ = read_feature_index(features).data_hash
    loaded = open_features(features, "val", hash_, encoder, 1000)
    mapped = open_features(features, "val", hash_, encoder, 0)
    assert torch.equal(loaded[rows], mapped[rows])
    assert mapped.mirrored is None  # only training images are mirrored
    with pytest.raises(ObjlocError, match="features of mirrored images too; found none"):
        mapped.partly_mirrored(rows, rows > 0)


def test_networks_of_two_backbones_are_measured_from_two_stores(
    shards_folder: Path, params_file: Path, encoded: Path, features: Path
) -> None:
    root = params_file.parent
    larger = ("--params", params_file, "--set", "agents.tiny.encoder.backbone=efficientnet-lite2")
    assert run_stage("encode", shards_folder, root / "two", *larger).status == 0
    trained = run_stage("train", shards_folder, root / "run", "--features", root / "two", *larger)
    assert trained.status == 0, trained.err
    parts = {
        name: load_checkpoint(folder / "run" / "checkpoint.pt")
        for name, folder in (("one", encoded), ("two", root))
    }
    save_checkpoint(root / "both.pt", combine(parts))
    measure = ("evaluate", shards_folder, root / "both.pt")
    found = {}
    for name, stores in (("images", ()), ("rows", (root / "two", features))):
        given = [part for each in stores for part in ("--features", each)]
        measured = run_stage(*measure, root / name, "--params", params_file, *given)
        assert measured.status == 0, measured.err
        found[name] = (root / name / "metrics.json").read_text()
    assert found["images"] == found["rows"]
    refused = run_stage(*measure, root / "no", "--params", params_file, "--features", features)
    assert refused.status != 0
    assert "of backbone efficientnet-lite2; found efficientnet-lite0" in refused.err
    twice = [part for each in (features, features) for part in ("--features", each)]
    refused = run_stage(*measure, root / "no", "--params", params_file, *twice)
    assert "--features: expected a store of backbone efficientnet-lite2" in refused.err
    assert not (root / "no").exists()


def test_an_image_of_two_sets_is_computed_once(shards_folder: Path, params_file: Path) -> None:
    out = params_file.parent / "both"
    arguments = ("--set", "train.val_image_set=train", "--set", "evaluate.image_sets=[train]")
    result = run_stage("encode", shards_folder, out, "--params", params_file, *arguments)
    assert result.status == 0, result.err
    index = read_feature_index(out)
    assert list(index.image_sets) == ["train"]
    assert np.load(out / "features.npy", mmap_mode="r").shape[0] == index.images
    assert index.images == len(set(index.image_sets["train"]))


def test_training_and_evaluation_work_from_features(
    shards_folder: Path, params_file: Path, encoded: Path, features: Path
) -> None:
    run = encoded / "run"
    options = ("--features", features, "--params", params_file)
    checkpoint = load_checkpoint(run / "checkpoint.pt")
    assert not any("backbone" in name for name in checkpoint.state)
    out = params_file.parent / "evaluated"
    measured = run_stage("evaluate", shards_folder, run / "checkpoint.pt", out, *options)
    assert measured.status == 0, measured.err
    found = json.loads((out / "metrics.json").read_text())["val"]["search"]
    assert found["curve"][-1]["budget"] == 12
    assert 0 < found["curve"][-1]["windows"] <= 12
    assert 0 <= found["curve"][-1]["recall_0.5"] <= 1


@pytest.mark.parametrize("setting", ["kind=map", "fine_tune=all", "stored=false"])
def test_an_agent_that_reads_images_has_nothing_to_encode(
    shards_folder: Path, params_file: Path, setting: str
) -> None:
    out = params_file.parent / "none"
    options = ("--params", params_file, "--set", f"agents.tiny.encoder.{setting}")
    result = run_stage("encode", shards_folder, out, *options)
    assert result.status == 0, result.err
    assert [path.name for path in out.iterdir()] == ["index.json"]


def test_a_backbone_is_trained_on_crops_drawn_anew(
    shards_folder: Path, params_file: Path, features: Path
) -> None:
    """The store that is given is left alone: what it holds cannot be cropped."""
    run = params_file.parent / "tuned"
    options = ("--features", features, "--params", params_file)
    trained = run_stage(
        "train", shards_folder, run, *options,
        "--set", "agents.tiny.encoder.stored=false",
        "--set", "agents.tiny.encoder.fine_tune=last_two",
        "--set", "agents.tiny.learning.crop=0.4",
        "--set", "agents.tiny.schedule.passes=1",
        "--set", "agents.tiny.learning.jitter=0.2",
    )  # fmt: skip
    assert trained.status == 0, trained.err
    name = "encoder.pyramid.last_stages.0.0._expand_conv.weight"
    first = load_backbone(Encoder(kind="pretrained")).last_stages(2)[0].state_dict()
    learned = load_checkpoint(run / "checkpoint.pt").state[name]
    assert not torch.equal(learned, first["0._expand_conv.weight"])
    out = params_file.parent / "measured"
    measured = run_stage("evaluate", shards_folder, run / "checkpoint.pt", out, *options)
    assert measured.status == 0, measured.err


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ("agents.tiny.encoder.image_size=96", "expected features of image_size 96; found 64"),
        ("train.val_image_set=test", "expected image set 'test'; found train, val"),
        ("agents.tiny.encoder.precision=bfloat16", "features of precision bfloat16; found float32"),
    ],
)
def test_a_store_of_other_features_is_refused_by_name(
    change: str, complaint: str, shards_folder: Path, params_file: Path, features: Path
) -> None:
    out = params_file.parent / "refused"
    result = run_stage(
        "train", shards_folder, out, "--features", features, "--params", params_file,
        "--set", change,
    )  # fmt: skip
    assert complaint in result.error


def test_a_missing_extra_is_named(
    shards_folder: Path, params_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "efficientnet_lite_pytorch", None)
    out = params_file.parent / "missing"
    result = run_stage("encode", shards_folder, out, "--params", params_file)
    assert "the extra 'pretrained'" in result.error
    assert not out.exists()


def test_a_pipeline_on_shards_and_features_by_url_trains_the_same_agent(
    shards_folder: Path, params_file: Path, encoded: Path, store_root: Path
) -> None:
    params = ("--params", params_file)

    def run(name: str, *arguments: str | Path, sets: Sequence[str] = ()) -> Result:
        options = [part for each in sets for part in ("--set", each)]
        result = run_stage(name, *arguments, *params, *options)
        assert result.status == 0, result.err
        return result

    with s3_served(store_root / "cache") as s3:
        shards = s3.put_folder(shards_folder, "shards")
        features = s3.put_folder(encoded / "features", "features")
        named = ["dataset.name=shards", f"dataset.path={shards}"]
        run("download", store_root / "manifest.json", store_root / "devkit", sets=named)
        assert "cat" in run("shard", store_root / "devkit", store_root / "shards").out
        assert not list(store_root.glob("shards/*.tar"))
        run("encode", store_root / "shards", store_root / "features",
            sets=[f"encode.url={features}"])  # fmt: skip
        assert not list(store_root.glob("features/*.npy"))
        stored = ("--features", store_root / "features")
        run("train", store_root / "shards", store_root / "run", *stored)
        for name in ("checkpoint.pt", "final.pt"):
            trained = (store_root / "run" / name).read_bytes()
            assert trained == (encoded / "run" / name).read_bytes()
        model = store_root / "run" / "checkpoint.pt"
        run("evaluate", shards, model, store_root / "evaluated", "--features", features)
        # Rows that changed in the cache are fetched again.
        (cached,) = store_root.glob("cache/*-features.npy")
        content = bytearray(cached.read_bytes())
        cached.write_bytes(content[:-1] + b"x")
        hash_ = read_feature_index(store_root / "features").data_hash
        open_features(store_root / "features", "val", hash_, encoder_of(params_file), 0)
        assert cached.read_bytes() == content
        for setting, message in (
            ("dataset.data_hash=" + "ab" * 32, "expected dataset.data_hash abab"),
            ("dataset.path=data/shards", "dataset.path: expected the URL of shards"),
        ):
            overrides = [part for each in (*named, setting) for part in ("--set", each)]
            arguments: tuple[str | Path, ...] = (
                store_root / "manifest.json", store_root / "other", *params, *overrides,
            )  # fmt: skip
            assert message in run_stage("download", *arguments).error
        for setting, message in (
            ("encode.checksum=" + "ab" * 32, "expected encode.checksum abab"),
            ("agents.tiny.encoder.image_size=96", "expected features of image_size 96; found 64"),
        ):
            overrides = ["--set", f"encode.url={features}", "--set", setting]
            result = run_stage("encode", shards, store_root / "other", *params, *overrides)
            assert result.error.startswith(f"{features}: {message}")
        assert not (store_root / "other").exists()
        # The cache is whole; with the hashes stated no server is needed.
        s3.stop()
        checksum = json.loads((encoded / "features" / "index.json").read_text("utf-8"))["checksum"]
        sets = [f"dataset.data_hash={hash_}", f"encode.checksum={checksum}"]
        run("download", store_root / "manifest.json", store_root / "devkit", sets=[*named, *sets])
        run("encode", shards, store_root / "features", sets=[f"encode.url={features}", *sets])
        again = store_root / "again"
        run("evaluate", shards, model, again, "--features", features, sets=sets)
        metrics = (store_root / "evaluated" / "metrics.json").read_bytes()
        assert (again / "metrics.json").read_bytes() == metrics
