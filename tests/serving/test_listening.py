import socket
from contextlib import suppress
from http.client import HTTPException
from queue import SimpleQueue
from typing import Any
from urllib.parse import urlsplit

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from benchmarks.reliability.traffic.client import ask, begun, status_of
from objloc.errors import ObjlocError
from objloc.serving import listening as module
from objloc.serving.limits import Limits
from objloc.serving.listening import listening, warn_if_open

LIMITS = Limits(megabytes=1, seconds=600, requests=4, connections=8)
ANY = range(1)
JSON = "application/json"


async def echo(request: Request) -> Response:
    return Response(await request.body(), media_type=JSON)


def large(_: Request) -> Response:
    return Response(bytes(2**27))


APP = Starlette(routes=[Route("/", echo, methods=["POST"]), Route("/large", large)])


def connected(address: str) -> socket.socket:
    host = urlsplit(address)
    assert host.hostname
    return socket.create_connection((host.hostname, host.port or 0), 300)


def still_answers(address: str) -> bool:
    """Whether a service with little patience answers one of many requests.

    A busy machine may be too slow for its limit of time, and is refused or hung up on.
    """
    for _ in range(1000):
        with suppress(ConnectionError, HTTPException):
            if ask(address, "/", b"[1]") == (200, [1]):
                return True
    return False


def test_it_answers_and_refuses_and_is_gone_at_the_end() -> None:
    with listening(APP, "127.0.0.1", ANY, LIMITS) as address:
        assert ask(address, "/", b"[1]") == (200, [1])
        assert ask(address, "/", bytes(2**21))[0] == 413
        assert ask(address, "/", [b"0" * 2**20, b"1"])[0] == 413
        with begun(address, "/", 2**40, JSON) as told_only:
            assert status_of(told_only) == 413
        assert ask(address, "/", b"[1]") == (200, [1])
    with pytest.raises(ConnectionError):
        connected(address)


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"POST / HTTP/1.1\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n[1",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n[1]POST /",
    ],
    ids=["nothing", "half a head", "half a body", "half a second request"],
)
def test_a_client_that_does_not_go_on_is_hung_up_on(
    sent: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_GRACE", 0.1)
    with listening(APP, "127.0.0.1", ANY, Limits(1, 0.1, 4)) as address:
        with connected(address) as client:
            client.sendall(sent)
            try:
                while client.recv(1000):
                    pass
            except ConnectionResetError:
                pass
        assert still_answers(address)


def test_a_client_that_does_not_read_is_hung_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_GRACE", 0.1)
    lost: SimpleQueue[Any] = SimpleQueue()
    protocol = module._protocol

    def watched(seconds: float) -> Any:
        class Watched(protocol(seconds)):  # type: ignore[misc]
            def connection_lost(self, error: Exception | None) -> None:
                super().connection_lost(error)
                lost.put(error)

        return Watched

    monkeypatch.setattr(module, "_protocol", watched)
    with listening(APP, "127.0.0.1", ANY, Limits(1, 0.1, 4)) as address:
        with connected(address) as client:
            client.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
            lost.get(timeout=300)
        assert still_answers(address)


def test_more_connections_than_the_limit_are_refused() -> None:
    with listening(APP, "127.0.0.1", ANY, Limits(1, 600, 4, connections=2)) as address:
        with connected(address), begun(address, "/", 0, JSON) as second:
            status = second.recv(1000).split()[1]
        assert status == b"503"


def test_a_port_that_is_taken_is_told_and_the_next_one_tried() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        told = f"cannot listen on 127.0.0.1:{port}: Address already in use"
        with (
            pytest.raises(ObjlocError, match=f"^{told}$"),
            listening(APP, "127.0.0.1", range(port, port + 1), LIMITS),
        ):
            pass
        # 0 stands for any free one.
        with listening(APP, "127.0.0.1", range(port, -1, -port), LIMITS) as address:
            assert ask(address, "/", b"[1]") == (200, [1])


def test_other_machines_are_let_in_with_a_warning_alone(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for host in ("127.0.0.1", "localhost", "::1", "127.0.0.9"):
        warn_if_open(host)
    assert capsys.readouterr().err == ""
    for host in ("0.0.0.0", "::", "192.168.1.2", "myhost"):  # noqa: S104 - what is warned of
        warn_if_open(host)
        told = f"warning: --host {host} lets other machines in, without a password or encryption\n"
        assert capsys.readouterr().err == told
