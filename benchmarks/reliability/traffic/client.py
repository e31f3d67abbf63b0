"""An HTTP client that behaves well, and sockets that do not."""

import http.client
import json
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

from benchmarks.reliability.traffic.case import BusyError

PATIENCE = 120
"""Seconds without an answer after which a request counts as hung."""


def ask(
    address: str, path: str, body: Any = None, kind: str = "application/json"
) -> tuple[int, Any]:
    """Send a request; the status and the answer, parsed if it is JSON.

    Args:
        address: of the service.
        path: with a slash at its beginning.
        body: bytes, or parts of them, which are sent without saying how many; None: GET.
        kind: the body's content type.

    Raises:
        BusyError: the answer says so.
    """
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=PATIENCE)
    try:
        method = "GET" if body is None else "POST"
        connection.request(method, path, body, {"Content-Type": kind})
        answer = connection.getresponse()
        text = answer.read()
    finally:
        connection.close()
    if answer.status == 503:
        raise BusyError(text.decode())
    try:
        return answer.status, json.loads(text)
    except ValueError:
        return answer.status, text.decode(errors="replace")


def parts(data: bytes, size: int = 2**16) -> Iterable[bytes]:
    """Data in parts, so that its length is not said in advance."""
    return (data[start : start + size] for start in range(0, len(data), size))


@contextmanager
def begun(address: str, path: str, length: int, kind: str) -> Iterator[socket.socket]:
    """A request whose body is still to be sent."""
    host = urlsplit(address)
    head = f"POST {path} HTTP/1.1\r\nHost: {host.netloc}\r\nContent-Type: {kind}\r\n"
    with socket.create_connection((host.hostname or "", host.port or 80), PATIENCE) as sent:
        sent.sendall(f"{head}Content-Length: {length}\r\n\r\n".encode())
        yield sent


def status_of(answered: socket.socket) -> int:
    """Status of the answer on a socket; 0 if it is closed without one.

    Raises:
        BusyError: it says so.
    """
    line = b""
    while not line.endswith(b"\r\n"):
        try:
            part = answered.recv(1)
        except ConnectionError:
            return 0
        if not part:
            return 0
        line += part
    status = int(line.split()[1])
    if status == 503:
        raise BusyError
    return status


def status_of_slow(upload: socket.socket, body: bytes) -> int | str:
    """Status of the answer to a body that is sent at a byte a second, or that none came."""
    upload.settimeout(1)
    for byte in body:
        with suppress(ConnectionError):  # which has the answer nevertheless
            upload.sendall(bytes([byte]))
        with suppress(TimeoutError):
            return status_of(upload)
    return "a slow upload went on for ever"


def events(address: str, path: str) -> Iterator[dict[str, Any]]:
    """Events of a stream, until it ends or the caller has seen enough."""
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=PATIENCE)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        if answer.status == 503:
            raise BusyError
        for line in answer:
            if line.startswith(b"data: "):
                yield json.loads(line.removeprefix(b"data: "))
    finally:
        connection.close()
