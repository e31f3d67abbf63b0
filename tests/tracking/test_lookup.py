import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from objloc.errors import ObjlocError
from objloc.evaluation.read import read_metrics
from objloc.files import file_hash
from objloc.serving.contest_entry import entry_of
from objloc.tracking.contest import Entry
from objloc.tracking.lookup import find_model, holds, look_up
from objloc.tracking.store import connect
from objloc.tracking.versions import checkpoint_of, find_version
from tests.helpers.registrations import enter

ADDRESSES = ("models:/objloc/1", "models:/objloc/02", "models:/objloc@champion")
MISSING = ("models:/objloc/7", "models:/objloc@best", "models:/other/1", "models:/objloc/latest")

WITHOUT_MLFLOW = """
import sys
from objloc.search.localiser import model_path
print(model_path(sys.argv[1]))
loaded = {"mlflow", "sqlalchemy", "alembic", "pandas", "matplotlib", "requests"} & set(sys.modules)
assert not loaded, loaded
"""


@pytest.fixture
def models(light_models: Path) -> Path:
    """Root of a store with two versions, of which the second is champion."""
    for seed, value in ((0, 0.5), (1, 0.6)):
        enter(light_models, seed, value)
    return light_models


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_model_is_the_one_that_mlflow_finds(models: Path, address: str) -> None:
    assert (models / "mlflow.db").is_file()
    client = connect()
    assert look_up(address) == checkpoint_of(client, find_version(client, address))


@pytest.mark.usefixtures("models")
@pytest.mark.parametrize("address", MISSING)
def test_what_is_not_there_is_left_to_mlflow(address: str) -> None:
    assert look_up(address) is None
    with pytest.raises(ObjlocError, match=rf"^model '{address}': {address}: expected "):
        find_model(address)


def change(root: Path, statement: str) -> None:
    with closing(sqlite3.connect(root / "mlflow.db")) as store:
        store.execute(statement)
        store.commit()


def damage_the_store(root: Path) -> None:
    path = root / "mlflow.db"
    path.write_bytes(path.read_bytes()[:-5000])


def damage_the_model(root: Path) -> None:
    for path in (root / "models").rglob("checkpoint.pt"):
        path.write_bytes(path.read_bytes()[:-1] + b"x")


BROKEN: dict[str, Callable[[Path], object]] = {
    "no store": lambda root: (root / "mlflow.db").unlink(),
    "damaged store": damage_the_store,
    "unknown form": lambda root: change(root, "UPDATE alembic_version SET version_num = 'other'"),
    "no aliases": lambda root: change(root, "DELETE FROM registered_model_aliases"),
    "deleted": lambda root: change(
        root, "UPDATE model_versions SET current_stage = 'Deleted_Internal'"
    ),
    "elsewhere": lambda root: change(
        root, "UPDATE model_versions SET storage_location = 's3://a/b'"
    ),
    "another workspace": lambda root: change(root, "UPDATE model_versions SET workspace = 'b'"),
    "no hash": lambda root: change(root, "DELETE FROM model_version_tags"),
    "damaged model": damage_the_model,
    "lost model": lambda root: shutil.rmtree(root / "models"),
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_model_that_is_not_whole_is_left_to_mlflow(models: Path, how: str) -> None:
    assert look_up("models:/objloc/1") is not None
    BROKEN[how](models)
    assert look_up("models:/objloc/1") is None


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("MLFLOW_TRACKING_URI", "https://example.org/mlflow"),
        ("MLFLOW_REGISTRY_URI", "https://example.org/mlflow"),
        ("MLFLOW_WORKSPACE", "other"),
    ],
)
def test_a_store_elsewhere_is_left_to_mlflow(
    models: Path, variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{models / 'mlflow.db'}")
    assert look_up("models:/objloc@champion") is not None
    monkeypatch.setenv(variable, value)
    assert look_up("models:/objloc@champion") is None


def entry_at(root: Path, seed: int) -> Entry:
    """The entry of a registered run."""
    folder = root / f"data {seed}"
    measured = folder / "evaluate" / "metrics.json"
    return entry_of(
        read_metrics(measured), measured, sha256=file_hash(folder / "train" / "checkpoint.pt"),
        data_hash="ab" * 32, image_set="val", metric="success_rate.greedy.mean",
    )  # fmt: skip


def test_a_store_holds_a_model_with_its_files_and_its_contests_alias(models: Path) -> None:
    entry = entry_at(models, 0)
    assert holds("objloc", entry)
    assert not holds("other", entry)
    assert not holds("objloc", Entry(entry.contest, "0" * 64, 0.5))
    connect().delete_registered_model_alias("objloc", entry.contest.alias)
    assert not holds("objloc", entry)
    assert holds("objloc", Entry(entry.contest, entry.sha256, None))
    shutil.rmtree(models / "models")
    assert not holds("objloc", Entry(entry.contest, entry.sha256, None))


def run_python(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *map(str, arguments)], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("name", ["champion", "1", "models:/objloc@champion"])
def test_a_model_is_found_without_mlflow(models: Path, name: str) -> None:
    assert (models / "mlflow.db").is_file()
    done = run_python("-c", WITHOUT_MLFLOW, name)
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).is_file()


def test_a_pipeline_whose_model_is_registered_is_known_without_mlflow(models: Path) -> None:
    folder = models / "data 1"
    (folder / "register").mkdir(exist_ok=True)
    kept = {"model": "objloc", **entry_at(models, 1).summary()}
    (folder / "register" / "model.json").write_text(json.dumps(kept))
    (folder / "register" / "model_card.md").write_text("# A card\n")
    code = (
        "import runpy, sys, atexit\n"
        "atexit.register(lambda: print(sorted({'mlflow', 'torch', 'numpy'} & set(sys.modules))))"
        "\nrunpy.run_module('stages.register', run_name='__main__', alter_sys=True)\n"
    )
    arguments = (folder / "train", folder / "evaluate", folder / "register", "--if-lost")
    done = run_python("-c", code, *arguments)
    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr
    # What it passes over: a model without its alias.
    connect().delete_registered_model_alias("objloc", kept["alias"])
    done = run_python("-c", code, *arguments)
    assert done.returncode == 0, done.stderr
    assert "registered it again as models:/objloc/2" in done.stderr
