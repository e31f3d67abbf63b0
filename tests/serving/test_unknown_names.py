import logging

import pytest
from mlflow.pyfunc.context import Context, set_prediction_context

from objloc.serving.unknown_names import dropped_from_request, watch_requests

LOGGER = logging.getLogger("mlflow.models.utils")
PARAMS = "Unrecognized params ['a'] are ignored for inference. Supported params are: {'b'}."
COLUMNS = "Found extra inputs in the model input: `['c']`. These inputs will be ignored."


def test_a_request_is_told_its_own_warnings_alone() -> None:
    watch_requests()
    watch_requests()
    with set_prediction_context(Context()):
        assert dropped_from_request() == ""
        LOGGER.warning("of something else, ignored")
        assert dropped_from_request() == ""
        LOGGER.warning(COLUMNS)
        LOGGER.warning(PARAMS)
        words = "Found extra inputs in the model input: `['c']`; Unrecognized params ['a']"
        assert dropped_from_request() == words
    assert dropped_from_request() == ""
    with set_prediction_context(Context()):
        assert dropped_from_request() == "", "another model's, in the same thread"
        LOGGER.warning(PARAMS)
        assert dropped_from_request() == "Unrecognized params ['a']"


def test_the_log_keeps_its_warnings(caplog: pytest.LogCaptureFixture) -> None:
    watch_requests()
    LOGGER.warning(PARAMS)
    assert caplog.messages == [PARAMS]
    assert dropped_from_request() == "", "outside a request"
