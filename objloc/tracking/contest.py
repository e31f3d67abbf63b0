"""Which models may be compared, by what, and the alias they compete for."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any

from objloc.errors import ObjlocError


@dataclass(frozen=True)
class Contest:
    """What models must share for one to be called better than another.

    Attributes:
        data: name of the shards the models learned from and were measured on.
        data_hash: their hash.
        categories: of the agents.
        metric: dotted name of the figure compared.
        image_set: the one training validated on; never a test set.
        conditions: how it was measured, as far as that decides the figure.
    """

    data: str
    data_hash: str
    categories: tuple[str, ...]
    metric: str
    image_set: str
    conditions: Mapping[str, Any]

    @property
    def id(self) -> str:
        """Eight hexadecimal digits that two contests do not share."""
        parts = [
            self.data_hash,
            sorted(self.categories),
            self.metric,
            self.image_set,
            self.conditions,
        ]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:8]

    @property
    def alias(self) -> str:
        """``champion-voc2007-cat-1f0c9a3e``: data, categories, id."""
        named = len(self.categories) <= 3
        categories = "-".join(self.categories) if named else f"{len(self.categories)}-categories"
        words = f"champion-{self.data}-{categories}".lower()
        return f"{re.sub(r'[^a-z0-9]+', '-', words)[:100].strip('-')}-{self.id}"

    def __str__(self) -> str:
        listed = ", ".join(self.categories)
        return f"{self.image_set} {self.metric} on {self.data} ({listed})"


@dataclass(frozen=True)
class Entry:
    """A model in a contest.

    Attributes:
        contest: the one.
        sha256: of the checkpoint.
        value: what it scored; None if that could not be measured.
    """

    contest: Contest
    sha256: str
    value: float | None

    def __str__(self) -> str:
        value = "not measured" if self.value is None else f"{self.value:.4f}"
        return f"{self.contest}: {value}"

    def summary(self) -> dict[str, Any]:
        """All of it that the same model always has, for a file."""
        contest = self.contest
        return {
            "sha256": self.sha256,
            "metric": contest.metric,
            "image_set": contest.image_set,
            "value": self.value,
            "data": contest.data,
            "data_hash": contest.data_hash,
            "categories": list(contest.categories),
            "alias": contest.alias,
        }


def read_entry(path: Path, *, sha256: str, data_hash: str, image_set: str, metric: str) -> Entry:
    """A model's entry, from the figures that ``evaluate`` wrote.

    Args:
        path: ``metrics.json``.
        sha256: of the checkpoint.
        data_hash: of the shards it learned from.
        image_set: the one its training validated on.
        metric: dotted name of a figure.

    Raises:
        ObjlocError: no such file, image set or figure; figures of another model
            or of other data.
    """
    try:
        figures = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise ObjlocError(f"{path}: no such file: run the evaluate stage first") from None
    except (OSError, ValueError) as error:
        raise ObjlocError(f"{path}: expected the figures of evaluate: {error}") from None
    if not isinstance(figures, dict) or image_set not in figures:
        found = ", ".join(figures) if isinstance(figures, dict) else type(figures).__name__
        raise ObjlocError(
            f"{path}: expected figures of image set '{image_set}', which training validated on "
            f"(evaluate.image_sets); found {found or 'none'}"
        )
    part = figures[image_set]
    try:
        model, data = part["model"], part["data"]
        value = reduce(lambda node, key: node[key], metric.split("."), part)
    except (KeyError, TypeError) as error:
        raise ObjlocError(f"{path}: {image_set}: expected {metric}; found no {error}") from None
    if model["sha256"] != sha256:
        raise ObjlocError(
            f"{path}: expected figures of the model {sha256[:12]}…; "
            f"found those of {model['sha256'][:12]}…: run the evaluate stage again"
        )
    if data["hash"] != data_hash:
        raise ObjlocError(
            f"{path}: expected figures on the data that the model learned from "
            f"({data_hash[:12]}…); found {data['name']} ({data['hash'][:12]}…)"
        )
    contest = Contest(
        data=data["name"],
        data_hash=data_hash,
        categories=tuple(model["categories"]),
        metric=metric,
        image_set=image_set,
        conditions=_conditions(part, metric),
    )
    return Entry(contest, sha256, None if value is None else float(value))


def _conditions(part: Mapping[str, Any], metric: str) -> dict[str, Any]:
    """The parameters of ``evaluate`` without which two figures can't be compared."""
    names = {
        "success_rate.greedy.mean": ("iou_threshold", "images_by_category"),
        "success_rate.episodes15.mean": (
            "iou_threshold", "images_by_category", "episodes", "epsilon",
        ),
    }.get(metric, ("images", "nms", "soft_nms"))  # fmt: skip
    return {name: part.get(name) for name in names}
