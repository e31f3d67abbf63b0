"""What a search of a picture found, in the formats people use."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from objloc.box import to_voc
from objloc.data.sample import Coordinates
from objloc.errors import ObjlocError

if TYPE_CHECKING:
    from PIL import Image

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Look:
    """One step of a search.

    Attributes:
        box: the window looked at, in pixels.
        action: what the agent did then: one of ``Result.actions``, or, in a
            search with a budget, ``learned_step`` where it went as far as it has learned to,
            ``learned_zoom`` where it went to what it took for an object in a quarter of the window.
        values: the Q-value of each action, in the order of ``Result.actions``.
        category: for which it did so and the values are, where that is another than
            the search's: in a search with a budget categories share their ways.
        further: moves made after the same look, along other axes.
    """

    box: Coordinates
    action: str
    values: tuple[float, ...]
    category: str | None = None
    further: tuple[str, ...] = ()


@dataclass(frozen=True)
class Search:
    """One search for one category.

    Attributes:
        category: what was searched for.
        looks: the windows in order; their number is that of the steps.
        final_box: the window at the end.
        triggered: the agent said "here"; else the steps ran out.
        after: windows of the picture looked at when it ended, in a search with a
            budget; else 0.
    """

    category: str
    looks: tuple[Look, ...]
    final_box: Coordinates
    triggered: bool
    after: int = 0

    @property
    def score(self) -> float:
        """Q-value of the trigger in the last step: not a probability.

        It is about ``trigger_reward`` where the agent is sure.
        """
        return self.looks[-1].values[-1]

    @property
    def steps(self) -> int:
        """Windows looked at; the trigger is the last action."""
        return len(self.looks)


@dataclass(frozen=True)
class Seen:
    """One window that a search with a budget looked at, for all categories at once.

    Attributes:
        box: in pixels.
        parent: number of the window from which it was reached; -1 for a start window.
        category: whose search went there; None for a start window.
        actions: by which it did; several may follow one look.
        scores: the trigger's Q-value for each of ``Result.searched``.
        triggered: the categories triggered on here.
    """

    box: Coordinates
    parent: int
    category: str | None
    actions: tuple[str, ...]
    scores: tuple[float, ...]
    triggered: tuple[str, ...]


@dataclass(frozen=True)
class Found:
    """A box that holds an object, as the agent says.

    Attributes:
        category: of the object.
        box: ``(xmin, ymin, xmax, ymax)`` in pixels, zero-based and half-open.
        score: see ``Search.score``.
        search: that ended on it.
    """

    category: str
    box: Coordinates
    score: float
    search: Search


@dataclass(frozen=True)
class Result:
    """What was found in a picture. All boxes count in the pixels of the upright picture.

    Attributes:
        name: of the picture.
        image: upright 8-bit RGB.
        categories: those the agent knows.
        actions: the agent's, in the order of the Q-values; the last is the trigger.
        found: best score first.
        searches: one for each category, in their order; with a budget, one for each
            trigger, in the order of triggering: the way to its window.
        searched: the categories asked for.
        seen: with a budget, all windows looked at, in their order; else empty.
    """

    name: str
    image: "Image.Image"
    categories: tuple[str, ...]
    actions: tuple[str, ...]
    found: tuple[Found, ...]
    searches: tuple[Search, ...]
    searched: tuple[str, ...] = ()
    seen: tuple[Seen, ...] = ()

    def __len__(self) -> int:
        return len(self.found)

    @property
    def windows(self) -> int:
        """Windows looked at in all searches together."""
        return len(self.seen) or sum(search.steps for search in self.searches)

    @property
    def missing(self) -> list[str]:
        """The categories asked for of which no object was found."""
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
        """``[N, 4]``: xmin, ymin, xmax, ymax as shares of the picture's sides."""
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
        """Plain values: what the service answers and ``objloc predict`` writes.

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
                    "steps": each.search.steps,
                    "xyxy": list(each.box),
                    "voc": list(to_voc(each.box)),
                    "trajectory": _trajectory(each.search),
                }
                for each in self.found
            ],
            "without_box": [
                {
                    "category": search.category,
                    "triggered": search.triggered,
                    "steps": search.steps,
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


def _trajectory(search: Search) -> list[dict[str, Any]]:
    return [
        {
            "xyxy": list(look.box),
            "category": look.category or search.category,
            "action": look.action,
            "further": list(look.further),
            "values": [_plain(value) for value in look.values],
        }
        for look in search.looks
    ]


def _plain(value: float) -> float:
    """A float32 in the nine digits that tell all of them apart."""
    return float(f"{value:.9g}")
