import os
from collections.abc import Iterator
from datetime import timedelta

import pytest
import typer
from torch.distributed import TCPStore  # type: ignore[attr-defined]

from objloc.errors import ObjlocError
from objloc.ranks.launch import (
    cores,
    number_of_ranks,
    one_voice,
    own_rank,
    rank_on_this_machine,
)

STARTED = {
    "TORCHELASTIC_RUN_ID": "none",
    "TORCHELASTIC_RESTART_COUNT": "0",
    "WORLD_SIZE": "4",
    "RANK": "2",
    "LOCAL_WORLD_SIZE": "2",
    "LOCAL_RANK": "0",
    "MASTER_ADDR": "localhost",
}


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """The environment of the third of four processes, two on this machine."""
    store = TCPStore("localhost", 0, is_master=True, wait_for_workers=False)
    for name, value in (STARTED | {"MASTER_PORT": str(store.port)}).items():
        monkeypatch.setenv(name, value)
    yield monkeypatch
    del store


def test_without_torchrun_a_process_is_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    # Other programs set these too.
    monkeypatch.setenv("WORLD_SIZE", "4")
    monkeypatch.setenv("RANK", "2")
    assert (number_of_ranks(), own_rank(), rank_on_this_machine()) == (1, 0, (0, 1))


def test_torchrun_tells_each_process_which_it_is(started: pytest.MonkeyPatch) -> None:
    assert (number_of_ranks(), own_rank(), rank_on_this_machine()) == (4, 2, (0, 2))
    for there, mine in ((8, 4), (1, 1)):
        started.setattr(os, "cpu_count", lambda there=there: there)
        assert cores() == mine


@pytest.mark.usefixtures("started")
def test_only_the_first_process_shows_progress(capsys: pytest.CaptureFixture[str]) -> None:
    with one_voice():
        print("progress")
    assert capsys.readouterr().out == ""


@pytest.mark.usefixtures("started")
@pytest.mark.parametrize(("error", "status"), [(ObjlocError("why"), 1), (KeyboardInterrupt(), 130)])
def test_what_ends_the_second_process_is_told_by_the_first(
    error: BaseException, status: int
) -> None:
    with pytest.raises(type(error)), one_voice():
        raise error
    with pytest.raises(typer.Exit) as ended, one_voice():
        raise error
    assert ended.value.exit_code == status


def test_a_process_that_reaches_no_other_tells_for_itself(started: pytest.MonkeyPatch) -> None:
    class Unreachable:
        def __init__(self, *_: object, timeout: timedelta, **__: object) -> None:
            assert timeout < timedelta(minutes=1)
            raise RuntimeError("no one there")

    started.setattr("torch.distributed.TCPStore", Unreachable)
    for _ in range(2):
        with pytest.raises(ObjlocError, match="why"), one_voice():
            raise ObjlocError("why")
