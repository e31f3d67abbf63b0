"""Parts of a request that MLflow leaves out before the model sees the rest.

MLflow drops params and columns that a model's signature does not name and warns in the server's
log, which nobody who asks reads: ``max_window`` for ``max_windows`` would be answered as if it
had not been asked for. The warning is all that a model can learn of them, so it is read from
MLflow's logger. A process that silences MLflow's warnings silences this too.
"""

import logging
from contextvars import ContextVar

from mlflow.pyfunc.context import Context, get_prediction_context

_LOGGER = logging.getLogger("mlflow.models.utils")
_BEGINNINGS = ("Unrecognized params", "Found extra inputs")

_dropped: ContextVar[tuple[Context | None, str]] = ContextVar("dropped", default=(None, ""))
"""The request that last lost something in this thread or task, and MLflow's words."""


def watch_requests() -> None:
    """Begin to note what MLflow leaves out of requests; again is the same as once."""
    _LOGGER.addFilter(_note)


def dropped_from_request() -> str:
    """MLflow's words on what it left out of the request that is being answered; empty: nothing."""
    request, words = _dropped.get()
    return words if request is not None and request is get_prediction_context() else ""


def _note(record: logging.LogRecord) -> bool:
    """Note a warning with the request that it belongs to; every record is logged as before."""
    warning = record.getMessage()
    if warning.startswith(_BEGINNINGS):
        words = [dropped_from_request(), warning.partition(" are ignored")[0].partition(". ")[0]]
        _dropped.set((get_prediction_context(), "; ".join(filter(None, words))))
    return True
