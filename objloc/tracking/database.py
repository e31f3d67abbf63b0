"""The store's address; the SQLite file of a local one: made whole, known half-made, checked.

MLflow makes its tables in some 70 steps, each kept at once. A process that is killed
between two of them leaves a file that MLflow can neither use nor complete.
"""

import logging
import os
import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import unquote

from objloc.errors import ObjlocError
from objloc.files import repository_root

SETTLED_SECONDS = 5.0
"""Seconds without a change after which nobody is making a half-made store any more."""

CHECKED_BYTES = 64 * 2**20
"""Size up to which a store is checked whenever it is opened: some .2 s."""

_LOGGER = logging.getLogger(__name__)


def store_uri() -> str:
    """Address of the store: ``MLFLOW_TRACKING_URI``, or the main workspace's SQLite file."""
    if uri := os.environ.get("MLFLOW_TRACKING_URI"):
        return uri
    return address_of(repository_root() / "mlflow.db")


def shown_uri() -> str:
    """The store's address without a password, for messages."""
    return re.sub(r"//[^/@]*@", "//", store_uri())


def address_of(path: Path) -> str:
    """MLflow's address of a SQLite file."""
    # SQLAlchemy splits an address at the question mark and decodes percent signs.
    return "sqlite:///" + str(path).replace("%", "%25").replace("?", "%3F")


def database_at(uri: str) -> Path | None:
    """Absolute path of a SQLite store, which may be relative to the working folder.

    Returns:
        None for other stores.
    """
    if not uri.startswith("sqlite:///"):
        return None
    return Path(unquote(uri.removeprefix("sqlite:///").partition("?")[0])).absolute()


def prepare(path: Path) -> None:
    """Make the store if there is none; put a half-made one aside first.

    Only one process may do so at a time.

    Raises:
        ObjlocError: the store is damaged.
        OSError, sqlite3.Error: it cannot be opened or made.
    """
    if path.exists():
        check(path)
        if not is_half_made(path):
            return
        # MLflow's own commands make a store without this project's lock.
        seen = None
        while (now := path.stat().st_mtime_ns) != seen and is_half_made(path):
            seen = now
            time.sleep(SETTLED_SECONDS)
        if not is_half_made(path):
            return
        aside = _free(path.with_name(f"{path.name}.half-made"))
        path.rename(aside)
        _LOGGER.warning(
            "%s: half-made, since its maker was stopped: moved to %s; a new one is made",
            path, aside.name,
        )  # fmt: skip
    _make(path)


def is_half_made(path: Path) -> bool:
    """Whether MLflow was stopped before it kept its first experiment, which every store has.

    Raises:
        sqlite3.Error: the file cannot be opened, or is no database.
    """
    with opened(path) as database:
        found = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        names = {name for (name,) in found}
        if "experiments" in names:
            return database.execute("SELECT 1 FROM experiments").fetchone() is None
        # A table that is being changed is for a moment there by another name only.
        return names <= {"alembic_version"} or "_alembic_tmp_experiments" in names


def has_alias(path: Path) -> bool:
    """Whether any registered model of a store has an alias; False where there is no whole store.

    Raises:
        ObjlocError: the store is damaged.
        sqlite3.Error: it cannot be opened, or is no store.
    """
    if not path.exists():
        return False
    check(path)
    if is_half_made(path):
        return False
    with opened(path) as database:
        return database.execute("SELECT 1 FROM registered_model_aliases").fetchone() is not None


def check(path: Path, largest: float = CHECKED_BYTES) -> None:
    """Let SQLite check the structure and the indices of a store.

    It finds no changed text or number: SQLite keeps no checksums.

    Args:
        path: the file.
        largest: size in bytes above which nothing is checked.

    Raises:
        ObjlocError: the file is damaged.
    """
    if path.stat().st_size > largest:
        return
    try:
        with opened(path) as database:
            (found,) = database.execute("PRAGMA integrity_check(1)").fetchone()
    except sqlite3.DatabaseError as error:
        # A lock that another process holds is no damage.
        if isinstance(error, sqlite3.OperationalError):
            raise
        found = str(error)
    if found != "ok":
        reason = " ".join(str(found).split())
        raise ObjlocError(
            f"{path}: damaged ({reason}): move it away; `make run` registers the models of data/ "
            "again"
        )


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a file that exists; what a killed process left undone is undone."""
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=rw", timeout=30, uri=True)) as database:
        yield database


def _make(path: Path) -> None:
    """Make a store beside its place, and move it there whole."""
    # The other functions look at a store without MLflow, which takes seconds to load.
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore  # noqa: PLC0415

    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.new")
    for left in path.parent.iterdir():
        if left.name.startswith(new.name):
            left.unlink()
    # MLflow retries for 100 seconds if it cannot open a file.
    with closing(sqlite3.connect(new)) as database:
        database.execute("PRAGMA user_version = 0")
    # The tables of runs and of models are made together.
    SqlAlchemyStore(address_of(new), "./mlruns").engine.dispose()  # type: ignore[no-untyped-call]
    for each in (new, path.parent):
        handle = os.open(each, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    if not path.exists():
        new.rename(path)


def _free(path: Path) -> Path:
    """The path, or the first with a number behind it that is free."""
    free, number = path, 1
    while free.exists():
        number += 1
        free = path.with_name(f"{path.name}-{number}")
    return free
