"""An HTTP server in a thread of its own, which waits for no client for ever."""

import asyncio
import ipaddress
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from objloc.errors import ObjlocError
from objloc.serving.limits import LimitedRequests, Limits

_GRACE = 5.0
"""Seconds for which a refused request may still be sent: a client that is hung up on while it
sends may never read why."""


@contextmanager
def listening(app: ASGIApp, host: str, ports: range, limits: Limits) -> Iterator[str]:
    """Serve an application while the block runs.

    Args:
        app: the application.
        host: address to listen on.
        ports: the first free one is taken; 0 stands for any.
        limits: bounds on its requests and connections.

    Yields:
        Address of the service, without a slash at the end.

    Raises:
        ObjlocError: no port is free, or the host is not one of this machine.
    """
    with _listener(host, ports) as listener:
        server = uvicorn.Server(
            uvicorn.Config(
                LimitedRequests(app, limits),
                http=_protocol(limits.seconds + _GRACE),
                ws="none",
                limit_concurrency=limits.connections,
                timeout_graceful_shutdown=1,
                log_level="warning",
                proxy_headers=False,
                server_header=False,
            )
        )
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        try:
            while not server.started and thread.is_alive():
                time.sleep(0.01)
            port = listener.getsockname()[1]
            yield f"http://{f'[{host}]' if ':' in host else host}:{port}"
        finally:
            server.should_exit = True
            thread.join()


def warn_if_open(host: str) -> None:
    """Say on standard error that other machines are let in, where they are."""
    try:
        closed = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        closed = False
    if not closed:
        print(
            f"warning: --host {host} lets other machines in, without a password or encryption",
            file=sys.stderr,
        )


def _listener(host: str, ports: range) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    reason = ""
    for port in ports:
        try:
            return socket.create_server((host, port), family=family)
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else str(error)
    where = f"{host}:{ports[0]}" + (f" to {ports[-1]}" if len(ports) > 1 else "")
    raise ObjlocError(f"cannot listen on {where}: {reason}") from None


def _protocol(seconds: float) -> type[asyncio.Protocol]:
    """HTTP whose connections end where a client takes too long to send or to read."""

    class Impatient(H11Protocol):
        """Hangs up when one of its two alarms goes off."""

        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            self._sending, self._reading = _Alarm(), _Alarm()

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._sending.set(self.loop, seconds, transport.abort)

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self.conn.their_state in (h11.IDLE, h11.SEND_BODY):
                self._sending.set(self.loop, seconds, self.transport.abort)
            else:
                self._sending.stop()

        def pause_writing(self) -> None:
            super().pause_writing()
            self._reading.set(self.loop, seconds, self.transport.abort)

        def resume_writing(self) -> None:
            super().resume_writing()
            self._reading.stop()

        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            self._sending.stop()
            self._reading.stop()

    return Impatient


class _Alarm:
    """A call in some seconds, unless it is stopped before."""

    def __init__(self) -> None:
        self._timer: asyncio.TimerHandle | None = None

    def set(
        self, loop: asyncio.AbstractEventLoop, seconds: float, call: Callable[[], None]
    ) -> None:
        """Set it; one that is set already stays as it is."""
        if self._timer is None:
            self._timer = loop.call_later(seconds, call)

    def stop(self) -> None:
        """Stop it; it may be set again."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
