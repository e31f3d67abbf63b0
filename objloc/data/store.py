"""One image set, ready for the agent: geometry in memory, files where they lie.

N images, at most K objects in one, C categories, S pixels a side.
"""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from objloc.data.decode import PixelsOnDemand, squash_ahead
from objloc.data.image_batch import Images, NoImages, Pixels
from objloc.data.sample import Coordinates, Sample, coordinates
from objloc.data.shard_index import read_index
from objloc.data.shard_reader import ShardFiles, read_placed_samples
from objloc.errors import ObjlocError

MEMORY_MB = 500
"""Maximum size in megabytes of an image set's pixels in memory, unless a parameter says it."""
_DECODED_AHEAD = 64


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
        jpegs: contents of the N image files; those of shards are read when asked for.
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
    jpegs: Sequence[bytes]

    @classmethod
    def load(
        cls,
        folder: Path,
        image_set: str,
        categories: tuple[str, ...],
        image_size: int | None,
        memory_mb: int = MEMORY_MB,
    ) -> Self:
        """Read an image set from the shards in a folder.

        Args:
            folder: folder of shards.
            image_set: name of the set.
            categories: the agent's.
            image_size: side S of the decoded images; None: the store has no images.
            memory_mb: images that take more megabytes are not decoded now, but when they
                are asked for.

        Raises:
            ObjlocError: there is no such image set, or the shards are damaged.
        """
        index = read_index(folder)
        files = ShardFiles()

        def placed() -> Iterator[Sample]:
            for sample, place in read_placed_samples(folder, image_set):
                files.append(place)
                yield sample

        geometry = _Geometry(categories)
        samples = geometry.watch(placed())
        images: Images = NoImages()
        number = index.image_set(image_set).samples if index.knows(image_set) else 0
        if image_size and number * 3 * image_size**2 <= memory_mb * 1_000_000:
            images = _decoded(samples, number, image_size)
        else:
            _exhaust(samples)
            if image_size:
                images = PixelsOnDemand(files, geometry.image_ids, image_size, memory_mb)
        return cls(
            data=index.data,
            data_hash=index.data_hash,
            image_set=image_set,
            images=images,
            jpegs=files,
            **geometry.tensors(image_set),
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
        geometry = _Geometry(categories)
        watched = geometry.watch(samples)
        images: Images = NoImages()
        if image_size:
            images = _decoded(watched, len(samples), image_size)
        else:
            _exhaust(watched)
        return cls(
            data=data,
            data_hash=data_hash,
            image_set=image_set,
            images=images,
            jpegs=tuple(sample.jpeg for sample in samples),
            **geometry.tensors(image_set),
        )

    def __len__(self) -> int:
        return len(self.image_ids)

    def to(self, device: torch.device) -> Self:
        """The same store with all tensors on a device, and images that lie in memory."""
        return replace(
            self,
            sizes=self.sizes.to(device),
            images=self.images.to(device),
            boxes=self.boxes.to(device),
            object_category=self.object_category.to(device),
            difficult=self.difficult.to(device),
        )

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
        index = torch.arange(len(self.categories), device=self.object_category.device)
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


class _Geometry:
    """Sizes and objects of samples, collected as they pass by."""

    def __init__(self, categories: tuple[str, ...]) -> None:
        self.image_ids: list[str] = []
        self._categories = categories
        self._index = {name: number for number, name in enumerate(categories)}
        self._sizes, self._boxes = array("d"), array("d")
        self._objects, self._category, self._difficult = array("q"), array("q"), array("b")

    def watch(self, samples: Iterable[Sample]) -> Iterator[Sample]:
        """Pass samples on and collect their geometry."""
        for sample in samples:
            self.image_ids.append(sample.image_id)
            self._sizes.extend((sample.width, sample.height))
            self._objects.append(len(sample.objects))
            for item in sample.objects:
                self._boxes.extend(item.box)
                self._category.append(self._index.get(item.category, -1))
                self._difficult.append(item.difficult)
            yield sample

    def tensors(self, image_set: str) -> dict[str, Any]:
        """The geometry as attributes of a ``SampleStore``.

        Raises:
            ObjlocError: there were no samples.
        """
        if not self.image_ids:
            raise ObjlocError(f"image set '{image_set}': expected at least one image; found none")
        objects = torch.from_numpy(np.array(self._objects))
        number, columns = len(objects), max(1, int(objects.max()))
        real = torch.arange(columns) < objects[:, None]
        boxes = torch.zeros(number, columns, 4, dtype=torch.float64)
        boxes[real] = torch.from_numpy(np.array(self._boxes)).view(-1, 4)
        object_category = torch.full((number, columns), -1, dtype=torch.int64)
        object_category[real] = torch.from_numpy(np.array(self._category))
        difficult = torch.zeros(number, columns, dtype=torch.bool)
        difficult[real] = torch.from_numpy(np.array(self._difficult)) > 0
        return {
            "image_ids": tuple(self.image_ids),
            "categories": self._categories,
            "sizes": torch.from_numpy(np.array(self._sizes)).view(-1, 2),
            "boxes": boxes,
            "object_category": object_category,
            "difficult": difficult,
        }


def _decoded(samples: Iterable[Sample], number: int, image_size: int) -> Pixels:
    """All images of ``number`` samples."""
    pixels = torch.empty(number, 3, image_size, image_size, dtype=torch.uint8)
    files = ((sample.image_id, sample.jpeg) for sample in samples)
    for row, picture in enumerate(squash_ahead(files, image_size, _DECODED_AHEAD)):
        # The reader refuses a shard of more samples than its index states at the shard's end.
        if row < number:
            pixels[row] = picture
    return Pixels(pixels)


def _exhaust(samples: Iterable[Sample]) -> None:
    """Let all samples pass by."""
    for _ in samples:
        pass
