"""The app as programs ask it, which need not do as its page does."""

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from benchmarks.reliability.traffic.app import API, FORM, app_cases
from benchmarks.reliability.traffic.client import ask, begun, status_of
from objloc.search.localiser import Localiser
from objloc.view.app.server import served
from tests.helpers.subjects import make_checkpoint

AGENT = Localiser(make_checkpoint())


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    pytest.importorskip("gradio", reason="the extra app is not installed")
    with served(AGENT, port=0, max_megabytes=1, max_seconds=600) as running:
        yield running.rstrip("/")


def test_every_kind_of_good_and_bad_visit_is_answered_as_it_should_be(address: str) -> None:
    kinds = set()
    for case in app_cases(address, AGENT, 1, 600):
        if case.what != "a slow upload":
            case.send(Random(0))
            kinds.add(case.what)
    assert {"a file of the machine's own", "a file for categories"} < kinds
    assert len(kinds) > 12


def test_a_slow_upload_is_refused() -> None:
    pytest.importorskip("gradio", reason="the extra app is not installed")
    with (
        served(AGENT, port=0, max_megabytes=1, max_seconds=1) as running,
        begun(running, f"{API}/upload", 1000, FORM) as upload,
    ):
        upload.sendall(b"-")
        assert status_of(upload) == 408


def test_files_of_the_machine_and_other_pages_are_not_served(address: str, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    for path in (f"{API}/file={tmp_path}/secret.txt", f"{API}/file=/etc/hostname"):
        assert ask(address, path)[0] in (403, 404)
    for path in ("/docs", "/redoc", "/openapi.json"):
        assert "cdn" not in str(ask(address, path)[1])
