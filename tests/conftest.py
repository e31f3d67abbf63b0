"""What tests of several rooms share."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings

# First, before anything loads PyTorch: two workers share two cores, and threads wait asleep.
os.environ.setdefault("OMP_NUM_THREADS", "1")
import stages._command  # noqa: F401
from objloc import params
from objloc.data.shards import write_shards
from objloc.data.voc.devkit import open_devkit
from tests.helpers.devkits import make_devkit
from tests.helpers.shared import made_once
from tests.helpers.warm import warm_python
from tests.helpers.workplaces import working_in

# The same examples everywhere; nothing depends on the time that one takes, nor is kept.
settings.register_profile(
    "objloc",
    derandomize=True,
    deadline=None,
    database=None,
    max_examples=int(os.environ.get("OBJLOC_EXAMPLES", "20")),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("objloc")
# For mutation testing: that a test fails is enough, whatever the simplest example.
settings.register_profile("mutants", settings(phases=(Phase.explicit, Phase.generate)))


@pytest.fixture(scope="session", autouse=True)
def _no_store_of_the_users(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test writes states, logs or runs into the repository it is run from.

    For the whole session: what tests share is made before any fixture of a test.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DVC_ROOT", str(tmp_path_factory.getbasetemp()))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        yield


@pytest.fixture(scope="session")
def devkit_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A miniature devkit: 12 train, 6 val and 6 test images of cats and dogs. Read only."""
    return made_once(tmp_path_factory, "devkit", make_devkit) / "VOCdevkit"


@pytest.fixture(scope="session")
def shards_folder(devkit_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The miniature devkit as shards, one for each image set. Read only."""

    def make(folder: Path) -> None:
        write_shards(open_devkit(devkit_folder), folder / "shards", params.Shard())

    return made_once(tmp_path_factory, "shards", make) / "shards"


@pytest.fixture(scope="session")
def evaluated_run(shards_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder: a model that finds a few objects, evaluated on val and test. Read only."""
    from tests.helpers.analyses import make_evaluated_run  # noqa: PLC0415 - slow, and few tests need it

    def make(folder: Path) -> None:
        make_evaluated_run(folder / "run", shards_folder)

    return made_once(tmp_path_factory, "run", make) / "run"


@pytest.fixture(scope="session")
def warm() -> Iterator[Path]:
    """Folder of a ``python`` that starts at once, for the stages of miniature projects."""
    with warm_python() as folder:
        yield folder


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new MLflow database without a run: making one takes seconds. To be copied."""
    from mlflow import MlflowClient  # noqa: PLC0415 - slow, and most tests need none

    def make(folder: Path) -> None:
        MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")

    return made_once(tmp_path_factory, "store", make) / "mlflow.db"


@pytest.fixture
def store_root(empty_store: Path, tmp_path: Path) -> Iterator[Path]:
    """A repository root and working folder with an MLflow store of its own."""
    root = tmp_path / "root"
    root.mkdir()
    with working_in(root, empty_store):
        yield root
