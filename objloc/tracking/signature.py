"""Signature and example of a registered model, whose code is objloc/serving/mlflow_model.py."""

import base64
import io

import pandas as pd
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema
from mlflow.types.schema import AnyType, Array, Object, Property
from PIL import Image, ImageDraw

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
            # Text or a list: a column of MLflow's has either one type or any.
            ColSpec(AnyType(), "categories", required=False),  # type: ignore[no-untyped-call]
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
    params=ParamSchema(
        [ParamSpec("max_windows", DataType.long, 0), ParamSpec("min_score", DataType.double, None)]
    ),
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
