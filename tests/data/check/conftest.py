import shutil
from pathlib import Path

import pytest

from tests.helpers.own_data import make_flat


@pytest.fixture(scope="module")
def pets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images beside XML files, in order. Read only."""
    return make_flat(tmp_path_factory.mktemp("own") / "pets", 60)


@pytest.fixture
def folder(pets: Path, tmp_path: Path) -> Path:
    """Copy of the folder, to be damaged."""
    return shutil.copytree(pets, tmp_path / "pets")
