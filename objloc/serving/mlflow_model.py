"""The registered model: photographs in, boxes out (docs/serving.md).

MLflow runs this file to make the model ("models from code"). ``predict`` takes a
table with a column ``image``, base64 of an image file, and an optional column
``categories``: a list of names, or names separated by commas (none: all that the agent
knows). The parameter ``max_windows`` applies to all images: 0 means one search for each
category, a larger number one search for all categories within that number of windows.
``min_score``, for all images too, is that of ``objloc.search.localiser.Localiser``.
The result is one mapping for each image: ``objloc.search.result.Result.as_json``, or
``error``, a sentence, if the image could not be searched.

Nothing in a request is ignored: what is not taken is refused.
"""

import base64
import binascii
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel, PythonModelContext

from objloc.errors import ObjlocError
from objloc.network.checkpoint import load_checkpoint
from objloc.search.localiser import Localiser
from objloc.serving.unknown_names import dropped_from_request, watch_requests

MAX_TEXT = 48 * 2**20
"""Characters of base64 that an image may have: 36 MiB of file."""


class ServedAgent(PythonModel):
    """A trained agent behind MLflow's face; requests may come side by side."""

    def load_context(self, context: PythonModelContext) -> None:
        """Read the weights; nothing in them is executed."""
        self._localiser = Localiser(load_checkpoint(Path(context.artifacts["checkpoint"])))
        watch_requests()

    def predict(
        self,
        context: PythonModelContext,  # noqa: ARG002 - MLflow's interface
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,
    ) -> list[dict[str, Any]]:
        """Search every image; one answer for each, in their order.

        Raises:
            MlflowException: the request names a column or a parameter that there is not.
        """
        if dropped := dropped_from_request():
            raise MlflowException.invalid_parameter_value(
                "expected columns image and categories, parameters max_windows and min_score; "
                f"{dropped}"
            )
        # MLflow lets null pass for a number.
        given = params or {}
        max_windows, min_score = given.get("max_windows") or None, given.get("min_score")
        return [
            self._answer(number, row, max_windows, min_score)
            for number, row in enumerate(model_input.to_dict(orient="records"))
        ]

    def _answer(
        self,
        number: int,
        row: dict[Hashable, Any],
        max_windows: int | None,
        min_score: float | None,
    ) -> dict[str, Any]:
        try:
            asked = _names(row.get("categories"))
            image = _decoded(row.get("image"))
            result = self._localiser(image, asked, max_windows, min_score=min_score)
        except ObjlocError as error:
            sentence = str(error).removeprefix("image: ")
            return {"image": number, "error": f"image {number}: {sentence}"}
        return result.as_json() | {"image": number}


def _is_missing(value: object) -> bool:
    """Whether it stands for nothing in a table: None, nan or pandas' NA."""
    return value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value))


def _names(asked: object) -> list[str] | None:
    """The categories that a row asks for; None: all.

    Raises:
        ObjlocError: neither text nor a list of text.
    """
    if _is_missing(asked):
        return None
    if isinstance(asked, str):
        return [each.strip() for each in asked.split(",") if each.strip()] or None
    # The forms of a request differ in what becomes of a JSON list.
    listed = list(asked) if isinstance(asked, list | tuple | np.ndarray) else None
    if listed is None or not all(isinstance(each, str) for each in listed):
        raise ObjlocError(f"categories: expected text or a list of text; found {asked!r}")
    return listed


def _decoded(text: object) -> bytes:
    """An image file's bytes; a ``data:`` address in front is taken off, lines are joined.

    Raises:
        ObjlocError: too much, or not base64.
    """
    if _is_missing(text) or text == "":
        raise ObjlocError("expected base64 of an image file: none given")
    if not isinstance(text, str):
        raise ObjlocError(f"expected base64 of an image file, as text; found {type(text).__name__}")
    if len(text) > MAX_TEXT:
        raise ObjlocError(
            f"expected at most {MAX_TEXT // 2**20} MiB of base64; found {len(text) // 2**20} MiB"
        )
    try:
        # MIME and the command base64 write lines of 76 characters.
        return base64.b64decode("".join(text.rpartition(",")[2].split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ObjlocError(f"expected base64 of an image file: {error}") from None


set_model(ServedAgent())
