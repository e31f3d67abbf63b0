import subprocess
import sys
from pathlib import Path

import pytest

from objloc.cli._workspace import cache, checked, leftovers, locks, store, unfinished_runs


@pytest.fixture
def dvc_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository of DVC with one stage, whose cache is hard-linked."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(tmp_path / "site"))
    (tmp_path / "dvc.yaml").write_text(
        "stages:\n  write:\n    cmd: mkdir folder; echo 1 > one; echo 2 > folder/two\n"
        "    outs: [one, folder]\n"
    )
    for command in ("init --no-scm", "config cache.type hardlink,copy", "repro"):
        dvc(*command.split())
    return tmp_path


def dvc(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "dvc", *arguments], capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr


@pytest.mark.parametrize("left", [b"", b"{", b"[]"])
def test_a_damaged_lock_of_dvc_is_told_with_what_to_remove(
    dvc_repository: Path, left: bytes
) -> None:
    assert not locks(dvc_repository).missing
    path = dvc_repository / ".dvc" / "tmp" / "rwlock"
    path.write_bytes(left)
    found = locks(dvc_repository)
    assert found.missing
    assert found.remedy == f"rm {path}"
    if left == b"":
        assert "JSON structure is corrupted" in dvc("repro")
    path.unlink()
    assert "up to date" in dvc("repro")
    assert not locks(dvc_repository).missing


def test_a_record_that_dvc_refuses_is_told(dvc_repository: Path) -> None:
    path = dvc_repository / "dvc.lock"
    path.write_text("")
    assert locks(dvc_repository).remedy == f"git checkout -- {path}"
    assert "validation failed" in dvc("repro")
    path.unlink()
    assert not locks(dvc_repository).missing
    dvc("repro")
    assert not locks(dvc_repository).missing


def test_a_byte_changed_in_place_is_found_in_the_cache_and_the_remedy_heals_it(
    dvc_repository: Path,
) -> None:
    assert cache(dvc_repository).found.endswith("3 files, all whole")
    for name in ("one", "folder/two"):
        path = dvc_repository / name
        path.chmod(0o644)
        path.write_bytes(b"X\n")
        # DVC reads again only what is not write-protected.
        path.chmod(0o444)
    dvc("repro", "--force")
    assert (dvc_repository / "one").read_text() == "X\n", "DVC alone does not heal it"
    found = cache(dvc_repository)
    assert found.missing
    assert "2 of 3 files damaged" in found.found
    remedy = found.remedy.replace("&& dvc", f"&& {sys.executable} -m dvc")
    subprocess.run(["sh", "-c", remedy], check=True, capture_output=True)
    assert (dvc_repository / "one").read_text() == "1\n"
    assert (dvc_repository / "folder/two").read_text() == "2\n"
    assert not cache(dvc_repository).missing


def test_outside_a_repository_there_is_no_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DVC_ROOT", raising=False)
    assert cache(tmp_path).found == "none: no repository of DVC"


def test_what_killed_processes_left_is_told_with_its_size(tmp_path: Path) -> None:
    assert leftovers(tmp_path).found == "none"
    for name in ("data/.devkit.abc/VOCdevkit/file", "data/train/checkpoint.pt", "data/.gitignore"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x" * 2**20)
    (tmp_path / "mlflow.db.half-made").write_bytes(b"x" * 2**20)
    (tmp_path / "mlflow.db").touch()
    found = leftovers(tmp_path)
    assert found.found == "2 of killed processes, 2.0 MiB"
    assert found.remedy == f"rm -r {tmp_path}/data/.devkit.abc {tmp_path}/mlflow.db.half-made"
    assert not found.missing


def test_ends_of_runs_that_are_kept_are_counted(tmp_path: Path) -> None:
    assert list(unfinished_runs(tmp_path)) == []
    folder = tmp_path / ".objloc" / "runs"
    folder.mkdir(parents=True)
    for name in ("a.json", "b.json", "c.damaged", "d.lock"):
        (folder / name).touch()
    assert [each.found for each in unfinished_runs(tmp_path)] == [
        f"2 kept in {folder} until MLflow is back", "1 damaged",
    ]  # fmt: skip


def test_a_damaged_store_is_told_and_a_whole_one_too(store_root: Path) -> None:
    assert checked("store", store).found.endswith("MiB, whole")
    (store_root / "mlflow.db").write_bytes(b"")
    assert checked("store", store).found.endswith("found a half-made one")
    (store_root / "mlflow.db").write_bytes(b"not a database" * 100)
    found = checked("store", store)
    assert found.missing
    assert "damaged (file is not a database)" in found.found
