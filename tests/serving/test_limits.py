import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import pytest

from objloc.serving.limits import LimitedRequests, Limits, refusal

Parts = list[dict[str, Any]]


class Echo:
    """An application that answers with the body's length, when it may."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.open = asyncio.Event()
        self.open.set()

    async def __call__(self, _: Any, receive: Any, send: Any) -> None:
        message = await receive()
        assert not message.get("more_body"), "a request comes whole"
        self.asked.append(len(message.get("body", b"")))
        await self.open.wait()
        await refusal(200, "done")({"type": "http"}, receive, send)


async def asked(
    app: Callable[..., Awaitable[None]],
    parts: Iterable[bytes],
    declared: int | None = None,
    method: str = "POST",
) -> tuple[int, str] | None:
    """Status and message of the answer; None: there is none. A client without parts is gone."""
    sent: Parts = []
    waiting: Parts = [{"type": "http.request", "body": each, "more_body": True} for each in parts]

    async def receive() -> dict[str, Any]:
        if waiting and waiting[0]["body"] is ...:
            await asyncio.Event().wait()
        return waiting.pop(0) if waiting else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    if waiting and waiting[-1]["body"] == b"":
        waiting[-1]["more_body"] = False
    headers = [] if declared is None else [(b"content-length", str(declared).encode())]
    scope = {"type": "http", "method": method, "path": "/", "headers": headers}
    await app(scope, receive, send)
    if not sent:
        return None
    return sent[0]["status"], json.loads(sent[1]["body"])["message"]


LIMITS = Limits(megabytes=1, seconds=600, requests=2)
HALF = bytes(2**19)


def test_a_request_within_the_limits_comes_whole() -> None:
    echo = Echo()
    app = LimitedRequests(echo, LIMITS)
    assert asyncio.run(asked(app, [HALF, HALF, b""], 2**20)) == (200, "done")
    assert echo.asked == [2**20]


@pytest.mark.parametrize(
    ("parts", "declared"),
    [
        ([HALF, HALF, b"x", b""], None),
        ([], 2**20 + 1),
        ([HALF, HALF, b"x", b""], 5),
        ([HALF, HALF, HALF, ...], None),
    ],
)
def test_a_larger_one_is_refused_unseen(parts: list[bytes], declared: int | None) -> None:
    echo = Echo()
    told = "expected a request of at most 1 MiB; found a larger one"
    assert asyncio.run(asked(LimitedRequests(echo, LIMITS), parts, declared)) == (413, told)
    assert not echo.asked


def test_one_that_does_not_arrive_in_time_is_refused() -> None:
    echo = Echo()
    app = LimitedRequests(echo, Limits(1, 0.01, 1))
    told = "expected a whole request within 0.01 seconds; found a part"
    stuck: Any = [HALF, ...]
    assert asyncio.run(asked(app, stuck)) == (408, told)
    assert not echo.asked
    # Its place is free again.
    assert asyncio.run(asked(LimitedRequests(echo, LIMITS), [b""])) == (200, "done")


def test_a_client_that_leaves_is_not_answered() -> None:
    echo = Echo()
    assert asyncio.run(asked(LimitedRequests(echo, LIMITS), [HALF])) is None
    assert not echo.asked


def test_one_too_many_at_once_is_told_that_it_is_busy() -> None:
    async def crowd() -> list[Any]:
        echo = Echo()
        app = LimitedRequests(echo, LIMITS)
        echo.open.clear()
        first = [asyncio.ensure_future(asked(app, [b""])) for _ in range(2)]
        while len(echo.asked) < 2:
            await asyncio.sleep(0)
        third = await asked(app, [b""])
        echo.open.set()
        # What has no body is not counted: whoever watches the service can ask whether it runs.
        return [third, *await asyncio.gather(*first), await asked(app, [b""], method="GET")]

    busy = (503, "busy: expected at most 2 requests at once; try again later")
    assert asyncio.run(crowd()) == [busy, (200, "done"), (200, "done"), (200, "done")]


def test_a_refusal_is_one_line() -> None:
    answer = json.loads(bytes(refusal(400, "two\nlines").body))
    assert answer == {"error_code": "BAD_REQUEST", "message": "two lines"}
    assert refusal(503, "busy").headers["retry-after"] == "1"
