import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import pytest

from benchmarks.reliability.traffic.case import BusyError, Case
from benchmarks.reliability.traffic.client import ask, begun
from benchmarks.reliability.traffic.pictures import good_files
from benchmarks.reliability.traffic.service import service_cases
from objloc.search.localiser import Localiser
from objloc.serving.limits import Limits
from objloc.serving.listening import listening
from objloc.serving.mlflow_model import ServedAgent
from objloc.serving.service import Service
from objloc.tracking.signature import example
from tests.helpers.runs import make_run

JSON = "application/json"
GOOD = json.dumps({"dataframe_records": [{"image": str(example()["image"][0])}]}).encode()


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("served")
    return make_run(folder, trigger=0.21, seed=2) / "train" / "checkpoint.pt"


SLOW = ("a slow upload", "a search above the limit of time")


def cases_of(checkpoint: Path, upload: int, search: int) -> Iterator[Case]:
    """All kinds of requests, at a service with these limits of time in seconds."""
    app = Service(checkpoint, 2, 4, search).app()
    with listening(app, "127.0.0.1", range(1), Limits(1, upload, 4)) as address:
        yield from service_cases(address, Localiser.load(checkpoint), 1, min(upload, search))


def sent(case: Case) -> str:
    """Send a request, once more where a busy machine was too slow for it; what it is."""
    while True:
        with suppress(BusyError):
            case.send(Random(0))
            return case.what


def test_every_kind_of_good_and_bad_request_is_answered_as_it_should_be(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = list(good_files())[:4]
    monkeypatch.setattr("benchmarks.reliability.traffic.service.good_files", lambda: few)
    kinds = {sent(case) for case in cases_of(checkpoint, 600, 600) if case.what not in SLOW}
    assert len(kinds) > 20
    for what, limits in zip(SLOW, ((1, 600), (600, 1)), strict=True):
        slow = [sent(case) for case in cases_of(checkpoint, *limits) if case.what == what]
        assert slow == [what]


class Gate:
    """Holds searches until it is opened."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked = threading.Semaphore(0)
        self.open = threading.Event()
        self.searched = 0
        answer = ServedAgent.predict

        def held(*arguments: Any) -> Any:
            self.asked.release()
            self.open.wait()
            self.searched += 1
            return answer(*arguments)

        monkeypatch.setattr(ServedAgent, "predict", held)


def test_one_that_waits_too_long_is_told_that_it_is_busy(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(monkeypatch)
    app = Service(checkpoint, 1, 4, 0.2).app()
    with (
        listening(app, "127.0.0.1", range(1), Limits(1, 600, 4)) as address,
        ThreadPoolExecutor(1) as other,
    ):
        first = other.submit(ask, address, "/invocations", GOOD)
        gate.asked.acquire()
        with pytest.raises(BusyError, match="busy: expected at most 4 requests at once"):
            ask(address, "/invocations", GOOD)
        assert ask(address, "/ping") == (200, "\n")
        gate.open.set()
        status, _ = first.result()
        # It was searched after its time: all its images have gone without.
        assert status == 200
    assert gate.searched == 1


def test_a_client_that_leaves_while_it_waits_is_not_searched_for(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(monkeypatch)
    app = Service(checkpoint, 1, 2, 600).app()
    with (
        listening(app, "127.0.0.1", range(1), Limits(1, 600, 2)) as address,
        ThreadPoolExecutor(1) as other,
    ):
        first = other.submit(ask, address, "/invocations", GOOD)
        gate.asked.acquire()
        with begun(address, "/invocations", len(GOOD), JSON) as leaving:
            leaving.sendall(GOOD)
            # Its place is taken when another is refused, and free when another waits.
            while _is_free(address):
                pass
        while not _is_free(address):
            pass
        gate.open.set()
        assert first.result()[0] == 200
    assert gate.searched == 1


def _is_free(address: str) -> bool:
    """Whether another request would be taken: one that is refused for its form, at once."""
    try:
        return ask(address, "/invocations", b"", "text/csv")[0] == 415
    except BusyError:
        return False


def test_a_fault_of_the_service_is_one_line_and_not_the_end(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = Service(checkpoint, 1, 2, 600).app()
    with listening(app, "127.0.0.1", range(1), Limits(1, 600, 2)) as address:
        with monkeypatch.context() as broken:
            broken.setattr("objloc.serving.service.invocations", None)
            status, answer = ask(address, "/invocations", GOOD)
            assert status == 500
            told = {"error_code": "INTERNAL_ERROR", "message": "the service failed: TypeError"}
            assert answer == told
        assert ask(address, "/invocations", GOOD)[0] == 200
