"""Limits of a service: size of requests, time to send and to read, number at once."""

import asyncio
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_BODILESS = ("GET", "HEAD", "OPTIONS")
"""Methods whose body no one reads."""


@dataclass(frozen=True)
class Limits:
    """Bounds on what a service takes.

    Attributes:
        megabytes: maximum size of a request, in MiB.
        seconds: maximum time for a request to arrive, and for a client to take an answer.
        requests: maximum number of requests at once, those that wait included.
        connections: maximum number of open connections.
    """

    megabytes: int
    seconds: float
    requests: int
    connections: int = 200

    @property
    def bytes(self) -> int:
        """Maximum size of a request in bytes."""
        return self.megabytes * 2**20


def refusal(status: int, message: str) -> JSONResponse:
    """An answer in one line, with the keys of MLflow's server."""
    names = {400: "BAD_REQUEST", 500: "INTERNAL_ERROR", 503: "TEMPORARILY_UNAVAILABLE"}
    headers = {"Retry-After": "1"} if status == 503 else None
    sentence = " ".join(message.split())
    return JSONResponse(
        {"error_code": names.get(status, "INVALID_REQUEST"), "message": sentence}, status, headers
    )


def busy(requests: int) -> JSONResponse:
    """The answer to one request too many."""
    return refusal(503, f"busy: expected at most {requests} requests at once; try again later")


class LimitedRequests:
    """ASGI middleware that passes on whole requests within limits, and refuses all others.

    A request's body is read before the application sees anything of it: a slow or broken
    upload costs nothing but its own memory.

    Args:
        app: the application.
        limits: what is taken.
    """

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        self._app, self._limits = app, limits
        self._inside = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; see ASGI."""
        if scope["type"] != "http" or scope["method"] in _BODILESS:
            await self._app(scope, receive, send)
            return
        if self._inside >= self._limits.requests:
            await busy(self._limits.requests)(scope, receive, send)
            return
        self._inside += 1
        try:
            await self._answer(scope, receive, send)
        finally:
            self._inside -= 1

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        limits = self._limits
        try:
            async with asyncio.timeout(limits.seconds):
                body = await self._body(scope, receive)
        except TimeoutError:
            told = f"expected a whole request within {limits.seconds:g} seconds; found a part"
            await refusal(408, told)(scope, receive, send)
            return
        except _TooLargeError:
            told = f"expected a request of at most {limits.megabytes} MiB; found a larger one"
            await refusal(413, told)(scope, receive, send)
            return
        if body is None:
            return
        waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]
        del body

        async def replay() -> Message:
            return waiting.pop() if waiting else await receive()

        await self._app(scope, replay, send)

    async def _body(self, scope: Scope, receive: Receive) -> bytes | None:
        """A request's body; None: the client has gone.

        Raises:
            _TooLargeError: it is, or says that it is, larger than the limit.
        """
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdecimal() and int(declared) > self._limits.bytes:
            raise _TooLargeError
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            body += message.get("body", b"")
            if len(body) > self._limits.bytes:
                raise _TooLargeError
            if not message.get("more_body"):
                return bytes(body)


class _TooLargeError(Exception):
    """A request is larger than the limit."""
