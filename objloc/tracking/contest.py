"""Contests: which models are comparable, by which figure, and for which alias."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True)
class Contest:
    """Conditions that models must have in common to be compared.

    Attributes:
        data: name of the shards for training and evaluation.
        data_hash: hash of these shards.
        categories: categories that the agents know.
        metric: dotted name of the figure that is compared.
        image_set: image set of validation in training; never a test set.
        conditions: parameters of the evaluation that affect the figure.
    """

    data: str
    data_hash: str
    categories: tuple[str, ...]
    metric: str
    image_set: str
    conditions: Mapping[str, Any]

    @property
    def id(self) -> str:
        """Eight hexadecimal digits that identify the contest."""
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
        contest: the contest.
        sha256: SHA-256 of the checkpoint.
        value: the model's figure; None if it could not be measured.
    """

    contest: Contest
    sha256: str
    value: float | None

    def __str__(self) -> str:
        value = "not measured" if self.value is None else f"{self.value:.4f}"
        return f"{self.contest}: {value}"

    def summary(self) -> dict[str, Any]:
        """Plain values for a file; always the same for the same model."""
        contest = self.contest
        return {
            "sha256": self.sha256,
            "metric": contest.metric,
            "image_set": contest.image_set,
            "conditions": dict(contest.conditions),
            "value": self.value,
            "data": contest.data,
            "data_hash": contest.data_hash,
            "categories": list(contest.categories),
            "alias": contest.alias,
        }

    @classmethod
    def from_summary(cls, summary: Mapping[str, Any]) -> Self:
        """The entry with this summary.

        Raises:
            KeyError: something is missing.
        """
        contest = Contest(
            data=summary["data"],
            data_hash=summary["data_hash"],
            categories=tuple(summary["categories"]),
            metric=summary["metric"],
            image_set=summary["image_set"],
            conditions=summary["conditions"],
        )
        return cls(contest, summary["sha256"], summary["value"])
