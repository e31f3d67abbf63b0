"""One image set in memory, ready for the agent.

N images, at most K objects in one, C categories, S pixels a side.
"""

import io
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from objloc.data.image_batch import Images, NoImages, Pixels
from objloc.data.sample import Coordinates, Sample, coordinates
from objloc.data.shard_index import read_index
from objloc.data.shard_reader import read_samples
from objloc.errors import ObjlocError


@dataclass(frozen=True)
class SampleStore:
    """The annotated images of one image set as tensors.

    Attributes:
        data, data_hash: name and hash of the shards read.
        image_set: name of the set.
        image_ids: N names of files in the devkit, without their endings.
        categories: the agent's categories, in order.
        sizes: ``[N, 2]`` float64, width and height in pixels as annotated.
        images: fetched as ``images[rows]``: pixels, features in their place, or none.
        boxes: ``[N, K, 4]`` float64, pixels as annotated, padded with zeros.
        object_category: ``[N, K]`` int64 index into ``categories``; -1 where
            padded or of a category that the agent does not know.
        difficult: ``[N, K]`` bool.
        jpegs: contents of the N image files.
    """

    data: str
    data_hash: str
    image_set: str
    image_ids: tuple[str, ...]
    categories: tuple[str, ...]
    sizes: Tensor
    images: Images
    boxes: Tensor
    object_category: Tensor
    difficult: Tensor
    jpegs: tuple[bytes, ...]

    @classmethod
    def load(
        cls, folder: Path, image_set: str, categories: tuple[str, ...], image_size: int | None
    ) -> Self:
        """Read an image set from the shards in a folder.

        If ``image_size`` is None, no image is decoded and the store has none.

        Raises:
            ObjlocError: there is no such image set, or the shards are damaged.
        """
        index = read_index(folder)
        return cls.from_samples(
            read_samples(folder, image_set),
            categories,
            image_size,
            data=index.data,
            data_hash=index.data_hash,
            image_set=image_set,
        )

    @classmethod
    def from_samples(
        cls,
        samples: Iterable[Sample],
        categories: tuple[str, ...],
        image_size: int | None,
        *,
        data: str = "",
        data_hash: str = "",
        image_set: str = "",
    ) -> Self:
        """Decode samples and lay them out as tensors.

        Raises:
            ObjlocError: there are no samples, or an image can't be decoded.
        """
        samples = list(samples)
        if not samples:
            raise ObjlocError(f"image set '{image_set}': expected at least one image; found none")
        columns = max(1, *(len(sample.objects) for sample in samples))
        number = len(samples)
        boxes = torch.zeros(number, columns, 4, dtype=torch.float64)
        object_category = torch.full((number, columns), -1, dtype=torch.int64)
        difficult = torch.zeros(number, columns, dtype=torch.bool)
        side = image_size or 0
        pixels = torch.empty(number, 3, side, side, dtype=torch.uint8)
        for row, sample in enumerate(samples):
            if side:
                pixels[row] = squash(sample, side)
            for column, item in enumerate(sample.objects):
                boxes[row, column] = torch.tensor(item.box, dtype=torch.float64)
                difficult[row, column] = item.difficult
                if item.category in categories:
                    object_category[row, column] = categories.index(item.category)
        return cls(
            data=data,
            data_hash=data_hash,
            image_set=image_set,
            image_ids=tuple(sample.image_id for sample in samples),
            categories=categories,
            sizes=torch.tensor([(s.width, s.height) for s in samples], dtype=torch.float64),
            images=Pixels(pixels) if side else NoImages(),
            boxes=boxes,
            object_category=object_category,
            difficult=difficult,
            jpegs=tuple(sample.jpeg for sample in samples),
        )

    def __len__(self) -> int:
        return len(self.image_ids)

    def without_images(self) -> Self:
        """The same store without images for encoders; files and annotations stay."""
        return replace(self, images=NoImages())

    def first(self, number: int) -> Self:
        """The store of its first images; all if it has no more."""
        rows = slice(0, number)
        return replace(
            self,
            image_ids=self.image_ids[rows],
            sizes=self.sizes[rows],
            boxes=self.boxes[rows],
            object_category=self.object_category[rows],
            difficult=self.difficult[rows],
            jpegs=self.jpegs[rows],
        )

    def of_category(self, category: int) -> Self:
        """The same images, with the objects of one category alone."""
        mine = self.object_category == category
        return replace(
            self,
            categories=self.categories[category : category + 1],
            object_category=torch.where(mine, 0, -1),
        )

    def presence(self) -> Tensor:
        """``[N, C]`` bool: whether the image holds the category (a difficult object counts)."""
        index = torch.arange(len(self.categories))
        return (self.object_category[:, :, None] == index).any(dim=1)

    def tasks(self, wanted: Iterable[int] | None = None) -> Tensor:
        """``[M, 2]`` int64 (image, category) of each category present, by image.

        Args:
            wanted: indices of the categories; None: all.

        Raises:
            ObjlocError: a category is in no image of the set.
        """
        presence = self.presence()
        indices = sorted(range(len(self.categories)) if wanted is None else wanted)
        for index in indices:
            if not presence[:, index].any():
                raise ObjlocError(
                    f"image set '{self.image_set}' of {self.data}: expected images that hold "
                    f"'{self.categories[index]}'; found none among {len(self)}"
                )
        others = torch.ones(len(self.categories), dtype=torch.bool)
        others[indices] = False
        return (presence & ~others).nonzero()

    def absent_tasks(self, tasks: Tensor, number: int, generator: torch.Generator) -> Tensor:
        """``[number, 2]`` int64 (image, category) drawn at random where the category is absent.

        Args:
            tasks: ``[M, 2]`` int64; their categories are drawn.
            number: how many; there are none where every image holds every category.
            generator: source of random draws.
        """
        lacks = ~self.presence()
        lacks &= torch.isin(torch.arange(lacks.shape[1]), tasks[:, 1])
        pairs = lacks.nonzero()
        if number == 0 or len(pairs) == 0:
            return tasks[:0]
        return pairs[torch.randint(len(pairs), (number,), generator=generator)]

    def objects_of(self, image: Tensor, category: Tensor) -> tuple[Tensor, Tensor]:
        """Boxes of a category's objects.

        Args:
            image: ``[B]`` int64.
            category: ``[B]`` int64.

        Returns:
            Boxes ``[B, K, 4]`` and ``[B, K]`` bool, True where they are real.
        """
        return self.boxes[image], self.object_category[image] == category[:, None]

    def ground_truth(self, image: int, category: int) -> list[tuple[Coordinates, bool]]:
        """Objects of a category in an image: boxes in pixels, and whether each is difficult."""
        mine = self.object_category[image] == category
        boxes, difficult = self.boxes[image][mine].tolist(), self.difficult[image][mine].tolist()
        return [(coordinates(box), hard) for box, hard in zip(boxes, difficult, strict=True)]


def squash(sample: Sample, image_size: int) -> Tensor:
    """Scale an image to a square, whatever its shape: ``[3, S, S]`` uint8.

    Raises:
        ObjlocError: the image can't be decoded.
    """
    try:
        with Image.open(io.BytesIO(sample.jpeg), formats=["JPEG", "PNG"]) as file:
            image = file.convert("RGB").resize((image_size, image_size), Image.Resampling.BILINEAR)
    except (OSError, Image.DecompressionBombError) as error:
        raise ObjlocError(f"image {sample.image_id}: cannot be decoded: {error}") from None
    return torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1)
