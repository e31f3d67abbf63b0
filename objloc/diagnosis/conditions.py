"""Conditions of an evaluation, in which two must agree to be compared."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from objloc.data.shard_index import read_index
from objloc.errors import ObjlocError
from objloc.evaluation.metrics import DataName, ImageSetMetrics
from objloc.params import Evaluate


@dataclass(frozen=True)
class Conditions:
    """Conditions under which an evaluation was measured, or will be.

    Attributes:
        data: the shards.
        image_set: name of the image set.
        images: number of images of it that are searched.
        threshold: IoU above which a trigger is a success.
        categories: the model's.
    """

    data: DataName
    image_set: str
    images: int
    threshold: float
    categories: tuple[str, ...]

    @classmethod
    def of(cls, image_set: str, metrics: ImageSetMetrics) -> Self:
        """Those of an evaluation."""
        categories = metrics.model.categories
        return cls(metrics.data, image_set, metrics.images, metrics.iou_threshold, categories)

    @classmethod
    def to_come(
        cls, image_set: str, shards: Path, params: Evaluate, categories: tuple[str, ...]
    ) -> Self:
        """Those of a whole image set that is yet to be measured.

        Raises:
            ObjlocError: there are no shards, or they lack the image set.
        """
        index = read_index(shards)
        if not index.knows(image_set):
            raise ObjlocError(
                f"{shards}: expected shards of image set '{image_set}'; "
                f"found {', '.join(index.image_sets)}"
            )
        data = DataName(name=index.data, hash=index.data_hash)
        images = index.image_set(image_set).samples
        return cls(data, image_set, images, params.iou_threshold, categories)

    def require_alike(self, other: "Conditions", both: str) -> None:
        """Refuse two evaluations that cannot be compared.

        Args:
            other: conditions of the other evaluation.
            both: names of the two, for the message.

        Raises:
            ObjlocError: they are of other data, images or thresholds, or have no category in
                common.
        """
        for what, one, another in (
            ("evaluations on the same data", self.data, other.data),
            ("evaluations of one image set", f"'{self.image_set}'", f"'{other.image_set}'"),
            (
                "evaluations of as many images (evaluate.first_images)",
                self.images,
                other.images,
            ),
            ("one evaluate.iou_threshold", f"{self.threshold:g}", f"{other.threshold:g}"),
        ):
            if one != another:
                raise ObjlocError(f"{both}: expected {what}; found {one} and {another}")
        if not set(self.categories) & set(other.categories):
            raise ObjlocError(
                f"{both}: expected a category that both know; found "
                f"{', '.join(self.categories)} and {', '.join(other.categories)}"
            )
