"""The registered model: photographs in, boxes out.

MLflow runs this file to make the model ("models from code"): ``predict`` takes a
table with a column ``image``, base64 of an image file, and an optional column
``categories``, separated by commas (empty: all the agent knows). It returns one
row for each object found, that is for each search that ended in a trigger.
"""

import base64
import binascii
import io
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from mlflow.models import ModelSignature, set_model
from mlflow.pyfunc.model import PythonModel, PythonModelContext
from mlflow.types import ColSpec, DataType, Schema
from PIL import Image, ImageDraw

from objloc.agent.checkpoint import load_checkpoint
from objloc.agent.policy import GreedyPolicy
from objloc.box import to_voc
from objloc.errors import ObjlocError
from objloc.evaluation.rollout import rollout
from objloc.voc.images import open_image
from objloc.voc.sample import Sample
from objloc.voc.store import SampleStore

_COLUMNS = {
    "image": DataType.long,
    "category": DataType.string,
    "score": DataType.double,
    "steps": DataType.long,
    "xmin": DataType.double,
    "ymin": DataType.double,
    "xmax": DataType.double,
    "ymax": DataType.double,
}

SIGNATURE = ModelSignature(
    inputs=Schema(
        [
            ColSpec(DataType.string, "image"),
            ColSpec(DataType.string, "categories", required=False),
        ]
    ),
    outputs=Schema([ColSpec(kind, name) for name, kind in _COLUMNS.items()]),
)
"""What goes in and what comes out.

Out: row of the input (from 0), category, value of the trigger, number of steps,
and the box in one-based inclusive pixels of the upright image.
"""


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
    """A trained agent behind MLflow's face."""

    def load_context(self, context: PythonModelContext) -> None:
        """Read the weights; nothing in them is executed."""
        self._checkpoint = load_checkpoint(Path(context.artifacts["checkpoint"]))
        self._network = self._checkpoint.network()

    def predict(
        self,
        context: PythonModelContext,  # noqa: ARG002 - MLflow's interface
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,  # noqa: ARG002
    ) -> pd.DataFrame:
        """Search every image for every category asked.

        Raises:
            ObjlocError: not an image; a category the agent does not know.
        """
        asked = model_input.get("categories", pd.Series([None] * len(model_input)))
        found = [
            {"image": row, **box}
            for row, (text, categories) in enumerate(zip(model_input["image"], asked, strict=True))
            for box in self._search(
                _decoded(text, row), self._indices(categories, row), f"image {row}"
            )
        ]
        kinds = {name: kind.to_pandas() for name, kind in _COLUMNS.items()}
        return pd.DataFrame(found, columns=list(_COLUMNS)).astype(kinds)

    def _indices(self, categories: object, row: int) -> list[int]:
        """The categories asked, by number; all if none is: a table has nan there."""
        known = self._checkpoint.categories
        listed = categories if isinstance(categories, str) else ""
        names = [name.strip() for name in listed.split(",") if name.strip()]
        for name in names:
            if name not in known:
                raise ObjlocError(
                    f"image {row}: categories: expected some of {', '.join(known)}; found '{name}'"
                )
        return [known.index(name) for name in dict.fromkeys(names)] or list(range(len(known)))

    def _search(self, data: bytes, categories: list[int], name: str) -> list[dict[str, Any]]:
        """One greedy episode for each category; those that end in a trigger."""
        agent = self._checkpoint.agent
        image = open_image(data, name)
        upright = io.BytesIO()
        image.save(upright, "PNG", compress_level=1)
        sample = Sample(name, upright.getvalue(), *image.size, ())
        store = SampleStore.from_samples(
            [sample], self._checkpoint.categories, agent.encoder.image_size
        )
        # A policy keeps the images it looks at: requests side by side need their own.
        policy = GreedyPolicy(self._network)
        tasks = torch.tensor([(0, category) for category in categories])
        episodes = rollout(store, policy, agent.mdp, tasks, torch.Generator().manual_seed(0))
        boxes = []
        for number in episodes.terminated.nonzero().flatten().tolist():
            steps = int(episodes.steps[number])
            xmin, ymin, xmax, ymax = episodes.final_boxes[number].tolist()
            corners = to_voc((xmin, ymin, xmax, ymax))
            boxes.append(
                {
                    "category": store.categories[int(episodes.category[number])],
                    # The trigger is the last action.
                    "score": float(episodes.q_values[number, steps - 1, -1]),
                    "steps": steps,
                    **dict(zip(("xmin", "ymin", "xmax", "ymax"), corners, strict=True)),
                }
            )
        return boxes


def _decoded(text: str, row: int) -> bytes:
    """An image file's bytes; a ``data:`` address in front is taken off."""
    try:
        return base64.b64decode(text.rpartition(",")[2], validate=True)
    except (binascii.Error, ValueError, AttributeError) as error:
        raise ObjlocError(f"image {row}: expected base64 of an image file: {error}") from None


set_model(ServedAgent())
