"""Read what the ``evaluate`` stage wrote: metrics, the table of episodes, detections."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from objloc.box import from_voc
from objloc.checksums import verify_files
from objloc.data.sample import Coordinates
from objloc.data.store import SampleStore
from objloc.errors import ObjlocError
from objloc.evaluation.detections import file_name, read_detections
from objloc.evaluation.matching import Detections
from objloc.evaluation.metrics import ImageSetMetrics, Metrics, parse_metrics

_AGAIN = "run the evaluate stage again"

SearchKey = tuple[str, str]
"""Image id and category."""


@dataclass(frozen=True)
class EpisodeRow:
    """A row of ``episodes.csv``: how one greedy episode ended.

    Attributes:
        steps: actions, the trigger included.
        terminated: by a trigger.
        box: the last window, pixels.
        iou: IoU of that window with the best-matching object of the category.
        success: a trigger with IoU above the threshold of the evaluation.
    """

    steps: int
    terminated: bool
    box: Coordinates
    iou: float
    success: bool


@dataclass(frozen=True)
class EvaluationFiles:
    """The files of one image set of an evaluation.

    Attributes:
        folder: the evaluation's.
        image_set: its name.
        metrics: its part of ``metrics.json``.
        episodes: the greedy episodes by image and category, in the file's order.
    """

    folder: Path
    image_set: str
    metrics: ImageSetMetrics
    episodes: Mapping[SearchKey, EpisodeRow]

    @property
    def categories(self) -> tuple[str, ...]:
        """Categories of the model, in its order."""
        return self.metrics.model.categories

    @property
    def threshold(self) -> float:
        """IoU above which a trigger is a success."""
        return self.metrics.iou_threshold

    def detections(self, kind: str, store: SampleStore) -> dict[str, Detections]:
        """``triggered`` or ``attended`` detections by category.

        Args:
            kind: one of ``KINDS_OF_DETECTIONS``.
            store: the images that were searched.

        Raises:
            ObjlocError: a file is missing, malformed, or names images of another set.
        """
        names = {
            category: f"detections/{kind}/{file_name(self.image_set, category)}"
            for category in self.categories
        }
        verify_files(self.folder, names.values(), _AGAIN)
        known = frozenset(store.image_ids)
        return {
            category: read_detections(self.folder / name, known) for category, name in names.items()
        }

    def load_store(self, shards: Path, image_size: int | None = None) -> SampleStore:
        """Load the images that were searched; see ``SampleStore.load``.

        Raises:
            ObjlocError: other data than were evaluated, or damaged shards.
        """
        store = SampleStore.load(shards, self.image_set, self.categories, image_size)
        if store.data_hash != self.metrics.data.hash:
            raise ObjlocError(
                f"{self.folder}: expected an evaluation on the data in {shards}, "
                f"{store.data} ({store.data_hash[:12]}); found one on {self.metrics.data}"
            )
        # Those that ``evaluate.first_images`` left out were not missed.
        return store.first(self.metrics.images)


def read_metrics(path: Path) -> Metrics:
    """Read ``metrics.json``.

    Raises:
        ObjlocError: there is no such file, or it is damaged or another file.
    """
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        raise ObjlocError(
            f"{path}: expected the figures of an evaluation; found no such file: "
            "run the evaluate stage first"
        ) from None
    except OSError as error:
        raise ObjlocError(f"{path}: cannot be read: {error.strerror or error}") from None
    verify_files(path.parent, (path.name,), _AGAIN)
    return parse_metrics(text, path)


def read_evaluation(folder: Path, image_set: str) -> EvaluationFiles:
    """Read what was measured on an image set.

    Raises:
        ObjlocError: no evaluation, or none of that set; a malformed file.
    """
    verify_files(folder, ("episodes.csv",), _AGAIN)
    metrics = read_metrics(folder / "metrics.json")
    if image_set not in metrics:
        raise ObjlocError(
            f"{folder}: expected an evaluation of image set '{image_set}'; "
            f"found {', '.join(metrics) or 'none'}"
        )
    episodes = _read_episodes(folder / "episodes.csv", image_set)
    return EvaluationFiles(folder, image_set, metrics[image_set], episodes)


def _read_episodes(path: Path, image_set: str) -> dict[SearchKey, EpisodeRow]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = [row for row in csv.DictReader(file) if row.get("image_set") == image_set]
    except FileNotFoundError:
        raise ObjlocError(f"{path}: expected a table of episodes; found no file") from None
    except (OSError, ValueError, csv.Error) as error:
        raise ObjlocError(f"{path}: expected a table of episodes; found {error}") from None
    found: dict[SearchKey, EpisodeRow] = {}
    for row in rows:
        try:
            corners = [float(row[name]) for name in ("xmin", "ymin", "xmax", "ymax")]
            found[row["image_id"], row["category"]] = EpisodeRow(
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
