import multiprocessing
import re
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema

from objloc.errors import ObjlocError
from objloc.evaluation.read import read_metrics
from objloc.files import file_hash
from objloc.serving.entry import entry_of
from objloc.tracking import (
    Package,
    Registration,
    download_model,
    register,
    registry,
    resolve_init,
)
from objloc.tracking.models import find_model
from objloc.tracking.store import connect
from tests.helpers.runs import make_run

ANYTHING = Package(
    Path("served.py"),
    Path("objloc"),
    ModelSignature(inputs=Schema([ColSpec("string", "image")])),
    pd.DataFrame(),
    "# A card\n",
)


@pytest.fixture
def light_models(store_root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Models are kept as bare checkpoints: packing a real one takes seconds."""

    def keep(_client: Any, _run_id: str, checkpoint: Path, _package: Package) -> SimpleNamespace:
        folder = store_root / "models" / file_hash(checkpoint)
        (folder / "artifacts").mkdir(parents=True, exist_ok=True)
        shutil.copy(checkpoint, folder / "artifacts" / "checkpoint.pt")
        return SimpleNamespace(model_uri=str(folder), model_id=None)

    monkeypatch.setattr(registry, "_log_model", keep)
    return store_root


def enter(
    root: Path,
    seed: int,
    value: float | None,
    metric: str = "success_rate.greedy.mean",
    **model: Any,
) -> Registration:
    """Register the model of a seed."""
    folder = make_run(root / f"data {seed}", value, seed=seed, **model)
    measured = folder / "evaluate" / "metrics.json"
    entry = entry_of(
        read_metrics(measured),
        measured,
        sha256=file_hash(folder / "train" / "checkpoint.pt"),
        data_hash=model.get("data_hash", "ab" * 32),
        image_set="val",
        metric=metric,
    )
    return register(folder / "train", folder / "evaluate", "objloc", entry, ANYTHING)


def aliases() -> list[tuple[str, str]]:
    """Each alias with its version; the eight digits of a contest are left out."""
    found = connect().get_registered_model("objloc").aliases
    return sorted(
        (re.sub("-[0-9a-f]{8}$", "", alias), str(version)) for alias, version in found.items()
    )


def test_the_champion_moves_only_to_a_better_model(light_models: Path) -> None:
    entered = [enter(light_models, seed, value) for seed, value in enumerate((0.5, 0.4, 0.5, 0.6))]
    assert [each.version for each in entered] == ["1", "2", "3", "4"]
    assert [each.aliases[1] for each in entered] == [
        "champion: version 1 (the first)",
        "champion: stays with version 1: 0.5000 against 0.4000",
        "champion: stays with version 1: 0.5000 against 0.5000",
        "champion: version 4 (0.6000 against 0.5000 of version 1)",
    ]
    assert aliases() == [("champion", "4"), ("champion-scenes-cat-dog", "4")]


def test_models_of_other_contests_have_an_alias_of_their_own(light_models: Path) -> None:
    enter(light_models, 0, 0.5)
    enter(light_models, 1, 0.9, data="voc2007", data_hash="cd" * 32)
    enter(light_models, 2, 0.9, categories=("cat",))
    last = enter(light_models, 3, 0.9, "ap.triggered.voc2007.mean")
    assert last.aliases[1] == (
        "champion: stays with version 1, of another contest: val success_rate.greedy.mean on "
        "scenes (cat,dog)"
    )
    own = [
        ("champion-scenes-cat", "3"),
        ("champion-scenes-cat-dog", "1"),
        ("champion-scenes-cat-dog", "4"),  # by another metric
    ]
    assert aliases() == [("champion", "1"), *own, ("champion-voc2007-cat-dog", "2")]
    # Each alias moves among the models of its own contest.
    enter(light_models, 4, 0.95, data="voc2007", data_hash="cd" * 32)
    assert aliases() == [("champion", "1"), *own, ("champion-voc2007-cat-dog", "5")]


def test_a_model_is_registered_once(light_models: Path) -> None:
    first, second = enter(light_models, 0, 0.5), enter(light_models, 0, 0.5)
    assert (first.version, first.created) == ("1", True)
    assert (second.version, second.created) == ("1", False)
    assert second.aliases[1] == "champion: version 1, as before"
    assert len(connect().search_model_versions("name = 'objloc'")) == 1


def test_a_model_that_could_not_be_measured_moves_no_alias(light_models: Path) -> None:
    entered = enter(light_models, 0, None)
    assert entered.created
    assert entered.aliases == (
        "val success_rate.greedy.mean on scenes (cat, dog): not measured: no alias moves",
    )
    assert aliases() == []


def test_a_version_states_what_it_is(light_models: Path) -> None:
    enter(light_models, 0, 0.1 + 0.2)
    version = connect().get_model_version("objloc", "1")
    contest = version.tags["contest"]
    assert version.tags == {
        "model_sha256": file_hash(light_models / "data 0" / "train" / "checkpoint.pt"),
        "data": "scenes",
        "data_hash": "ab" * 32,
        "categories": "cat,dog",
        "metric": "success_rate.greedy.mean",
        "image_set": "val",
        "contest": contest,
        "value": "0.30000000000000004",
        f"value.{contest}": "0.30000000000000004",
    }
    assert version.description == "val success_rate.greedy.mean on scenes (cat, dog): 0.3000"
    run = connect().get_run(str(version.run_id))
    assert run.data.metrics["val.success_rate.greedy.mean"] == 0.1 + 0.2
    assert run.data.tags["model_sha256"] == version.tags["model_sha256"]


def test_an_alias_whose_model_is_lost_goes_to_one_that_is_there(light_models: Path) -> None:
    enter(light_models, 0, 0.9)
    shutil.rmtree(light_models / "models")
    entered = enter(light_models, 1, 0.5)
    assert entered.aliases[1] == "champion: version 2 (the files of version 1 are gone)"
    # The better model, registered again, becomes a new version and regains the alias.
    again = enter(light_models, 0, 0.9)
    assert (again.version, again.created) == ("3", True)
    assert ("champion", "3") in aliases()


def test_processes_that_register_at_once_leave_the_best_as_champion(light_models: Path) -> None:
    context = multiprocessing.get_context("fork")
    values = (0.6, 0.9, 0.7)
    processes = [
        context.Process(target=enter, args=(light_models, seed, value))
        for seed, value in enumerate(values)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    champion = connect().get_model_version_by_alias("objloc", "champion")
    assert champion.tags["value"] == "0.9"
    assert len(connect().search_model_versions("name = 'objloc'")) == 3


def test_a_model_is_fetched_by_version_or_alias(light_models: Path) -> None:
    for seed, value in ((0, 0.5), (1, 0.6)):
        enter(light_models, seed, value)
    first, second = (light_models / f"data {seed}" / "train" / "checkpoint.pt" for seed in (0, 1))
    assert file_hash(download_model("models:/objloc/1")) == file_hash(first)
    assert file_hash(download_model("models:/objloc/2")) == file_hash(second)
    assert file_hash(download_model("models:/objloc@champion")) == file_hash(second)
    assert download_model("some/path.pt") == Path("some/path.pt")


@pytest.mark.parametrize(
    ("address", "message"),
    [
        (
            "models:/other/1",
            r"models:/other/1: expected a registered model; found objloc in sqlite",
        ),
        ("models:/objloc/7", r"expected one of the versions and aliases of objloc; found 1, @cha"),
        ("models:/objloc@best", r"models:/objloc@best: expected one of .* found 1, @champion, @"),
        ("models:/objloc", r"models:/objloc: expected models:/NAME/VERSION or models:/NAME@ALIAS"),
        ("models:/objloc/latest", r"expected models:/NAME/VERSION"),
    ],
)
def test_a_model_that_is_not_there_is_refused(
    light_models: Path, address: str, message: str
) -> None:
    enter(light_models, 0, 0.5)
    with pytest.raises(ObjlocError, match=message) as caught:
        download_model(address)
    assert "\n" not in str(caught.value)


def test_lost_and_damaged_models_are_refused(light_models: Path) -> None:
    enter(light_models, 0, 0.5)
    path = download_model("models:/objloc/1")
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(ObjlocError, match="models:/objloc/1: damaged: expected SHA-256 "):
        download_model("models:/objloc/1")
    path.unlink()
    with pytest.raises(ObjlocError, match=r"models:/objloc/1: its artifacts/checkpoint\.pt cannot"):
        download_model("models:/objloc/1")


def test_a_warm_start_is_checked_by_its_hash(light_models: Path) -> None:
    enter(light_models, 0, 0.5)
    path = light_models / "data 0" / "train" / "checkpoint.pt"
    right = file_hash(path)
    assert resolve_init(None, None) is None
    assert resolve_init(str(path), right) == path
    found = resolve_init("models:/objloc/1", right)
    assert found is not None
    assert file_hash(found) == right
    for source in (str(path), "models:/objloc/1"):
        with pytest.raises(ObjlocError, match=rf"init_sha256: required .*{source}; write {right}$"):
            resolve_init(source, None)
        with pytest.raises(ObjlocError, match=rf"expected {'0' * 64}; found {right} in {source}$"):
            resolve_init(source, "0" * 64)
    with pytest.raises(ObjlocError, match=r"train\.init_from: none\.pt: cannot be read: No such"):
        resolve_init("none.pt", right)


def test_a_warm_start_from_an_alias_is_refused_with_what_to_write(light_models: Path) -> None:
    enter(light_models, 0, 0.5)
    right = file_hash(light_models / "data 0" / "train" / "checkpoint.pt")
    for given in (None, right):
        with pytest.raises(ObjlocError) as caught:
            resolve_init("models:/objloc@champion", given)
        assert str(caught.value) == (
            "train.init_from: expected a version, which does not move; found "
            f"models:/objloc@champion: write models:/objloc/1 and train.init_sha256={right}"
        )


def test_registering_without_a_store_is_refused_in_one_line(light_models: Path) -> None:
    (light_models / "mlflow.db").write_text("something else " * 100)
    with pytest.raises(ObjlocError, match=r"mlflow\.db: MLflow's store fails: ") as caught:
        enter(light_models, 0, 0.5)
    assert "\n" not in str(caught.value)


def test_a_short_name_means_an_alias_or_a_number_of_the_default_model(light_models: Path) -> None:
    enter(light_models, 0, 0.5)
    expected = download_model("models:/objloc/1")
    for name in ("champion", "1", "models:/objloc@champion", "models:/objloc/1"):
        assert find_model(name) == expected
    with pytest.raises(ObjlocError, match=r"model 'victor': models:/objloc@victor: expected one"):
        find_model("victor")


def test_looking_for_a_model_makes_no_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    with pytest.raises(ObjlocError, match=r"expected MLflow's store; found none .*make run"):
        find_model("champion")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "mlflow.db").write_bytes(b"not a database, whatever its name says" * 20)
    with pytest.raises(ObjlocError, match="store fails: file is not a database"):
        find_model("champion")
