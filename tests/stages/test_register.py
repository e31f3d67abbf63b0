import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from objloc.files import file_hash
from objloc.tracking.models import download_model
from objloc.tracking.run import find_run
from objloc.tracking.store import connect
from tests.helpers.commands import Result, run_stage, write_params
from tests.helpers.runs import make_run

ASK = """
import base64, io, json
import mlflow
import pandas as pd
from PIL import Image

model = mlflow.pyfunc.load_model("models:/objloc@champion")
stream = io.BytesIO()
Image.new("RGB", (70, 50), "white").save(stream, "JPEG")
image = base64.b64encode(stream.getvalue()).decode()
table = pd.DataFrame({"image": [image, image, image], "categories": [None, "dog", "dog,cat"]})
print(json.dumps(model.predict(table)))
import objloc
print(objloc.__file__)
"""


def register(root: Path, *options: str) -> Result:
    params = write_params(root)
    data = root / "data"
    return run_stage(
        "register", data / "train", data / "evaluate", data / "register", "--params", params,
        *options,
    )  # fmt: skip


def test_a_registered_model_loads_anywhere_and_answers(
    store_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_run(store_root / "data", trigger=1000.0)
    told = register(store_root)
    assert told.status == 0, told.err
    assert told.err == ""
    assert told.out.splitlines()[0] == "models:/objloc/1: new"
    assert told.out.splitlines()[2] == "champion: version 1 (the first)"

    monkeypatch.delenv("DVC_ROOT")
    monkeypatch.delenv("PYTHONPATH", raising=False)
    # -P: not even the working folder is searched for packages.
    done = subprocess.run(
        [sys.executable, "-P", "-c", ASK], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    answer, package = done.stdout.splitlines()[-2:]
    assert Path(package).is_relative_to(store_root / "mlruns"), "the code goes with the model"
    # The agent triggers at once for a cat and never for a dog.
    rows = json.loads(answer)
    assert [[box["category"] for box in row["boxes"]] for row in rows] == [["cat"], [], ["cat"]]
    for row in rows:
        assert (row["width"], row["height"]) == (70, 50)
        for box in row["boxes"]:
            assert box["score"] == pytest.approx(1000, abs=10)
            assert (box["steps"], box["voc"]) == (1, [1, 1, 70, 50])


def test_a_model_has_its_card_with_it(store_root: Path) -> None:
    folder = make_run(store_root / "data")
    assert register(store_root).status == 0
    written = (folder / "register" / "model_card.md").read_text("utf-8")
    assert "# objloc on scenes: cat, dog" in written
    assert file_hash(folder / "train" / "checkpoint.pt") in written
    assert "python -m stages.train data/shards data/train" in written
    model = download_model("models:/objloc@champion").parent
    assert (model / "model_card.md").read_text("utf-8") == written
    run_id = find_run(model_sha256=file_hash(folder / "train" / "checkpoint.pt"))
    kept = store_root / "mlruns" / "objloc" / str(run_id) / "artifacts" / "model_card.md"
    assert kept.read_text("utf-8") == written


def test_registering_again_changes_nothing_and_restores_what_is_lost(store_root: Path) -> None:
    folder = make_run(store_root / "data")
    model = folder / "train" / "checkpoint.pt"
    assert register(store_root).status == 0
    written = (folder / "register" / "model.json").read_bytes()
    names = sorted(path.name for path in (folder / "register").iterdir())
    assert names == ["model.json", "model_card.md"]
    assert json.loads(written) == {
        "model": "objloc",
        "sha256": file_hash(model),
        "metric": "success_rate.greedy.mean",
        "image_set": "val",
        "conditions": {"iou_threshold": 0.5, "images_by_category": {"cat": 2, "dog": 2}},
        "value": 0.5,
        "data": "scenes",
        "data_hash": "ab" * 32,
        "categories": ["cat", "dog"],
        "alias": json.loads(written)["alias"],
    }
    again = register(store_root)
    assert again.out.splitlines()[0] == "models:/objloc/1: registered before"
    assert (folder / "register" / "model.json").read_bytes() == written

    assert register(store_root, "--if-lost").out == ""

    # All of the run's files and of the model's are lost.
    shutil.rmtree(store_root / "mlruns")
    assert register(store_root).out.splitlines()[0] == "models:/objloc/2: new"
    run_id = find_run(model_sha256=file_hash(model))
    kept = store_root / "mlruns" / "objloc" / str(run_id) / "artifacts"
    for path in ("train/history.csv", "train/plots/curve.png", "evaluate/plots/curve.png"):
        assert (kept / path).is_file()

    shutil.rmtree(store_root / "mlruns")
    told = register(store_root, "--if-lost")
    assert (told.status, told.out) == (0, "")
    assert download_model("models:/objloc/3").is_file()
    assert (folder / "register" / "model.json").read_bytes() == written


def test_a_lost_store_is_restored_from_files(
    store_root: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, empty_store: Path
) -> None:
    make_run(store_root / "data")
    assert register(store_root).status == 0
    written = (store_root / "data/register/model.json").read_bytes()
    fresh = tmp_path / "fresh"
    shutil.copytree(store_root / "data", fresh / "data")
    shutil.copy(empty_store, fresh / "mlflow.db")
    monkeypatch.setenv("DVC_ROOT", str(fresh))
    again = register(fresh)
    assert again.err == ""
    assert again.out.splitlines()[0] == "models:/objloc/1: new"
    assert (fresh / "data/register/model.json").read_bytes() == written
    client = connect()
    champion = client.get_model_version_by_alias("objloc", "champion")
    run = client.get_run(str(champion.run_id))
    assert run.data.params == {"train.seed": "0", "train.categories": '["cat", "dog"]'}
    assert run.data.metrics["val.success_rate.greedy.mean"] == 0.5
    assert run.data.tags["command"] == "python -m stages.train data/shards data/train"
    losses = [
        (each.step, each.value) for each in client.get_metric_history(run.info.run_id, "loss")
    ]
    assert losses == [(10, 0.5), (30, 0.25)]
    assert download_model("models:/objloc@champion").is_relative_to(fresh)
    # As in a queued experiment, the working folder is another than the store's.
    assert Path.cwd() == store_root


def test_mistakes_are_told_in_one_line_and_leave_nothing(store_root: Path) -> None:
    folder = make_run(store_root / "data")
    metrics = folder / "evaluate" / "metrics.json"
    figures = metrics.read_text()
    metrics.write_text(figures.replace('"val"', '"test"'))
    assert "expected figures of image set 'val'" in register(store_root).error
    metrics.unlink()
    assert register(store_root).error.endswith("no such file: run the evaluate stage first")
    metrics.write_text(figures)
    assert "register.metric: expected" in register(store_root, "--set", "register.metric=x").error
    (folder / "train" / "checkpoint.pt").unlink()
    assert register(store_root).error.endswith("checkpoint.pt: no such checkpoint")
    assert not (folder / "register").exists()
    assert connect().search_registered_models() == []
