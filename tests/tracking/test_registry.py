import multiprocessing
import re
import shutil
from pathlib import Path

import pytest

from objloc.errors import ObjlocError
from objloc.files import file_hash
from objloc.tracking.store import connect
from tests.helpers.registrations import enter


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


@pytest.mark.parametrize("values", [(0.6, 0.9, 0.7), (0.9, 0.6)], ids=["a store", "no store yet"])
def test_processes_that_register_at_once_leave_the_best_as_champion(
    light_models: Path, values: tuple[float, ...]
) -> None:
    context = multiprocessing.get_context("fork")
    if len(values) == 2:
        (light_models / "mlflow.db").unlink()
    processes = [
        context.Process(target=enter, args=(light_models, seed, value))
        for seed, value in enumerate(values)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * len(values)
    champion = connect().get_model_version_by_alias("objloc", "champion")
    assert champion.tags["value"] == "0.9"
    assert len(connect().search_model_versions("name = 'objloc'")) == len(values)


def test_registering_without_a_store_is_refused_in_one_line(light_models: Path) -> None:
    (light_models / "mlflow.db").write_text("something else " * 100)
    with pytest.raises(ObjlocError, match=r"mlflow\.db: damaged \(file is not a ") as caught:
        enter(light_models, 0, 0.5)
    assert "\n" not in str(caught.value)
