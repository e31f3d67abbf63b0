"""A devkit and its shards, for the tests of shards, of their index and of their reader."""

import shutil
from pathlib import Path

import pytest

from objloc import params
from objloc.data.shards import write_shards
from objloc.data.voc.devkit import open_devkit
from tests.helpers.devkits import make_devkit

IMAGES = {"train": 7, "val": 3, "test": 4}


@pytest.fixture(scope="session")
def devkit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A devkit of four image sets, of which trainval unites two. Read only."""
    return make_devkit(tmp_path_factory.mktemp("devkit"), IMAGES, trainval=True)


@pytest.fixture(scope="session")
def written(devkit: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shards of the devkit, of at most four samples each. Read only."""
    folder = tmp_path_factory.mktemp("shards") / "out"
    write_shards(open_devkit(devkit), folder, params.Shard(samples_per_shard=4))
    return folder


@pytest.fixture
def shards(written: Path, tmp_path: Path) -> Path:
    """Copy of the shards, to be damaged."""
    return Path(shutil.copytree(written, tmp_path / "copy"))
