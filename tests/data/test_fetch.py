import itertools
import socket
import threading
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
import requests

from objloc.data import fetch as fetch_module
from objloc.data.fetch import fetch, reason_of
from objloc.data.photograph import is_url, name_in
from objloc.errors import ObjlocError
from tests.helpers.servers import Files, serving, unused_address


@pytest.fixture
def trickle() -> Iterator[str]:
    """A server that sends a byte now and then, for ever."""
    listener = socket.create_server(("127.0.0.1", 0))
    stop = threading.Event()

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
            while not stop.wait(0.02):
                try:
                    connection.sendall(b"x" * 70_000)
                except OSError:
                    return

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/slow.jpg"
    stop.set()
    thread.join()
    listener.close()


def test_a_file_is_fetched_whole() -> None:
    content = bytes(range(256)) * 1000
    with serving(Files({"/a/photo.jpg": content})) as files:
        assert fetch(f"{files.url}/a/photo.jpg") == content


def test_a_file_above_the_limit_is_given_up() -> None:
    with serving(Files({"/photo.jpg": bytes(2001)})) as files:
        assert len(fetch(f"{files.url}/photo.jpg", max_bytes=2001)) == 2001
        with pytest.raises(ObjlocError, match="expected at most 2000 bytes; found more"):
            fetch(f"{files.url}/photo.jpg", max_bytes=2000)


def test_a_server_that_trickles_is_given_up(trickle: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # The download begins at second 0; each chunk takes 10 seconds.
    seconds = itertools.count(0, 10)
    monkeypatch.setattr(fetch_module, "time", SimpleNamespace(monotonic=lambda: next(seconds)))
    with pytest.raises(ObjlocError, match=r"expected an answer within 30 s; gave up"):
        fetch(trickle, patience=30)
    assert next(seconds) == 50, "given up by the first chunk that comes after second 30"


def test_a_server_that_says_nothing_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/photo.jpg"
        with pytest.raises(ObjlocError, match="cannot be fetched: no answer in time"):
            fetch(address, patience=0.2)


def test_other_failures_are_reported_in_one_line() -> None:
    with serving(Files({"/cut": bytes(100)}, failures=[500], cuts=[50])) as files:
        for path, reason in (
            ("cut", "HTTP 500"),
            ("none", "HTTP 404"),
            ("cut", "connection broken"),
        ):
            with pytest.raises(ObjlocError, match=reason):
                fetch(f"{files.url}/{path}")
    with pytest.raises(ObjlocError, match="cannot be fetched: connection refused"):
        fetch(f"{unused_address()}/photo.jpg")
    for bad in ("http://", "http://[", "http://.../x.jpg", "https://exa mple/"):
        with pytest.raises(ObjlocError, match="cannot be fetched: ") as caught:
            fetch(bad, patience=1.0)
        assert "\n" not in str(caught.value)


def test_an_address_is_distinguished_from_a_path() -> None:
    assert all(map(is_url, ("http://a/b", "HTTPS://a")))
    assert not any(map(is_url, ("http.jpg", "/http://a", "c:/x", "ftp://a/b")))
    assert name_in("http://a/b/photo.jpg?size=3#top") == "photo.jpg"
    assert name_in("http://a") == ""


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (requests.ReadTimeout(), "no answer in time"),
        (requests.ConnectionError("HTTPPool: Read timed out."), "no answer in time"),
        (requests.TooManyRedirects("Exceeded 30"), "too many redirects"),
        (requests.ConnectionError("[Errno 111] Connection refused"), "connection refused"),
        (requests.ConnectionError("Failed to resolve 'a'"), "no such host"),
        (requests.ConnectionError("[Errno -2] Name or service not known"), "no such host"),
        (requests.exceptions.ProxyError("403"), "the proxy does not let us through"),
        (requests.exceptions.SSLError("expired"), "no secure connection"),
        (requests.exceptions.InvalidURL("http://"), "not a usable address"),
        (requests.exceptions.MissingSchema("a/b"), "not a usable address"),
        (UnicodeError("label too long"), "not a usable address"),
        (requests.exceptions.ChunkedEncodingError("IncompleteRead"), "connection broken"),
    ],
)
def test_a_failure_is_reported_in_a_few_words(error: Exception, reason: str) -> None:
    assert reason_of(error) == reason
