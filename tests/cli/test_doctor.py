import json
import shutil
from importlib.metadata import version
from pathlib import Path

import pytest

from objloc.cli import doctor
from tests.helpers.commands import run_objloc
from tests.helpers.runs import make_run


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    # Seconds of training: tests of the fingerprint do that.
    monkeypatch.setattr("objloc.learning.fingerprint.difference_to_published", lambda: "")
    return tmp_path


def found(out: str) -> dict[str, dict[str, str]]:
    return {each["what"]: each for each in json.loads(out)["findings"]}


def test_an_empty_folder_misses_model_and_data_and_stays_empty(folder: Path) -> None:
    told = run_objloc("doctor", "--json")
    assert told.status == 1
    assert json.loads(told.out)["missing"] == ["checkpoint", "store", "champion", "data"]
    findings = found(told.out)
    assert findings["torch"]["found"] == version("torch")
    assert findings["champion"]["remedy"] == "make run"
    assert "expected MLflow's store; found none" in findings["champion"]["found"]
    assert list(folder.iterdir()) == []


def test_what_is_there_is_told(
    folder: Path, shards_folder: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_run(folder / "data")
    (folder / "data" / "shards").symlink_to(shards_folder)
    # A real registry takes seconds: that of the registered model's tests does.
    checkpoint = folder / "data" / "train" / "checkpoint.pt"
    monkeypatch.setattr("objloc.tracking.lookup.find_model", lambda *_, **__: checkpoint)
    shutil.copy(empty_store, folder / "mlflow.db")
    told = run_objloc("doctor")
    assert told.status == 0, told.out
    assert "MISSING" not in told.out
    lines = {line[8:24].strip(): line[24:] for line in told.out.splitlines()}
    assert lines["checkpoint"] == f"{checkpoint}: learned cat, dog from scenes"
    assert lines["champion"] == lines["checkpoint"]
    assert lines["store"].endswith("MiB, whole")
    assert lines["data"].endswith("images: test 6, train 12, val 6")


@pytest.mark.parametrize(
    ("difference", "told"),
    [
        ("", "made by this machine"),
        ("torch: 2, now 3", "not made by this machine (torch: 2, now 3)"),
    ],
)
def test_whether_the_machine_makes_the_published_bytes_is_told(
    folder: Path, difference: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("objloc.learning.fingerprint.difference_to_published", lambda: difference)
    result = run_objloc("doctor", "--json")
    assert found(result.out)["published bytes"]["found"] == told
    assert "published bytes" not in json.loads(result.out)["missing"]
    assert list(folder.iterdir()) == []


def test_a_missing_package_is_named_with_what_brings_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not list(folder.iterdir())
    monkeypatch.setattr(doctor, "PACKAGES", ("torch", "no-such-package"))
    monkeypatch.setattr(doctor, "EXTRAS", {"video": "no-such-encoder"})
    told = run_objloc("doctor", "--json")
    assert "no-such-package" in json.loads(told.out)["missing"]
    assert "no-such-encoder" not in json.loads(told.out)["missing"]
    assert found(told.out)["no-such-encoder"]["remedy"] == "pip install 'objloc[video]'"
