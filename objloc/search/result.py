"""The result of searching a picture, in the formats people use."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from objloc.box import to_voc
from objloc.data.sample import Coordinates
from objloc.errors import ObjlocError
from objloc.search.trajectory import Trajectory, VisitedWindow
from objloc.wording import abridged, counted

if TYPE_CHECKING:
    from PIL import Image

Floats = NDArray[np.float64]

_SHOWN = 10
"""Maximum number of boxes that a result's repr lists."""


@dataclass(frozen=True)
class Found:
    """A box in which the agent has found an object.

    Attributes:
        category: the object's category.
        box: ``(xmin, ymin, xmax, ymax)`` in pixels, zero-based and half-open.
        score: see ``Trajectory.score``.
        search: the search that ended on it.
    """

    category: str
    box: Coordinates
    score: float
    search: Trajectory = field(repr=False)


@dataclass(frozen=True)
class Result:
    """The boxes found in a picture, and how. All boxes are in pixels of the upright picture.

    Attributes:
        name: the picture's name.
        image: upright 8-bit RGB.
        categories: those the agent knows.
        actions: the agent's, in the order of the Q-values; the last is the trigger.
        found: best score first.
        searches: one for each category, in their order; with a budget, one for each
            trigger, in the order of triggering: the way to its window.
        searched: the categories asked for.
        seen: with a budget, all windows visited, in their order; else empty.
    """

    name: str
    image: "Image.Image"
    categories: tuple[str, ...]
    actions: tuple[str, ...]
    found: tuple[Found, ...]
    searches: tuple[Trajectory, ...]
    searched: tuple[str, ...] = ()
    seen: tuple[VisitedWindow, ...] = ()

    def __repr__(self) -> str:
        boxes = [f"{each.category} {each.score:.2f}" for each in self.found]
        listed = abridged(boxes, _SHOWN) if boxes else "nothing"
        return f"Result({self.name!r}: {listed}; {counted(self.windows, 'window')})"

    def __len__(self) -> int:
        return len(self.found)

    @property
    def windows(self) -> int:
        """Number of windows looked at in all searches together."""
        return len(self.seen) or sum(len(search.steps) for search in self.searches)

    @property
    def missing(self) -> list[str]:
        """The categories asked for without a box."""
        return [name for name in self.searched if name not in self.labels]

    @property
    def labels(self) -> list[str]:
        """The category of each box."""
        return [each.category for each in self.found]

    @property
    def scores(self) -> Floats:
        """``[N]``: the value of each box's trigger; not a probability."""
        return np.array([each.score for each in self.found], dtype=np.float64)

    @cached_property
    def xyxy(self) -> Floats:
        """``[N, 4]``: xmin, ymin, xmax, ymax in pixels, zero-based, half-open."""
        return np.array([each.box for each in self.found], dtype=np.float64).reshape(-1, 4)

    @property
    def xywh(self) -> Floats:
        """``[N, 4]``: xmin, ymin, width, height in pixels, as COCO has them."""
        return np.concatenate([self.xyxy[:, :2], self.xyxy[:, 2:] - self.xyxy[:, :2]], axis=1)

    @property
    def xyxyn(self) -> Floats:
        """``[N, 4]``: xmin, ymin, xmax, ymax as fractions of the picture's sides."""
        return self.xyxy / np.array(self.image.size * 2, dtype=np.float64)

    @property
    def voc(self) -> Floats:
        """``[N, 4]``: xmin, ymin, xmax, ymax, one-based and inclusive, as Pascal VOC has them."""
        return np.array([to_voc(each.box) for each in self.found], dtype=np.float64).reshape(-1, 4)

    def to_supervision(self) -> Any:
        """The boxes as ``supervision.Detections``.

        ``class_id`` counts the agent's categories; ``data["class_name"]`` has
        their names.

        Raises:
            ObjlocError: the package is not installed; names the extra.
        """
        try:
            import supervision  # noqa: PLC0415
        except ImportError:
            raise ObjlocError(
                "to_supervision: expected the package supervision; not installed "
                "(pip install 'objloc[supervision]')"
            ) from None
        return supervision.Detections(
            xyxy=self.xyxy.astype(np.float32),
            confidence=self.scores.astype(np.float32),
            class_id=np.array([self.categories.index(name) for name in self.labels], dtype=int),
            data={"class_name": np.array(self.labels, dtype=np.str_)},
        )

    def as_json(self) -> dict[str, Any]:
        """The result as plain values: the service's answer and the file of ``objloc predict``.

        Each field is explained in docs/serving.md.
        """
        kept = {id(each.search) for each in self.found}
        return {
            "image": self.name,
            "width": self.image.width,
            "height": self.image.height,
            "windows": self.windows,
            "actions": list(self.actions),
            "boxes": [
                {
                    "category": each.category,
                    "score": _plain(each.score),
                    "steps": len(each.search.steps),
                    "xyxy": list(each.box),
                    "voc": list(to_voc(each.box)),
                    "trajectory": _trajectory(each.search),
                }
                for each in self.found
            ],
            "without_box": [
                {
                    "category": search.category,
                    "triggered": search.terminated,
                    "steps": len(search.steps),
                    "trajectory": _trajectory(search),
                }
                for search in self.searches
                if id(search) not in kept
            ],
            "searched": list(self.searched),
            "seen": [
                {
                    "xyxy": list(each.box),
                    "parent": each.parent,
                    "category": each.category or "",
                    "actions": list(each.actions),
                    "scores": [_plain(score) for score in each.scores],
                    "triggered": list(each.triggered),
                }
                for each in self.seen
            ],
        }


def _trajectory(search: Trajectory) -> list[dict[str, Any]]:
    return [
        {
            "xyxy": list(step.box),
            "category": step.category or search.category,
            "action": step.action,
            "further": list(step.further),
            "values": [_plain(value) for value in step.q_values],
        }
        for step in search.steps
    ]


def _plain(value: float) -> float:
    """A float32 in nine digits, enough to distinguish any two."""
    return float(f"{value:.9g}")
