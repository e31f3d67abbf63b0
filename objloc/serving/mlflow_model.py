"""The registered model: photographs in, boxes out (docs/serving.md).

MLflow runs this file to make the model ("models from code"). ``predict`` takes a
table with a column ``image``, base64 of an image file, and an optional column
``categories``, separated by commas (empty: all that the agent knows). The parameter
``max_windows`` applies to all images: 0 means one search for each category, a larger
number one search for all categories within that number of windows. The result is one
mapping for each image: ``objloc.search.result.Result.as_json``, or ``error``, a
sentence, if the image could not be searched.
"""

import base64
import binascii
import io
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import pandas as pd
from mlflow.models import ModelSignature, set_model
from mlflow.pyfunc.model import PythonModel, PythonModelContext
from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema
from mlflow.types.schema import Array, Object, Property
from PIL import Image, ImageDraw

from objloc.errors import ObjlocError
from objloc.network.checkpoint import load_checkpoint
from objloc.search.localiser import Localiser

MAX_TEXT = 48 * 2**20
"""Characters of base64 that an image may have: 36 MiB of file."""

_CORNERS = Array(DataType.double)
_STEP = Object(
    [
        Property("xyxy", _CORNERS),
        Property("category", DataType.string),
        Property("action", DataType.string),
        Property("further", Array(DataType.string)),
        Property("values", Array(DataType.double)),
    ]
)
_SEEN = Object(
    [
        Property("xyxy", _CORNERS),
        Property("parent", DataType.long),
        Property("category", DataType.string),
        Property("actions", Array(DataType.string)),
        Property("scores", Array(DataType.double)),
        Property("triggered", Array(DataType.string)),
    ]
)
_SEARCH = [
    Property("category", DataType.string),
    Property("steps", DataType.long),
    Property("trajectory", Array(_STEP)),
]
_BOX = Object(
    [
        *_SEARCH,
        Property("score", DataType.double),
        Property("xyxy", _CORNERS),
        Property("voc", _CORNERS),
    ]
)
_WITHOUT_BOX = Object([*_SEARCH, Property("triggered", DataType.boolean)])

SIGNATURE = ModelSignature(
    inputs=Schema(
        [
            ColSpec(DataType.string, "image"),
            ColSpec(DataType.string, "categories", required=False),
        ]
    ),
    outputs=Schema(
        [
            ColSpec(DataType.long, "image"),
            ColSpec(DataType.string, "error", required=False),
            *(
                ColSpec(DataType.long, name, required=False)
                for name in ("width", "height", "windows")
            ),
            ColSpec(Array(DataType.string), "actions", required=False),
            ColSpec(Array(_BOX), "boxes", required=False),
            ColSpec(Array(_WITHOUT_BOX), "without_box", required=False),
            ColSpec(Array(DataType.string), "searched", required=False),
            ColSpec(Array(_SEEN), "seen", required=False),
        ]
    ),
    params=ParamSchema([ParamSpec("max_windows", DataType.long, 0)]),
)
"""Input, output and parameters of the model."""


def example() -> pd.DataFrame:
    """A batch of two small drawn images."""
    images = []
    for box in ((12, 16, 48, 40), (30, 6, 44, 44)):
        image = Image.new("RGB", (64, 48), "wheat")
        ImageDraw.Draw(image).ellipse(box, fill="saddlebrown")
        stream = io.BytesIO()
        image.save(stream, "PNG")
        images.append(base64.b64encode(stream.getvalue()).decode())
    return pd.DataFrame({"image": images})


class ServedAgent(PythonModel):
    """A trained agent behind MLflow's face; requests may come side by side."""

    def load_context(self, context: PythonModelContext) -> None:
        """Read the weights; nothing in them is executed."""
        self._localiser = Localiser(load_checkpoint(Path(context.artifacts["checkpoint"])))

    def predict(
        self,
        context: PythonModelContext,  # noqa: ARG002 - MLflow's interface
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,
    ) -> list[dict[str, Any]]:
        """Search every image; one answer for each, in their order."""
        max_windows = int((params or {}).get("max_windows") or 0) or None
        rows = model_input.to_dict(orient="records")
        return [self._answer(number, row, max_windows) for number, row in enumerate(rows)]

    def _answer(
        self, number: int, row: dict[Hashable, Any], max_windows: int | None
    ) -> dict[str, Any]:
        # A table has nan or None where nothing was given.
        text = row.get("categories")
        names = text.split(",") if isinstance(text, str) else []
        asked = [each.strip() for each in names if each.strip()]
        try:
            result = self._localiser(_decoded(row.get("image")), asked or None, max_windows)
        except ObjlocError as error:
            sentence = str(error).removeprefix("image: ")
            return {"image": number, "error": f"image {number}: {sentence}"}
        return result.as_json() | {"image": number}


def _decoded(text: object) -> bytes:
    """An image file's bytes; a ``data:`` address in front is taken off.

    Raises:
        ObjlocError: too much, or not base64.
    """
    if isinstance(text, str) and len(text) > MAX_TEXT:
        raise ObjlocError(
            f"expected at most {MAX_TEXT // 2**20} MiB of base64; found {len(text) // 2**20} MiB"
        )
    try:
        if not isinstance(text, str) or not text:
            raise ValueError("none given")
        return base64.b64decode(text.rpartition(",")[2], validate=True)
    except (binascii.Error, ValueError) as error:
        raise ObjlocError(f"expected base64 of an image file: {error}") from None


set_model(ServedAgent())
