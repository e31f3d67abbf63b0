"""Feature stores written by hand: which row is whose, and what is refused."""

import os
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from objloc.data.image_batch import FeatureRows
from objloc.errors import ObjlocError
from objloc.network.backbones.catalogue import info_of
from objloc.network.backbones.stored_maps import StoredFeatures, StoredMaps
from objloc.network.feature_store import (
    FEATURES_FILE,
    INDEX_FILE,
    MIRRORED_FILE,
    FeatureIndex,
    made_otherwise,
    making,
    open_features,
    read_feature_index,
    write_feature_index,
)
from objloc.params import Encoder

ENCODER = Encoder(kind="pretrained", image_size=32)
HASH = "ab" * 32
LENGTH = info_of(ENCODER).length(32)
INDEX = FeatureIndex(
    backbone=ENCODER.backbone,
    weights=info_of(ENCODER).weights,
    precision="float32",
    image_size=32,
    data_hash=HASH,
    images=4,
    mirrored=2,
    image_sets={"train": [1, 0], "val": [2, 3]},
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A store whose row n holds n everywhere, of the mirror image -n - 1."""
    rows = np.arange(4, dtype=np.int8)[:, None].repeat(LENGTH, axis=1)
    np.save(tmp_path / FEATURES_FILE, rows)
    np.save(tmp_path / MIRRORED_FILE, -1 - rows[:2])
    write_feature_index(tmp_path, INDEX)
    return tmp_path


def first(rows: torch.Tensor) -> list[int]:
    return [int(each) for each in rows[:, 0]]


def test_an_index_comes_back_as_it_was_written(folder: Path) -> None:
    assert read_feature_index(folder) == INDEX


@pytest.mark.parametrize("memory_mb", [0, 1000])
def test_images_are_fetched_in_the_order_of_their_set(folder: Path, memory_mb: int) -> None:
    maps = open_features(folder, "train", HASH, ENCODER, memory_mb)
    assert first(maps[torch.tensor([0, 1, 1])]) == [1, 0, 0]
    mirrored = torch.tensor([True, False, True])
    assert first(maps.partly_mirrored(torch.tensor([0, 1, 1]), mirrored)) == [-2, 0, -1]
    val = open_features(folder, "val", HASH, ENCODER, memory_mb)
    assert first(val[torch.tensor([1])]) == [3]


@pytest.mark.parametrize("memory_mb", [0, 1000])
@pytest.mark.parametrize("file", [FEATURES_FILE, MIRRORED_FILE])
def test_a_row_that_changed_is_noticed_before_it_is_used(
    folder: Path, memory_mb: int, file: str
) -> None:
    plain, mirrored = (
        [zlib.crc32(row) for row in np.load(folder / name)]
        for name in (FEATURES_FILE, MIRRORED_FILE)
    )
    index = replace(INDEX, checksums=plain, mirrored_checksums=mirrored)
    write_feature_index(folder, index)
    with (folder / file).open("r+b") as opened:
        opened.seek(-5, 2)  # in row 3 or 1, the last of its file
        opened.write(b"\x77")
    maps = open_features(folder, "train", HASH, ENCODER, memory_mb)
    turned, both = torch.tensor([False, True]), torch.tensor([1, 1])
    assert first(maps.partly_mirrored(both, turned)) == [0, -1]
    with pytest.raises(  # noqa: PT012  # two ways to read
        ObjlocError, match=rf"{file}: damaged: row \d: expected CRC-32 [0-9a-f]{{8}}"
    ):
        if file == MIRRORED_FILE:
            maps.partly_mirrored(torch.tensor([0, 0]), turned)
        else:
            open_features(folder, "val", HASH, ENCODER, memory_mb)[torch.tensor([1])]


def test_a_file_that_is_cut_while_it_is_in_use_is_noticed(folder: Path) -> None:
    maps = open_features(folder, "train", HASH, ENCODER, 0)
    path = folder / FEATURES_FILE
    os.truncate(path, path.stat().st_size - 3 * LENGTH)
    with pytest.raises(ObjlocError, match=rf"damaged: row 1: expected {LENGTH} bytes; found 0"):
        maps[torch.tensor([0])]


def test_an_index_that_changed_is_noticed(folder: Path) -> None:
    path = folder / INDEX_FILE
    text = path.read_text()
    path.write_text(text.replace('"images": 4', '"images": 3'))
    with pytest.raises(ObjlocError, match=r"index.json: damaged: expected checksum"):
        read_feature_index(folder)
    path.write_text(text[: text.rindex(",")] + "}")
    assert read_feature_index(folder) == INDEX, "an older index has no checksum"


def test_stores_made_otherwise_are_noted(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = making(ENCODER, 16, torch.device("cpu"))
    assert here == {"device": "cpu", "arithmetic": "float32", "tf32": False, "batch": 16}
    assert list(made_otherwise([folder], {ENCODER.backbone: here})) == [], "an older store"
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "GPU 9")
    there = making(ENCODER, 64, torch.device("cuda"))
    assert there == {"device": "GPU 9", "arithmetic": "float32", "tf32": True, "batch": 64}
    write_feature_index(folder, replace(INDEX, made=there))
    assert read_feature_index(folder).made == there
    assert list(made_otherwise([folder], {ENCODER.backbone: there, "other": here})) == []
    assert list(made_otherwise([folder], {"other": here})) == []
    assert list(made_otherwise([folder], {ENCODER.backbone: here})) == [
        f"{folder}: expected features made on cpu in float32, 16 images at once; found those made "
        f"on GPU 9 in float32 with TF32, 64 images at once: they differ by rounding, and results "
        f"may"
    ]


def test_mirrored_images_that_are_not_stored_are_missed(folder: Path) -> None:
    val = open_features(folder, "val", HASH, ENCODER, 1000)
    with pytest.raises(ObjlocError, match=r"learning.flip: expected features of mirrored images"):
        val.partly_mirrored(torch.tensor([0]), torch.tensor([False]))


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"backbone": "efficientnet-lite1"}, "features of backbone efficientnet-lite0; found eff"),
        ({"weights": "other"}, "features of weights .*; found other"),
        ({"precision": "bfloat16"}, "features of precision float32; found bfloat16"),
        ({"image_size": 64}, "features of image_size 32; found 64"),
        ({"data_hash": "cd" * 32}, "features of shards abababababab; found cdcdcdcdcdcd"),
        ({"image_sets": {}}, "expected image set 'train'; found none"),
        ({"images": 5}, r"features.npy: expected int8 \[5, .*\]; found int8 \[4, "),
    ],
    ids=lambda each: next(iter(each)) if isinstance(each, dict) else "",
)
def test_another_store_is_refused(folder: Path, change: dict[str, object], complaint: str) -> None:
    write_feature_index(folder, replace(INDEX, **change))  # type: ignore[arg-type]
    with pytest.raises(ObjlocError, match=complaint):
        open_features(folder, "train", HASH, ENCODER, 1000)


@pytest.mark.parametrize("text", [None, "", "[]", '{"format": "objloc features 2"}'])
def test_what_is_no_index_is_refused(folder: Path, text: str | None) -> None:
    if text is None:
        (folder / INDEX_FILE).unlink()
    else:
        (folder / INDEX_FILE).write_text(text)
    with pytest.raises(ObjlocError, match="expected the index of a feature store; found none"):
        read_feature_index(folder)


def test_rows_of_several_backbones_are_of_the_same_images() -> None:
    """Each backbone's rows, whatever order its file has them in."""
    one = StoredMaps(torch.tensor([[10], [11]]), torch.tensor([0, 1]))
    two = StoredMaps(torch.tensor([[21, 21], [20, 20]]), torch.tensor([1, 0]))
    batch = StoredFeatures({"one": one, "two": two})[torch.tensor([1, 1, 0])]
    assert isinstance(batch, FeatureRows)
    assert len(batch) == 3
    assert batch.by_backbone["one"].tolist() == [[11], [11], [10]]
    assert batch.by_backbone["two"].tolist() == [[21, 21], [21, 21], [20, 20]]
