"""The service of a model: MLflow's ``/invocations`` and ``/ping``, within limits.

What is asked and answered is that of ``mlflow models serve`` (docs/serving.md), as JSON.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from mlflow.exceptions import MlflowException
from mlflow.models import Model
from mlflow.pyfunc import PyFuncModel
from mlflow.pyfunc.model import PythonModelContext
from mlflow.pyfunc.scoring_server import SUPPORTED_FORMATS, invocations
from mlflow.version import VERSION
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from objloc.search.time_limit import time_limit
from objloc.serving.limits import busy, refusal
from objloc.serving.mlflow_model import ServedAgent
from objloc.tracking.signature import SIGNATURE

_JSON = "application/json"

MAX_VALUES = 100_000
"""Values that a request may have. Parsed, a few bytes of JSON take hundreds of memory."""


class Service:
    """Answers requests, a limited number at once.

    Args:
        checkpoint: the model's file.
        at_once: maximum number of requests that are searched at once; others wait.
        requests: maximum number of requests, as a refusal states it.
        seconds: maximum time that a request waits, and that it is searched.
    """

    def __init__(self, checkpoint: Path, at_once: int, requests: int, seconds: float) -> None:
        agent = ServedAgent()
        context = PythonModelContext({"checkpoint": str(checkpoint)}, {})  # type: ignore[no-untyped-call]
        agent.load_context(context)
        self._model = PyFuncModel(Model(signature=SIGNATURE), _WithContext(agent, context))
        self._schema = SIGNATURE.inputs
        self._threads = ThreadPoolExecutor(at_once, "search")
        self._requests, self._seconds = requests, seconds

    def app(self) -> Starlette:
        """The service as an ASGI application."""
        return Starlette(
            routes=[
                Route("/invocations", self._invocations, methods=["POST"]),
                Route("/ping", _ping),
                Route("/health", _ping),
                Route("/version", _version),
            ],
            exception_handlers={HTTPException: _refused, Exception: _failed},
            lifespan=self._lifespan,
        )

    @asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        yield
        self._threads.shutdown(cancel_futures=True)

    async def _invocations(self, request: Request) -> Response:
        kind = request.headers.get("content-type", "")
        if kind.partition(";")[0].strip().lower() != _JSON:
            return refusal(415, f"expected {_JSON}; found {kind[:80] or 'no type'}")
        body = await request.body()
        answer = self._threads.submit(self._answer, body)
        del body
        started = asyncio.wrap_future(answer)
        gone: asyncio.Future[Any] = asyncio.ensure_future(request.receive())
        try:
            waited: set[asyncio.Future[Any]] = {started, gone}
            await asyncio.wait(waited, timeout=self._seconds, return_when=asyncio.FIRST_COMPLETED)
            # One that is being searched can't be cancelled, and has a time limit of its own.
            if not started.done() and answer.cancel():
                return busy(self._requests)
            return await started
        finally:
            gone.cancel()

    def _answer(self, body: bytes) -> Response:
        """Answer a request's body, in a thread."""
        try:
            asked = _parsed(body)
            with time_limit(self._seconds):
                answer = invocations(  # type: ignore[no-untyped-call]
                    asked, _JSON, self._model, self._schema
                )
        except MlflowException as error:
            # MLflow repeats the request before its reason.
            reason = error.message.rpartition("Error: ")[2]
            status = error.get_http_status_code()  # type: ignore[no-untyped-call]
            return refusal(status, reason)
        except ValueError as error:
            return refusal(400, str(error))
        return Response(answer.response, answer.status, media_type=answer.mimetype)


class _WithContext:
    """A model as MLflow calls it, without a context."""

    def __init__(self, agent: ServedAgent, context: PythonModelContext) -> None:
        self._agent, self._context = agent, context

    def predict(self, model_input: Any, params: dict[str, Any] | None = None) -> Any:
        return self._agent.predict(self._context, model_input, params)


def _parsed(body: bytes) -> dict[str, Any]:
    """A request's JSON.

    Raises:
        ValueError: it is none, no object of MLflow's form, or has too many values.
    """
    # Base64 has none of these.
    values = sum(body.count(sign) for sign in (b",", b"[", b"{"))
    if values > MAX_VALUES:
        raise ValueError(f"expected JSON of at most {MAX_VALUES} values; found more")
    try:
        asked = json.loads(body)
    except RecursionError:
        raise ValueError("expected JSON; found too many levels") from None
    except UnicodeDecodeError:
        raise ValueError("expected JSON in UTF-8; found other bytes") from None
    except ValueError as error:
        raise ValueError(f"expected JSON: {error}") from None
    if not isinstance(asked, dict):
        raise ValueError(f"expected a JSON object; found {type(asked).__name__}")
    forms = asked.keys() & SUPPORTED_FORMATS
    if len(forms) != 1 or asked.keys() - forms - {"params"}:
        expected = ", ".join(sorted(SUPPORTED_FORMATS))
        found = ", ".join(str(each)[:40] for each in [*asked][:9]) or "none"
        raise ValueError(f"expected one of {expected}, with or without params; found {found}")
    return asked


def _ping(_: Request) -> Response:
    return Response("\n", media_type=_JSON)


def _version(_: Request) -> Response:
    return Response(VERSION, media_type=_JSON)


def _refused(_: Request, error: Exception) -> JSONResponse:
    """The answer to another path or method."""
    status = error.status_code if isinstance(error, HTTPException) else 400
    return refusal(status, f"{error}; expected POST /invocations or GET /ping")


def _failed(_: Request, error: Exception) -> JSONResponse:
    """The answer where the service has a fault; the log has the traceback."""
    return refusal(500, f"the service failed: {type(error).__name__}")
