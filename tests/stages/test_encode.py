import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from objloc.agent.backbone import load_backbone
from objloc.agent.checkpoint import load_checkpoint
from objloc.agent.crops import draw_crop, image_of, picture_of_crop
from objloc.agent.features import load_store, open_features, read_feature_index
from objloc.agent.pyramid import PretrainedPyramid
from objloc.params import Encoder, load_params
from objloc.voc.shard_reader import read_samples
from tests.commands import run_stage

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


@pytest.fixture
def features(shards_folder: Path, params_file: Path) -> Path:
    out = params_file.parent / "features"
    result = run_stage("encode", shards_folder, out, "--params", params_file)
    assert result.status == 0, result.err
    return out


def encoder_of(params_file: Path) -> Encoder:
    return load_params(params_file).agent.encoder


def test_features_are_those_that_the_network_computes_from_the_images(
    shards_folder: Path, params_file: Path, features: Path
) -> None:
    encoder = encoder_of(params_file)
    stored = load_store(shards_folder, "train", ("cat", "dog"), encoder, features, 1000)
    seen = load_store(shards_folder, "train", ("cat", "dog"), encoder, None, 1000)
    rows = torch.tensor([0, 3, 5])
    pyramid = PretrainedPyramid(encoder)
    assert torch.equal(stored.images[rows], pyramid.rows(seen.images[rows]))
    assert stored.mirrored is not None
    assert torch.equal(stored.mirrored[rows], pyramid.rows(seen.images[rows].flip(-1)))
    assert torch.equal(stored.boxes, seen.boxes)


def test_a_large_store_is_mapped_and_reads_the_same(params_file: Path, features: Path) -> None:
    encoder = encoder_of(params_file)
    rows = torch.tensor([1, 0])
    hash_ = read_feature_index(features).data_hash
    loaded, _ = open_features(features, "val", hash_, encoder, 1000)
    mapped, none = open_features(features, "val", hash_, encoder, 0)
    assert torch.equal(loaded[rows], mapped[rows])
    assert none is None  # only training images are mirrored


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
    shards_folder: Path, params_file: Path, features: Path
) -> None:
    run = params_file.parent / "run"
    options = ("--features", features, "--params", params_file)
    trained = run_stage("train", shards_folder, run, *options)
    assert trained.status == 0, trained.err
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
        "--set", "agents.tiny.learning.jitter=0.2",
    )  # fmt: skip
    assert trained.status == 0, trained.err
    name = "encoder.pyramid.last_stages.0.0._expand_conv.weight"
    first = load_backbone("efficientnet-lite0").last_stages(2)[0].state_dict()
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


CROPS = ("--set", "agents.tiny.learning.stored_crops=2", "--set", "agents.tiny.learning.crop=0.5")


def test_crops_are_encoded_beside_the_images_they_are_of(
    shards_folder: Path, params_file: Path, features: Path
) -> None:
    out = params_file.parent / "crops"
    result = run_stage("encode", shards_folder, out, "--params", params_file, *CROPS)
    assert result.status == 0, result.err
    agent = load_params(params_file, CROPS[1::2]).agent
    arguments = (shards_folder, "train", ("cat", "dog"), agent.encoder)
    plain = load_store(*arguments, features, 1000)
    store = load_store(*arguments, out, 1000, agent.learning)
    assert len(store) == 3 * len(plain)
    everything = torch.arange(len(plain))
    assert torch.equal(store.images[everything], plain.images[everything])
    samples = list(read_samples(shards_folder, "train"))
    pyramid = PretrainedPyramid(agent.encoder)
    for number in (0, 1):
        for row in (0, 5):
            crop = (1 + number) * len(plain) + row
            place = draw_crop(samples[row], number, 0.5)
            shown = picture_of_crop(samples[row], number, place, 0.0, 64)[None]
            assert image_of(store.image_ids[crop]) == plain.image_ids[row]
            assert torch.equal(store.images[torch.tensor([crop])], pyramid.rows(shown))
            assert store.mirrored is not None
            mirrored = store.mirrored[torch.tensor([crop])]
            assert torch.equal(mirrored, pyramid.rows(shown.flip(-1)))
            width = (place[2] - place[0]) * samples[row].width
            assert store.sizes[crop, 0].item() == pytest.approx(width)
    assert len(load_store(*arguments, out, 1000)) == len(plain)
    fewer = agent.learning.model_copy(update={"stored_crops": 1})
    assert len(load_store(*arguments, out, 1000, fewer)) == 2 * len(plain)
    assert load_store(*arguments, out, 1000, fewer).image_ids == store.image_ids[: 2 * len(plain)]
    val = load_store(shards_folder, "val", ("cat", "dog"), agent.encoder, out, 1000)
    alone = load_store(shards_folder, "val", ("cat", "dog"), agent.encoder, features, 1000)
    rows = torch.arange(len(val))
    assert torch.equal(val.images[rows], alone.images[rows])


def test_training_learns_from_crops_and_refuses_a_store_without_them(
    shards_folder: Path, params_file: Path, features: Path
) -> None:
    out = params_file.parent / "crops"
    options = ("--params", params_file, *CROPS)
    assert run_stage("encode", shards_folder, out, *options).status == 0
    run = params_file.parent / "cropped"
    trained = run_stage("train", shards_folder, run, "--features", out, *options)
    assert trained.status == 0, trained.err
    refused = run_stage(
        "train", shards_folder, params_file.parent / "no", "--features", features, *options
    )
    assert (
        "expected 2 crops of each training image (crop 0.5, jitter 0.0); found 0" in refused.error
    )
    other = run_stage(
        "train", shards_folder, params_file.parent / "no", "--features", out, *options,
        "--set", "agents.tiny.learning.crop=0.4",
    )  # fmt: skip
    assert "(crop 0.4, jitter 0.0); found 2 (crop 0.5, jitter 0.0)" in other.error
