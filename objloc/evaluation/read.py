"""What the ``evaluate`` stage wrote of one image set, read back."""

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from objloc.box import from_voc
from objloc.data.sample import Coordinates
from objloc.errors import ObjlocError
from objloc.evaluation.average_precision import Detections
from objloc.evaluation.detections import file_name, read_detections

SearchKey = tuple[str, str]
"""Image id and category."""


@dataclass(frozen=True)
class Ended:
    """How one greedy search ended: a row of ``episodes.csv``.

    Attributes:
        steps: actions, the trigger included.
        terminated: by a trigger.
        box: the last window, pixels.
        iou: of it with the best-matching object of the category.
        success: a trigger with IoU above the threshold of the evaluation.
    """

    steps: int
    terminated: bool
    box: Coordinates
    iou: float
    success: bool


@dataclass(frozen=True)
class Evaluated:
    """One image set of an evaluation.

    Attributes:
        folder: of the evaluation.
        image_set: the set.
        metrics: its part of ``metrics.json``.
        searches: the greedy searches by image and category, in the file's order.
    """

    folder: Path
    image_set: str
    metrics: Mapping[str, Any]
    searches: Mapping[SearchKey, Ended]

    @property
    def categories(self) -> tuple[str, ...]:
        """Of the model, in its order."""
        return tuple(self.metrics["model"]["categories"])

    @property
    def threshold(self) -> float:
        """Success is a trigger with IoU above it."""
        return float(self.metrics["iou_threshold"])

    @property
    def data(self) -> str:
        """Name and hash of the data, for messages."""
        data = self.metrics["data"]
        return f"{data['name']} ({data['hash'][:12]})"

    def detections(self, kind: str) -> dict[str, Detections]:
        """``triggered`` or ``attended``, by category.

        Raises:
            ObjlocError: a file is missing or malformed.
        """
        folder = self.folder / "detections" / kind
        return {
            category: read_detections(folder / file_name(self.image_set, category))
            for category in self.categories
        }


def read_metrics(folder: Path) -> dict[str, Any]:
    """``metrics.json`` of an evaluation, by image set.

    Raises:
        ObjlocError: there is none, or it is no such file.
    """
    path = folder / "metrics.json"
    try:
        metrics = json.loads(path.read_text("utf-8"))
        for part in metrics.values():
            _ = part["model"]["categories"], part["data"]["hash"], part["iou_threshold"]
    except FileNotFoundError:
        raise ObjlocError(f"{path}: expected the figures of an evaluation; found no file") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise ObjlocError(
            f"{path}: expected metrics.json of stages.evaluate; found another or a damaged file"
        ) from None
    return dict(metrics)


def read_evaluated(folder: Path, image_set: str) -> Evaluated:
    """Read what was measured on an image set.

    Raises:
        ObjlocError: no evaluation, or none of that set; a malformed file.
    """
    metrics = read_metrics(folder)
    if image_set not in metrics:
        raise ObjlocError(
            f"{folder}: expected an evaluation of image set '{image_set}'; "
            f"found {', '.join(metrics) or 'none'}"
        )
    return Evaluated(
        folder, image_set, metrics[image_set], _read_episodes(folder / "episodes.csv", image_set)
    )


def _read_episodes(path: Path, image_set: str) -> dict[SearchKey, Ended]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = [row for row in csv.DictReader(file) if row.get("image_set") == image_set]
    except FileNotFoundError:
        raise ObjlocError(f"{path}: expected a table of episodes; found no file") from None
    except (OSError, ValueError, csv.Error) as error:
        raise ObjlocError(f"{path}: expected a table of episodes; found {error}") from None
    found: dict[SearchKey, Ended] = {}
    for row in rows:
        try:
            corners = [float(row[name]) for name in ("xmin", "ymin", "xmax", "ymax")]
            found[row["image_id"], row["category"]] = Ended(
                steps=int(row["steps"]),
                terminated=row["terminated"] == "1",
                box=from_voc((corners[0], corners[1], corners[2], corners[3])),
                iou=float(row["iou"]),
                success=row["success"] == "1",
            )
        except (ValueError, KeyError, TypeError):
            line = ",".join(map(str, row.values()))
            raise ObjlocError(f"{path}: expected rows of stages.evaluate; found {line}") from None
    return found
