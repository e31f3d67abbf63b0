import logging
import random
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from sqlalchemy import event

from objloc.errors import ObjlocError
from objloc.tracking import database
from objloc.tracking.database import (
    address_of,
    check,
    database_at,
    has_alias,
    is_half_made,
    prepare,
)
from objloc.tracking.run import find_run
from objloc.tracking.store import connect, experiment_id, visit
from tests.helpers.registrations import enter
from tests.helpers.shared import made_once

MOMENTS = sorted(random.Random(0).sample(range(20, 1600), 16))
"""Numbers of SQL statements, of MLflow's some 1,700, after which the maker of a store stops."""

KILLED = """
import os, signal
from sqlalchemy import Engine, event
from objloc.tracking.run import find_run
from objloc.tracking.store import connect

left = 400

def kill(*_):
    global left
    left -= 1
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)

event.listen(Engine, "after_cursor_execute", kill)
connect()
"""


@pytest.fixture(scope="module")
def half_made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders by moment: the files that a kill then would leave at ``mlflow.db``."""

    def make(folder: Path) -> None:
        uri, count = address_of(folder / "mlflow.db"), 0

        def keep(*_: Any) -> None:
            nonlocal count
            count += 1
            if count in MOMENTS:
                (folder / str(count)).mkdir()
                for path in folder.glob("mlflow.db*"):
                    shutil.copy(path, folder / str(count))

        engine = SqlAlchemyStore._get_or_create_engine(uri)
        event.listen(engine, "after_cursor_execute", keep)
        SqlAlchemyStore(uri, "./mlruns").engine.dispose()  # type: ignore[no-untyped-call]

    return made_once(tmp_path_factory, "half-made", make)


@pytest.fixture
def quick(empty_store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for another maker, and a new store is a copy."""
    monkeypatch.setattr(database, "SETTLED_SECONDS", 0.0)
    monkeypatch.setattr(database, "_make", lambda path: shutil.copy(empty_store, path))


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_half_made_store_is_put_aside_and_a_new_one_made(
    moment: int, half_made: Path, store_root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = store_root / "mlflow.db"
    path.unlink()
    for left in (half_made / str(moment)).iterdir():
        shutil.copy(left, store_root)
    with pytest.raises(ObjlocError, match=r"expected MLflow's store; found a half-made one$"):
        visit()
    with caplog.at_level(logging.WARNING, "objloc"):
        client = connect()
    assert client.create_run(experiment_id(client)).info.status == "RUNNING"
    (line,) = (each.getMessage() for each in caplog.records if each.name.startswith("objloc"))
    assert line.startswith(f"{path}: half-made, since its maker was stopped: moved to mlflow.db.ha")
    assert is_half_made(store_root / "mlflow.db.half-made")
    assert not is_half_made(path)


@pytest.mark.usefixtures("quick")
def test_every_half_made_store_has_a_name_of_its_own(half_made: Path, store_root: Path) -> None:
    for _ in range(2):
        shutil.copy(half_made / str(MOMENTS[3]) / "mlflow.db", store_root)
        prepare(store_root / "mlflow.db")
    names = {path.name for path in store_root.glob("mlflow.db*")}
    assert names == {"mlflow.db", "mlflow.db.half-made", "mlflow.db.half-made-2"}


def test_a_kill_while_a_store_is_made_leaves_no_store_and_the_next_process_makes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    done = subprocess.run([sys.executable, "-c", KILLED], check=False)
    assert done.returncode == -9
    assert is_half_made(tmp_path / "mlflow.db.new")
    assert not (tmp_path / "mlflow.db").exists()
    client = connect()
    assert client.search_runs([experiment_id(client)]) == []
    assert {path.name for path in tmp_path.iterdir()} == {"mlflow.db", ".objloc"}


def test_a_store_that_another_program_is_making_is_waited_for(
    half_made: Path, empty_store: Path, store_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(half_made / str(MOMENTS[3]) / "mlflow.db", store_root)
    waits = []

    def wait(_seconds: float) -> None:
        waits.append(1)
        if len(waits) == 1:
            shutil.copy(half_made / str(MOMENTS[9]) / "mlflow.db", store_root)
        else:
            shutil.copy(empty_store, store_root)

    monkeypatch.setattr("objloc.tracking.database.time.sleep", wait)
    connect()
    assert len(waits) == 2
    assert not (store_root / "mlflow.db.half-made").exists()


def test_a_database_of_others_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "mlflow.db"
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE notes (text)")
    assert not is_half_made(path)
    with closing(sqlite3.connect(tmp_path / "empty.db")) as empty:
        empty.execute("PRAGMA user_version = 0")
    assert is_half_made(tmp_path / "empty.db")


@pytest.mark.usefixtures("light_models")
def test_a_store_with_a_champion_is_told_from_one_without(store_root: Path) -> None:
    path = store_root / "mlflow.db"
    assert not has_alias(store_root / "none.db")
    assert not has_alias(path)
    enter(store_root, 0, None)
    assert not has_alias(path)
    enter(store_root, 1, 0.5)
    assert has_alias(path)


@pytest.mark.parametrize("how", ["structure", "index", "cut"])
def test_a_damaged_store_is_told_in_one_line(how: str, store_root: Path) -> None:
    path = store_root / "mlflow.db"
    check(path)
    data = bytearray(path.read_bytes())
    with closing(sqlite3.connect(path)) as opened:
        kind = "index" if how == "index" else "table"
        (page,) = opened.execute(
            "SELECT rootpage FROM sqlite_master WHERE name LIKE '%experiments%' AND type = ?",
            [kind],
        ).fetchone()
        (size,) = opened.execute("PRAGMA page_size").fetchone()
    if how == "cut":
        del data[len(data) // 2 :]
    elif how == "structure":
        data[(page - 1) * size] ^= 255
    else:
        # The last bytes of the page are those of the first key.
        data[page * size - 2] ^= 1
    path.write_bytes(data)
    for look in (connect, visit, lambda: check(path)):
        with pytest.raises(ObjlocError, match=r"mlflow\.db: damaged \(.*\): move it away") as error:
            look()
        assert "\n" not in str(error.value)
    check(path, largest=0)


def test_an_address_is_that_of_its_path() -> None:
    path = Path("/a/50%20 of ä # what?/mlflow.db")
    assert database_at(address_of(path)) == path
    assert database_at("https://example.org/mlflow") is None


def test_an_address_may_be_relative_to_the_working_folder(
    store_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(store_root)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///mlflow.db")
    assert database_at("sqlite:///mlflow.db") == store_root / "mlflow.db"
    client = connect()
    run = client.create_run(experiment_id(client))
    assert visit().get_run(run.info.run_id).info.status == "RUNNING"
    assert find_run() is not None
