from pathlib import Path

import pytest

from objloc.errors import ObjlocError
from objloc.files import file_hash
from objloc.tracking.lookup import find_model
from objloc.tracking.models import download_model, resolve_init
from tests.helpers.registrations import enter


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
    with pytest.raises(ObjlocError, match=r"mlflow\.db: damaged \(file is not a database\)"):
        find_model("champion")
