from pathlib import Path
from types import SimpleNamespace
from unittest.mock import Mock

import pytest

from objloc.tracking import provenance
from objloc.tracking.provenance import commit_of
from tests.helpers.runs import make_run


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkpoint; there is no store."""
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    return make_run(tmp_path / "data") / "train" / "checkpoint.pt"


@pytest.mark.parametrize(
    ("tags", "told"),
    [
        ({"git_commit": "abc", "git_dirty": "false"}, "abc"),
        ({"git_commit": "abc", "git_dirty": "true"}, "abc with changes"),
        ({"git_commit": "abc", "restored": "true"}, "abc, of a run restored from files"),
        ({}, None),
    ],
    ids=str,
)
def test_a_run_says_which_commit_made_its_model(
    model: Path, tmp_path: Path, tags: dict[str, str], told: str | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    (tmp_path / "mlflow.db").touch()
    client = Mock()
    client.get_run.return_value = SimpleNamespace(data=SimpleNamespace(tags=tags))
    monkeypatch.setattr(provenance, "connect", lambda: client)
    monkeypatch.setattr(provenance, "newest_run", Mock(return_value="r"))
    assert commit_of(model) == told
    client.get_run.assert_called_once_with("r")


def test_a_model_without_a_run_has_no_commit(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mlflow.db").touch()
    monkeypatch.setattr(provenance, "connect", Mock())
    monkeypatch.setattr(provenance, "newest_run", Mock(return_value=None))
    assert commit_of(model) is None


def test_where_there_is_no_store_none_is_made(model: Path, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    assert commit_of(model) is None
    assert sorted(tmp_path.rglob("*")) == before
