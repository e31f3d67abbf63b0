"""Writing a feature store, with a backbone whose rows tell the image."""

import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from objloc.data.decode import squash
from objloc.data.shard_index import read_index
from objloc.data.shard_reader import read_samples
from objloc.network import write_features as encode
from objloc.network.backbones.catalogue import info_of
from objloc.network.device import CPU
from objloc.network.feature_store import (
    FEATURES_FILE,
    MIRRORED_FILE,
    making,
    read_feature_index,
)
from objloc.network.write_features import encode_sets
from objloc.params import Encoder

ENCODER = Encoder(kind="pretrained", image_size=32)
LENGTH = info_of(ENCODER).length(32)


class Corners:
    """Takes the levels of an image's first row of pixels for its features."""

    def rows(self, images: Tensor) -> Tensor:
        """``[N, L]`` int8."""
        assert images.shape[1:] == (3, 32, 32)
        row = (images[:, 0, 0].int() - 128).to(torch.int8)
        return torch.cat([row, torch.zeros(len(row), LENGTH - 32, dtype=torch.int8)], dim=1)


@pytest.fixture
def backbone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encode, "backbone_of", lambda *_: Corners())


@pytest.mark.usefixtures("backbone")
@pytest.mark.parametrize(("batch", "cores"), [(3, 1), (3, 4), (64, 2)])
def test_each_image_has_one_row_and_mirrored_sets_come_first(
    shards_folder: Path,
    tmp_path: Path,
    batch: int,
    cores: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(encode, "cores", lambda: cores)
    sets = ("val", "train", "train+val")
    done = list(encode_sets(shards_folder, tmp_path, sets, ("train",), ENCODER, batch, CPU))
    index = read_feature_index(tmp_path)
    train, val = (list(read_samples(shards_folder, name)) for name in ("train", "val"))
    assert index.data_hash == read_index(shards_folder).data_hash
    assert (index.images, index.mirrored) == (len(train) + len(val), len(train))
    assert done[-1] == (index.images, index.images)
    assert [each for each, _ in done[:-1]] == list(range(batch, index.images, batch))
    rows, mirrored = np.load(tmp_path / FEATURES_FILE), np.load(tmp_path / MIRRORED_FILE)
    assert len(mirrored) == len(train)
    assert index.checksums == [zlib.crc32(row) for row in rows]
    assert index.mirrored_checksums == [zlib.crc32(row) for row in mirrored]
    assert index.made == making(ENCODER, batch, CPU)
    # A file as NumPy itself writes it.
    np.save(tmp_path / "same.npy", rows)
    assert (tmp_path / "same.npy").read_bytes() == (tmp_path / FEATURES_FILE).read_bytes()
    for name, samples in (("train", train), ("val", val)):
        for row, sample in zip(index.image_sets[name], samples, strict=True):
            expected = squash(sample.jpeg, sample.image_id, 32)[0, 0].int() - 128
            assert rows[row, :32].tolist() == expected.tolist()
            if name == "train":
                assert mirrored[row, :32].tolist() == expected.flip(0).tolist()
    both = index.image_sets["train"] + index.image_sets["val"]
    assert sorted(index.image_sets["train+val"]) == sorted(both) == list(range(index.images))


@pytest.mark.usefixtures("backbone")
def test_a_store_of_no_sets_is_empty(shards_folder: Path, tmp_path: Path) -> None:
    assert list(encode_sets(shards_folder, tmp_path, (), (), ENCODER, 4, CPU)) == []
    index = read_feature_index(tmp_path)
    assert (index.images, index.made) == (0, None), "it is the same on every machine"
    assert not (tmp_path / FEATURES_FILE).exists()
